/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/made.h"

#include "gateway/core/log.h"
#include "gateway/watch.h"
#include "storage/query.h"

#include <stdlib.h>
#include <string.h>

/* A "{1}" stands for one character at least. */
static bool can_make(const char *pattern, const char *name)
{
    for (; *pattern; pattern++, name++) {
        const char *end = *pattern == '{' ? strchr(pattern, '}') : NULL;
        if (end) {
            while (*name) {
                if (can_make(end + 1, ++name))
                    return true;
            }
            return false;
        }
        if (*pattern != *name)
            return false;
    }
    return !*name;
}

const struct sensor_config *made_by(const struct config *config, const char *name,
                                    const struct source_config **source)
{
    for (size_t i = 0; i < config->source_count; i++) {
        const struct source_config *s = &config->sources[i];
        if (!s->schema->wildcard_names || s->device_count == 0)
            continue;
        for (size_t k = 0; k < s->devices[0].sensor_count; k++) {
            const struct sensor_config *c = &s->devices[0].sensors[k];
            if (c->index != SENSOR_NONE || !can_make(c->name, name))
                continue;
            if (source)
                *source = s;
            return c;
        }
    }
    return NULL;
}

/* --- what the database knows --- */

struct adding {
    const struct config *config;
    struct sensor_table *sensors;
    size_t *made; /* by place of the source in the configuration */
    size_t total;
};

static bool is_missed(const struct config *config, const char *name)
{
    for (size_t i = 0; i < config->rule_count; i++) {
        if (config->rules[i].kind == RULE_STALE && watch_takes(&config->rules[i], name))
            return true;
    }
    return false;
}

static bool has_stale_rule(const struct config *config)
{
    for (size_t i = 0; i < config->rule_count; i++) {
        if (config->rules[i].kind == RULE_STALE)
            return true;
    }
    return false;
}

static void count_made(struct adding *a)
{
    for (uint32_t i = 0; i < sensor_table_count(a->sensors); i++) {
        const struct sensor *s = sensor_table_get(a->sensors, i);
        const struct source_config *source;
        if (!s->gone && made_by(a->config, s->name, &source))
            a->made[source - a->config->sources]++;
    }
}

static void note_good(struct adding *a, uint32_t index)
{
    struct sensor s = *sensor_table_get(a->sensors, index);

    s.was_good = true;
    sensor_table_put(a->sensors, &s, &index);
}

static bool add_known(void *arg, const char *name, bool was_good)
{
    struct adding *a = arg;
    const struct source_config *source = NULL;
    const struct sensor_config *c = made_by(a->config, name, &source);
    uint32_t index = sensor_table_find(a->sensors, name);

    if (index != SENSOR_NONE && was_good)
        note_good(a, index);
    if (index != SENSOR_NONE || !c || !is_missed(a->config, name))
        return true;
    size_t *made = &a->made[source - a->config->sources];
    const struct sensor sensor = {
        .name = name, .unit = c->unit, .device = "", .source = source->index, .was_good = was_good};
    if (*made < source->extra_sensors / 2 &&
        sensor_table_add(a->sensors, &sensor, &index) == GW_OK) {
        ++*made;
        a->total++;
    }
    return true;
}

enum gw_err made_add_known(const struct config *config, const char *database,
                           struct sensor_table *sensors)
{
    struct adding a = {.config = config, .sensors = sensors};
    struct query *q;

    if (!has_stale_rule(config))
        return GW_OK;
    enum gw_err err = query_open(&q, database);
    if (err != GW_OK)
        return err;
    a.made = calloc(config->source_count + 1, sizeof(*a.made));
    if (a.made) {
        count_made(&a);
        err = query_recent_sensors(q, add_known, &a);
    } else {
        err = GW_ENOMEM;
    }
    if (a.total > 0)
        log_info("alerts: %zu sensors of earlier runs are waited for", a.total);
    free(a.made);
    query_close(q);
    return err;
}
