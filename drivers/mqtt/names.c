/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/names.h"

#include "drivers/mqtt/options.h"
#include "drivers/mqtt/topic.h"
#include "gateway/core/log.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_ROOM 64

struct entry {
    char *topic;
    uint32_t hash;
    uint32_t sensors[];
};

struct names {
    struct source *source;
    size_t sensor_count;  /* of the configuration */
    uint32_t *configured; /* their indices when no name has a wildcard; else NULL */

    /* open addressing, at most half full; room is a power of two */
    struct entry **table;
    size_t room, count;
    size_t made; /* sensors that this source created */
};

static bool any_capture(const struct source_config *c)
{
    const struct sensor_config *s;

    for (size_t i = 0; (s = source_sensor(c, i)); i++) {
        if (s->index == SENSOR_NONE)
            return true;
    }
    return false;
}

struct names *names_create(struct source *s)
{
    struct names *n = calloc(1, sizeof(*n));
    const struct sensor_config *c;
    if (!n)
        return NULL;
    n->source = s;
    while (source_sensor(s->config, n->sensor_count))
        n->sensor_count++;
    if (any_capture(s->config)) {
        n->room = FIRST_ROOM;
        n->table = calloc(n->room, sizeof(struct entry *));
    } else {
        n->configured = calloc(n->sensor_count, sizeof(*n->configured));
        for (size_t i = 0; n->configured && (c = source_sensor(s->config, i)); i++)
            n->configured[i] = c->index;
    }
    if (!n->table && !n->configured) {
        free(n);
        return NULL;
    }
    return n;
}

void names_destroy(struct names *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->room; i++)
        free(n->table[i]);
    free(n->table);
    free(n->configured);
    free(n);
}

/* FNV-1a (Fowler, Noll, Vo), 32 bits. */
static uint32_t hash_of(const char *text)
{
    uint32_t h = 2166136261u;

    for (; *text; text++)
        h = (h ^ (unsigned char)*text) * 16777619u;
    return h;
}

static struct entry **slot_of(struct entry **table, size_t room, const char *topic, uint32_t hash)
{
    size_t i = hash & (room - 1);

    while (table[i] && (table[i]->hash != hash || strcmp(table[i]->topic, topic) != 0))
        i = (i + 1) & (room - 1);
    return &table[i];
}

static bool grow(struct names *n)
{
    size_t room = n->room * 2;
    struct entry **table = calloc(room, sizeof(struct entry *));

    if (!table)
        return false;
    for (size_t i = 0; i < n->room; i++) {
        if (n->table[i])
            *slot_of(table, room, n->table[i]->topic, n->table[i]->hash) = n->table[i];
    }
    free(n->table);
    n->table = table;
    n->room = room;
    return true;
}

/* The index of the sensor that the pattern makes; SENSOR_NONE: *why. */
static uint32_t make_sensor(struct names *n, const struct sensor_config *c,
                            const struct topic_captures *captures, enum drop_reason *why)
{
    char name[SENSOR_NAME_MAX + 1];
    struct sensor_table *table = n->source->env->sensors;
    uint32_t index = SENSOR_NONE;

    *why = DROP_BAD_PAYLOAD;
    if (!topic_expand(c->name, captures, name, sizeof(name)))
        return SENSOR_NONE;
    const struct sensor sensor = {
        .name = name, .unit = c->unit, .device = "", .source = n->source->config->index};
    if (sensor_table_find(table, name) == SENSOR_NONE) {
        const struct mqtt_source *o = n->source->config->options;
        *why = DROP_SENSOR_LIMIT;
        if (n->made >= (size_t)o->max_sensors)
            return SENSOR_NONE;
    }
    enum gw_err err = sensor_table_add(table, &sensor, &index);
    if (err == GW_OK)
        n->made++;
    if (err == GW_EEXIST && sensor_table_get(table, index)->gone)
        err = sensor_table_put(table, &sensor, &index);
    else if (err == GW_EEXIST && sensor_table_get(table, index)->source != sensor.source)
        err = GW_EINVAL; /* another source's sensor */
    if (err == GW_OK || err == GW_EEXIST)
        return index;
    *why = err == GW_EFULL ? DROP_SENSOR_LIMIT : DROP_BAD_PAYLOAD;
    return SENSOR_NONE;
}

static bool make_sensors(struct names *n, struct entry *e, enum drop_reason *why)
{
    const struct mqtt_source *o = n->source->config->options;
    struct topic_captures captures;
    const struct sensor_config *c;

    topic_match(o->topic, e->topic, &captures);
    for (size_t i = 0; (c = source_sensor(n->source->config, i)); i++) {
        e->sensors[i] = c->index != SENSOR_NONE ? c->index : make_sensor(n, c, &captures, why);
        if (e->sensors[i] == SENSOR_NONE)
            return false;
    }
    return true;
}

static void complain(const struct names *n, const char *topic, enum drop_reason why)
{
    if (why == DROP_SENSOR_LIMIT)
        log_warning("source %s: topic %s would make more sensors than max_sensors allows; its "
                    "messages are dropped",
                    n->source->config->name, topic);
    else
        log_warning("source %s: topic %s makes no usable name for a sensor; its messages are "
                    "dropped",
                    n->source->config->name, topic);
}

static const uint32_t *add(struct names *n, const char *topic, uint32_t hash, enum drop_reason *why)
{
    size_t head = sizeof(struct entry) + n->sensor_count * sizeof(uint32_t);
    struct entry *e = malloc(head + strlen(topic) + 1);

    *why = DROP_SENSOR_LIMIT;
    if (!e)
        return NULL;
    e->hash = hash;
    e->topic = (char *)e + head;
    strcpy(e->topic, topic);
    if (!make_sensors(n, e, why) || (2 * (n->count + 1) > n->room && !grow(n))) {
        complain(n, topic, *why);
        free(e);
        return NULL;
    }
    *slot_of(n->table, n->room, topic, hash) = e;
    n->count++;
    return e->sensors;
}

const uint32_t *names_find(struct names *n, const char *topic, enum drop_reason *why)
{
    if (n->configured)
        return n->configured;
    uint32_t hash = hash_of(topic);
    struct entry *known = *slot_of(n->table, n->room, topic, hash);
    if (known)
        return known->sensors;
    /* As many topics as sensors: names that do not use all wildcards could have endless topics. */
    const struct mqtt_source *o = n->source->config->options;
    if (n->count >= (size_t)o->max_sensors) {
        *why = DROP_SENSOR_LIMIT;
        complain(n, topic, *why);
        return NULL;
    }
    return add(n, topic, hash, why);
}
