/* SPDX-License-Identifier: Apache-2.0 */
/* sources, devices, sensors and the templates that devices are made from. */
#include "config/sections.h"

#include "config/suggest.h"
#include "gateway/core/sensor.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVERY                                                                                      \
    .key = "every", .type = OPTION_TIMESPAN, .fallback = OPTION_OPTIONAL, .min = 10e3,             \
    .max = 31536000e6

const struct option source_options[] = {
    {EVERY, .offset = offsetof(struct source_config, every_us),
     .help = "Polling period of the source's sensors that have no other; 10s when left out"},
    {0}};

const struct option device_options[] = {
    {EVERY, .offset = offsetof(struct device_config, every_us),
     .help = "Polling period of the device's sensors; the source's when left out"},
    {0}};

#define AT(field) offsetof(struct sensor_config, field)
const struct option sensor_options[] = {
    {.key = "unit",
     .type = OPTION_STRING,
     .offset = AT(unit),
     .fallback = OPTION_OPTIONAL,
     .help = "Unit of the value, for people: °C, kWh, %"},
    {EVERY, .offset = AT(every_us),
     .help = "Polling period; the device's or the source's when left out"},
    {.key = "scale",
     .type = OPTION_REAL,
     .offset = AT(scale),
     .fallback = "1",
     .help = "The raw value is multiplied by this"},
    {.key = "offset",
     .type = OPTION_REAL,
     .offset = AT(offset),
     .fallback = "0",
     .help = "This is added after scaling"},
    {.key = "invalid",
     .type = OPTION_NUMBER_LIST,
     .offset = AT(invalid),
     .fallback = OPTION_OPTIONAL,
     .help = "Raw values that mean \"no value\", before scaling: one number or a list"},
    {.key = "min",
     .type = OPTION_REAL,
     .offset = AT(min),
     .fallback = OPTION_OPTIONAL,
     .help = "Smallest plausible value, in the sensor's unit; less has quality out_of_range"},
    {.key = "max",
     .type = OPTION_REAL,
     .offset = AT(max),
     .fallback = OPTION_OPTIONAL,
     .help = "Largest plausible value, in the sensor's unit"},
    {0}};
#undef AT

static const char *const source_keys[] = {"name", "driver", "sensors", NULL};
static const char *const source_keys_devices[] = {"name", "driver", "devices", NULL};
static const char *const device_keys[] = {"name", "template", "sensors", NULL};
static const char *const sensor_keys[] = {"name", NULL};
static const char *const template_keys[] = {"sensors", NULL};

/* A sensor's list of nodes: a template's, then the device's own. */
struct sensor_nodes {
    const struct yaml_node *lists[2];
    size_t count;
};

static bool has_capture(const char *name)
{
    for (; (name = strchr(name, '{')); name++) {
        if (isdigit((unsigned char)name[1]))
            return true;
    }
    return false;
}

/* --- one sensor --- */

static char *full_name(struct loader *l, const char *owner, const char *name)
{
    char full[2 * SENSOR_NAME_MAX + 64];

    snprintf(full, sizeof(full), "%s/%s", owner, name);
    return arena_text(l->fill.arena, full, strlen(full));
}

static void name_sensor(struct loader *l, struct sensor_config *c, const char *owner,
                        const struct driver_schema *schema)
{
    const char *name = fill_text(&l->fill, c->node, "name");
    struct config_reporter *r = l->fill.reporter;

    c->name = full_name(l, owner, name ? name : "?");
    c->index = SENSOR_NONE;
    const char *problem = name ? sensor_name_problem(c->name) : NULL;
    if (problem)
        config_report(r, c->node, "name", "'%s' is no name for a sensor: %s", c->name, problem);
    if (has_capture(c->name) && schema->wildcard_names)
        return;
    if (has_capture(c->name))
        config_report(r, c->node, "name",
                      "{1} stands for a part of a topic; the %s driver has none", schema->name);
    c->index = (uint32_t)l->config->sensor_count++;
}

static void check_plausible(struct loader *l, const struct sensor_config *c)
{
    if (c->min > c->max)
        config_report(l->fill.reporter, c->node, "min", "%g is more than max, %g", c->min, c->max);
    if (c->scale == 0)
        config_report(l->fill.reporter, c->node, "scale",
                      "must not be 0: every value would be the "
                      "same");
}

static void check_every(struct loader *l, const struct driver_schema *schema,
                        const struct yaml_node *node, int64_t *every, int64_t inherited)
{
    if (!schema->polled && *every != OPTION_UNSET)
        config_report(l->fill.reporter, node, "every",
                      "the %s driver is not polled: readings come when they come", schema->name);
    if (*every == OPTION_UNSET)
        *every = inherited;
}

static void read_sensor(struct loader *l, struct sensor_config *c, const struct yaml_node *node,
                        const struct device_config *device, const struct source_config *source)
{
    const struct driver_schema *schema = source->schema;
    size_t before = l->fill.reporter->count;

    c->node = node;
    c->options = arena_take(l->fill.arena, schema->sensor_size);
    const struct fill_part parts[] = {{sensor_options, c}, {schema->sensor_options, c->options}};
    fill_map(&l->fill, node, parts, 2, sensor_keys);
    name_sensor(l, c, device->name[0] ? device->name : source->name, schema);
    if (!c->unit)
        c->unit = arena_text(l->fill.arena, "", 0);
    check_every(l, schema, node, &c->every_us, device->every_us);
    check_plausible(l, c);
    if (schema->check_sensor && l->fill.reporter->count == before)
        schema->check_sensor(c, device, l->fill.reporter);
}

/* --- devices --- */

static void read_sensors(struct loader *l, struct device_config *d,
                         const struct source_config *source, const struct sensor_nodes *nodes)
{
    size_t count = 0;

    for (size_t i = 0; i < nodes->count; i++)
        count += nodes->lists[i]->count;
    d->sensors = arena_take(l->fill.arena, (count ? count : 1) * sizeof(*d->sensors));
    for (size_t i = 0; i < nodes->count; i++) {
        for (size_t k = 0; k < nodes->lists[i]->count; k++) {
            const struct yaml_node *node = nodes->lists[i]->items[k];
            if (node->kind != YAML_MAP) {
                config_report(l->fill.reporter, node, NULL,
                              "must be a map like {name: …, unit: …}");
                continue;
            }
            read_sensor(l, &d->sensors[d->sensor_count++], node, d, source);
        }
    }
}

static void find_template(struct loader *l, const struct yaml_node *device,
                          struct sensor_nodes *nodes)
{
    const struct yaml_node *templates = yaml_get(l->root, "templates");
    struct suggest s;

    if (!yaml_get(device, "template"))
        return;
    const char *name = fill_text(&l->fill, device, "template");
    if (!name)
        return;
    const struct yaml_node *found = yaml_get(templates, name);
    if (found) {
        const struct yaml_node *list = yaml_get(found, "sensors");
        if (list && list->kind == YAML_LIST)
            nodes->lists[nodes->count++] = list;
        return;
    }
    suggest_init(&s, name);
    for (size_t i = 0; templates && templates->kind == YAML_MAP && i < templates->count; i++)
        suggest_offer(&s, templates->keys[i]->text);
    if (s.best)
        config_report(l->fill.reporter, device, "template",
                      "there is no template '%s'; did you mean '%s'?", name, s.best);
    else
        config_report(l->fill.reporter, device, "template",
                      "there is no template '%s' below templates:", name);
}

static void own_sensors(struct loader *l, const struct yaml_node *map, struct sensor_nodes *nodes)
{
    const struct yaml_node *list =
        fill_list(&l->fill, map, "sensors", "sensors", nodes->count == 0);

    if (list)
        nodes->lists[nodes->count++] = list;
}

static void read_device(struct loader *l, struct device_config *d, const struct yaml_node *node,
                        const struct source_config *source)
{
    const struct driver_schema *schema = source->schema;
    struct sensor_nodes nodes = {0};

    d->node = node;
    d->options = arena_take(l->fill.arena, schema->device_size);
    const struct fill_part parts[] = {{device_options, d}, {schema->device_options, d->options}};
    fill_map(&l->fill, node, parts, 2, device_keys);
    const char *name = fill_text(&l->fill, node, "name");
    d->name = arena_text(l->fill.arena, name ? name : "?", strlen(name ? name : "?"));
    check_every(l, schema, node, &d->every_us, source->every_us);
    find_template(l, node, &nodes);
    own_sensors(l, node, &nodes);
    read_sensors(l, d, source, &nodes);
}

static void read_devices(struct loader *l, struct source_config *s)
{
    const struct yaml_node *list = fill_list(&l->fill, s->node, "devices", "devices", true);
    size_t count = list ? list->count : 0;

    s->devices = arena_take(l->fill.arena, (count ? count : 1) * sizeof(*s->devices));
    for (size_t i = 0; i < count; i++) {
        if (list->items[i]->kind == YAML_MAP)
            read_device(l, &s->devices[s->device_count++], list->items[i], s);
        else
            config_report(l->fill.reporter, list->items[i], NULL,
                          "must be a map like {name: …, sensors: […]}");
    }
}

/* For a driver without devices: one that has no name. */
static void read_anonymous(struct loader *l, struct source_config *s)
{
    struct sensor_nodes nodes = {0};

    s->devices = arena_take(l->fill.arena, sizeof(*s->devices));
    s->device_count = 1;
    s->devices[0].name = arena_text(l->fill.arena, "", 0);
    s->devices[0].every_us = s->every_us;
    s->devices[0].node = s->node;
    own_sensors(l, s->node, &nodes);
    read_sensors(l, &s->devices[0], s, &nodes);
}

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
}

static void check_templates(struct loader *l)
{
    const struct yaml_node *templates = yaml_get(l->root, "templates");

    if (!templates)
        return;
    if (templates->kind != YAML_MAP) {
        config_report(l->fill.reporter, l->root, "templates",
                      "must be a map: the templates by their names");
        return;
    }
    for (size_t i = 0; i < templates->count; i++) {
        struct fill_part none = {0};
        fill_map(&l->fill, templates->items[i], &none, 1, template_keys);
        if (templates->items[i]->kind == YAML_MAP)
            fill_list(&l->fill, templates->items[i], "sensors", "sensors", true);
    }
}

static int by_name(const void *a, const void *b)
{
    const struct sensor_config *x = *(const struct sensor_config *const *)a;
    const struct sensor_config *y = *(const struct sensor_config *const *)b;
    int order = strcmp(x->name, y->name);

    return order ? order : (x->index > y->index) - (x->index < y->index);
}

/* Two sensors of one name would be one sensor in the database. */
static void check_names(struct loader *l)
{
    size_t n = 0;
    const struct config *c = l->config;
    const struct sensor_config **all =
        arena_take(l->fill.arena, (c->sensor_count + 1) * sizeof(struct sensor_config *));

    for (size_t i = 0; i < c->source_count; i++) {
        for (size_t d = 0; d < c->sources[i].device_count; d++) {
            const struct device_config *device = &c->sources[i].devices[d];
            for (size_t k = 0; k < device->sensor_count; k++) {
                if (device->sensors[k].index != SENSOR_NONE)
                    all[n++] = &device->sensors[k];
            }
        }
    }
    qsort(all, n, sizeof(struct sensor_config *), by_name);
    for (size_t i = 1; i < n; i++) {
        if (strcmp(all[i]->name, all[i - 1]->name) == 0)
            config_report(l->fill.reporter, all[i]->node, "name",
                          "'%s' is the name of the sensor in line %d already", all[i]->name,
                          all[i - 1]->node->line);
    }
}

void read_sources(struct loader *l)
{
    const struct yaml_node *list = fill_list(&l->fill, l->root, "sources", "sources", true);
    struct config *c = l->config;

    check_templates(l);
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

void free_sources(struct config *c)
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
