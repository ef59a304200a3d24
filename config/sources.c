/* SPDX-License-Identifier: Apache-2.0 */
/* sources: */
#include "config/sections.h"

#include "config/suggest.h"
#include "gateway/core/sensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct option source_options[] = {
    {EVERY_ROW, .offset = offsetof(struct source_config, every_us),
     .help = "Polling period of the source's sensors that have no other; 10s when left out"},
    {0}};

static const char *const source_keys[] = {"name", "driver", "sensors", NULL};
static const char *const source_keys_devices[] = {"name", "driver", "devices", NULL};

/* --- sources --- */

static const struct driver_schema *find_driver(struct loader *l, const struct yaml_node *node)
{
    const char *name = fill_text(&l->fill, node, "driver");
    char known[256] = "";
    struct suggest s;
    size_t n = 0;

    if (!name)
        return NULL;
    suggest_init(&s, name);
    for (size_t i = 0; i < l->driver_count; i++) {
        if (strcmp(l->drivers[i]->name, name) == 0)
            return l->drivers[i];
        suggest_offer(&s, l->drivers[i]->name);
        if (n < sizeof(known))
            n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "",
                                  l->drivers[i]->name);
    }
    config_report(l->fill.reporter, node, "driver", "must be one of %s, not '%s'%s%s%s", known,
                  name, s.best ? "; did you mean '" : "", s.best ? s.best : "", s.best ? "'?" : "");
    return NULL;
}

static void name_source(struct loader *l, struct source_config *s)
{
    const char *name = fill_text(&l->fill, s->node, "name");
    const char *problem = name ? sensor_name_problem(name) : NULL;

    s->name = arena_text(l->fill.arena, name ? name : "?", strlen(name ? name : "?"));
    if (problem)
        config_report(l->fill.reporter, s->node, "name", "'%s' is no name for a source: %s", name,
                      problem);
    for (size_t i = 0; name && i + 1 < l->config->source_count; i++) {
        if (strcmp(l->config->sources[i].name, name) == 0)
            config_report(l->fill.reporter, s->node, "name",
                          "'%s' is the name of the source in line %d already", name,
                          l->config->sources[i].node->line);
    }
}

static const char *port_of(const struct source_config *s)
{
    return s->schema->serial_port ? s->schema->serial_port(s->options) : NULL;
}

/* Two that cannot share a port: each would hear the other's answers, if the lock let it. By name:
 * whether two names mean one device depends on what is plugged in now, and the lock sees to that.
 */
static void check_port(struct loader *l, const struct source_config *s,
                       const struct source_config *earlier)
{
    const char *mine = port_of(s), *its = port_of(earlier);
    bool may_share = earlier->schema == s->schema && s->schema->check_pair;

    if (!may_share && mine && its && strcmp(mine, its) == 0)
        config_report(l->fill.reporter, s->node, "port",
                      "is the port of source %s in line %d already: only modbus sources can share "
                      "one; give this source a port of its own",
                      earlier->name, earlier->node->line);
}

/* Only with sources that are right themselves: the file has no error so far. */
static void check_pairs(struct loader *l, const struct source_config *s)
{
    for (uint32_t i = 0; i < s->index && l->fill.reporter->count == 0; i++) {
        const struct source_config *earlier = &l->config->sources[i];
        if (earlier->schema == s->schema && s->schema->check_pair)
            s->schema->check_pair(s, earlier, l->fill.reporter);
        check_port(l, s, earlier);
    }
}

static void read_source(struct loader *l, const struct yaml_node *node)
{
    const struct driver_schema *schema = find_driver(l, node);
    if (!schema)
        return;
    struct source_config *s = &l->config->sources[l->config->source_count];
    size_t before = l->fill.reporter->count;

    s->index = (uint32_t)l->config->source_count++;
    s->schema = schema;
    s->node = node;
    s->options = arena_take(l->fill.arena, schema->source_size);
    const struct fill_part parts[] = {{source_options, s}, {schema->source_options, s->options}};
    fill_map(&l->fill, node, parts, 2, schema->device_options ? source_keys_devices : source_keys);
    name_source(l, s);
    check_every(l, schema, node, &s->every_us, schema->polled ? DEFAULT_EVERY_US : 0);
    if (schema->needs_mqtt && !l->config->mqtt.present)
        config_report(l->fill.reporter, node, "driver",
                      "the %s driver needs the broker: add an mqtt section with its url",
                      schema->name);
    if (schema->device_options)
        read_devices(l, s);
    else
        read_anonymous(l, s);
    if (schema->check_source && l->fill.reporter->count == before)
        schema->check_source(s, l->fill.reporter);
    if (l->fill.reporter->count == before)
        check_pairs(l, s);
}

/* A sensor and its device: for finding two of one name. */
struct named {
    const struct sensor_config *sensor;
    const struct device_config *device;
};

static int by_name(const void *a, const void *b)
{
    const struct sensor_config *x = ((const struct named *)a)->sensor;
    const struct sensor_config *y = ((const struct named *)b)->sensor;
    int order = strcmp(x->name, y->name);

    return order ? order : (x->index > y->index) - (x->index < y->index);
}

static void report_twice(struct loader *l, const struct named *second, const struct named *first)
{
    struct config_reporter *r = l->fill.reporter;
    const char *name = second->sensor->name;
    char where[REPORT_WHERE_SIZE];

    if (second->device == first->device || !second->device->template)
        config_report(r, second->sensor->node, "name",
                      "'%s' is the name of the sensor in %s already", name,
                      report_where(r, first->sensor->node, where));
    else /* the sensor stands in a template: it is the device that has the wrong name */
        config_report(r, second->device->node, "name",
                      "'%s' is the name of the device in %s already", second->device->name,
                      report_where(r, first->device->node, where));
}

/* Two sensors of one name would be one sensor in the database. */
static void check_names(struct loader *l)
{
    size_t n = 0;
    const struct config *c = l->config;
    struct named *all = arena_take(l->fill.arena, (c->sensor_count + 1) * sizeof(*all));

    for (size_t i = 0; i < c->source_count; i++) {
        for (size_t d = 0; d < c->sources[i].device_count; d++) {
            const struct device_config *device = &c->sources[i].devices[d];
            for (size_t k = 0; k < device->sensor_count; k++) {
                if (device->sensors[k].index != SENSOR_NONE)
                    all[n++] = (struct named){&device->sensors[k], device};
            }
        }
    }
    qsort(all, n, sizeof(*all), by_name);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(all[i].sensor->name, all[i - 1].sensor->name) == 0)
            report_twice(l, &all[i], &all[i - 1]);
    }
}

void read_sources(struct loader *l)
{
    const struct yaml_node *list = fill_list(&l->fill, l->root, "sources", "sources", true);
    struct config *c = l->config;

    c->sources = arena_take(l->fill.arena, ((list ? list->count : 0) + 1) * sizeof(*c->sources));
    for (size_t i = 0; list && i < list->count; i++) {
        if (list->items[i]->kind == YAML_MAP)
            read_source(l, list->items[i]);
        else
            config_report(l->fill.reporter, list->items[i], NULL,
                          "must be a map like {name: …, driver: …}");
    }
    check_names(l);
    c->sensor_limit = c->sensor_count;
    for (size_t i = 0; i < c->source_count; i++)
        c->sensor_limit += c->sources[i].extra_sensors;
}

void free_sources(const struct config *c)
{
    for (size_t i = 0; i < c->source_count; i++) {
        struct source_config *s = &c->sources[i];
        for (size_t d = 0; d < s->device_count; d++) {
            for (size_t k = 0; s->schema->free_sensor && k < s->devices[d].sensor_count; k++)
                s->schema->free_sensor(s->devices[d].sensors[k].options);
        }
        if (s->schema->free_source)
            s->schema->free_source(s->options);
    }
}
