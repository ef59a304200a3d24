/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and their sensors, with the templates that they are made from. */
#include "config/sections.h"

#include "config/suggest.h"
#include "gateway/core/sensor.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const struct option device_options[] = {
    {EVERY_ROW, .offset = offsetof(struct device_config, every_us),
     .help = "Polling period of the device's sensors; the source's when left out"},
    {0}};

#define AT(field) offsetof(struct sensor_config, field)
const struct option sensor_options[] = {
    {.key = "unit",
     .type = OPTION_STRING,
     .offset = AT(unit),
     .fallback = OPTION_OPTIONAL,
     .help = "Unit of the value, for people: °C, kWh, %"},
    {EVERY_ROW, .offset = AT(every_us),
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
    {.key = "counter",
     .type = OPTION_BOOL,
     .offset = AT(counter),
     .fallback = "false",
     .help = "The raw value counts up: the sensor gives a total that never falls, when the "
             "device's counter wraps, is reset, or the gateway is restarted"},
    {.key = "wrap",
     .type = OPTION_REAL,
     .offset = AT(wrap),
     .fallback = OPTION_OPTIONAL,
     .min = 0,
     .max = OPTION_NO_MAX,
     .help = "Raw value at which a counter begins again at 0, such as 1000000; 0: it never does; "
             "when left out that of the type, and 0 where there is none"},
    {.key = "per",
     .type = OPTION_TIMESPAN,
     .offset = AT(per_us),
     .fallback = OPTION_OPTIONAL,
     .min = 1e3,
     .max = OPTION_NO_MAX,
     .help = "A counter's sensor gives its increase per this time (1h makes kW of kWh) instead of "
             "the total"},
    {0}};
#undef AT

static const char *const device_keys[] = {"name", "template", "sensors", NULL};
static const char *const sensor_keys[] = {"name", NULL};

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

static void check_counter(struct loader *l, struct sensor_config *c)
{
    struct config_reporter *r = l->fill.reporter;

    if (!c->counter && !isnan(c->wrap))
        config_report(r, c->node, "wrap", "is for a sensor with \"counter: true\"");
    if (!c->counter && c->per_us != OPTION_UNSET)
        config_report(r, c->node, "per", "is for a sensor with \"counter: true\"");
    if (c->counter && c->scale < 0)
        config_report(r, c->node, "scale", "must be above 0: a counter counts up");
    if (c->per_us == OPTION_UNSET)
        c->per_us = 0;
}

void check_every(struct loader *l, const struct driver_schema *schema, const struct yaml_node *node,
                 int64_t *every, int64_t inherited)
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
    check_counter(l, c);
    if (schema->check_sensor && l->fill.reporter->count == before)
        schema->check_sensor(c, device, l->fill.reporter);
    if (isnan(c->wrap)) /* the driver knows no better */
        c->wrap = 0;
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

void read_devices(struct loader *l, struct source_config *s)
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
void read_anonymous(struct loader *l, struct source_config *s)
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
