/* SPDX-License-Identifier: Apache-2.0 */
/* A reload is carried out: first a new plant is made beside the present one, which may still fail
 * and leaves all as it was; then it takes its place. */
#include "drivers/mqtt/client.h"
#include "gateway/core/log.h"
#include "gateway/made.h"
#include "gateway/reload_change.h"

#include <stdlib.h>

/* --- the new plant, beside the present one --- */

/* New sources that name one line share it; those that go on share theirs with none of them. */
static enum gw_err group_new(const struct change *c)
{
    struct source **fresh = calloc(c->config->source_count + 1, sizeof(struct source *));
    size_t count = 0;

    if (!fresh)
        return GW_ENOMEM;
    for (size_t i = 0; i < c->config->source_count; i++) {
        if (c->kept[i] == NO_PLACE)
            fresh[count++] = c->next->sources[i];
    }
    source_group(fresh, count);
    free(fresh);
    return GW_OK;
}

/* The former sources that go on, and new ones, which do not run yet. */
static enum gw_err make_plant(struct change *c)
{
    c->next = plant_create(c->config);
    if (!c->next)
        return GW_ENOMEM;
    config_free(c->config); /* the plant owns it now */
    for (size_t i = 0; i < c->config->source_count; i++) {
        size_t k = c->kept[i];
        struct source *s;
        uint32_t index;
        enum gw_err err = source_names_index(c->o->names, c->config->sources[i].name, &index);
        if (err != GW_OK)
            return err;
        c->config->sources[i].index = index;
        if (k != NO_PLACE) {
            plant_set(c->next, i, c->now->sources[k], c->now->origins[k]);
            continue;
        }
        if ((err = source_create(&s, &c->config->sources[i], c->o->env)) != GW_OK)
            return err;
        plant_set(c->next, i, s, c->config);
    }
    return group_new(c);
}

static void drop_plant(struct change *c)
{
    if (!c->next) {
        config_free(c->config);
        return;
    }
    for (size_t i = 0; i < c->config->source_count; i++) {
        if (c->kept[i] == NO_PLACE)
            source_destroy(c->next->sources[i]);
    }
    plant_destroy(c->next);
}

/* --- sensors: each name keeps its index --- */

static enum gw_err number_sensor(struct change *c, const struct source_config *source,
                                 const struct device_config *device, struct sensor_config *s)
{
    struct sensor_table *table = c->o->env->sensors;
    uint32_t before = sensor_table_find(table, s->name);
    const struct sensor sensor = {.name = s->name,
                                  .unit = s->unit,
                                  .device = device->name,
                                  .source = source->index,
                                  .every_us = s->every_us,
                                  .was_good = before != SENSOR_NONE &&
                                              sensor_table_get(table, before)->was_good};

    c->sensors_added += before == SENSOR_NONE || sensor_table_get(table, before)->gone;
    return sensor_table_put(table, &sensor, &s->index);
}

/* New ones get the next index. */
static enum gw_err number_sensors(struct change *c)
{
    for (size_t i = 0; i < c->config->source_count; i++) {
        const struct source_config *source = &c->config->sources[i];
        for (size_t d = 0; d < source->device_count; d++) {
            const struct device_config *device = &source->devices[d];
            for (size_t k = 0; k < device->sensor_count; k++) {
                enum gw_err err = device->sensors[k].index == SENSOR_NONE
                                      ? GW_OK
                                      : number_sensor(c, source, device, &device->sensors[k]);
                if (err != GW_OK)
                    return err;
            }
        }
    }
    return GW_OK;
}

/* Does the file name the sensor, or may a source make its like while it runs? */
static bool exists(const struct config *c, const struct sensor *sensor, uint32_t index)
{
    const struct sensor_config *s;

    if (made_by(c, sensor->name, NULL))
        return true;
    for (size_t i = 0; i < c->source_count; i++) {
        for (size_t k = 0; (s = source_sensor(&c->sources[i], k)); k++) {
            if (s->index == index)
                return true;
        }
    }
    return false;
}

static void mark_gone(struct change *c)
{
    struct sensor_table *table = c->o->env->sensors;

    for (uint32_t i = 0; i < sensor_table_count(table); i++) {
        struct sensor s = *sensor_table_get(table, i);
        uint32_t index;
        bool gone = !exists(c->config, &s, i);
        if (s.gone == gone)
            continue;
        s.gone = gone;
        sensor_table_put(table, &s, &index);
        c->sensors_removed += gone;
        c->sensors_added += !gone;
    }
}

/* Those of earlier runs that a rule misses now; without them the rest is in force all the same. */
static void add_known(struct change *c)
{
    enum gw_err err = made_add_known(c->config, c->o->first->storage.path, c->o->env->sensors);

    if (err != GW_OK)
        change_say(c, "what earlier runs knew of cannot be looked up (%s): it is not missed",
                   gw_strerror(err));
}

/* --- the change --- */

static void stop_former(const struct change *c)
{
    for (size_t k = 0; k < c->now->config->source_count; k++) {
        if (c->now->sources[k] && !change_keeps(c, c->now->sources[k]))
            source_close(c->now->sources[k]);
    }
    for (size_t k = 0; k < c->now->config->source_count; k++) {
        if (c->now->sources[k] && !change_keeps(c, c->now->sources[k]))
            source_stop(c->now->sources[k]);
    }
}

static void start_new(struct change *c)
{
    for (size_t i = 0; i < c->config->source_count; i++) {
        struct source *s = c->next->sources[i];
        enum gw_err err = c->kept[i] == NO_PLACE ? source_start(s) : GW_OK;
        if (err == GW_OK)
            continue;
        c->not_started++;
        change_say(c, "source %s does not start: %s", s->config->name, gw_strerror(err));
    }
}

static void destroy_former(struct change *c)
{
    for (size_t k = 0; k < c->now->config->source_count; k++) {
        if (c->now->sources[k] && !change_keeps(c, c->now->sources[k]))
            source_destroy(c->now->sources[k]);
    }
    plant_destroy(c->now);
}

/* What stops is stopped before the new plant shows; what starts finds the new rules in force. */
static void replace(struct change *c)
{
    stop_former(c);
    plants_replace(c->o->plants, c->next);
    mark_gone(c);
    add_known(c);
    c->rules_wait = !c->o->changed(c->o->arg, c->config);
    if (c->rules_wait)
        change_say(c,
                   "the rules wait for the store, which takes no readings now: they are in force "
                   "as soon as it does");
    start_new(c);
    if (c->o->env->mqtt)
        mqtt_client_tidy(c->o->env->mqtt);
    destroy_former(c);
}

bool change_apply(struct change *c)
{
    enum gw_err err = make_plant(c);

    if (err == GW_OK)
        err = number_sensors(c);
    if (err != GW_OK) {
        change_say(c, "%s", gw_strerror(err));
        drop_plant(c);
        return false;
    }
    replace(c);
    return true;
}
