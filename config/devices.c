/* SPDX-License-Identifier: Apache-2.0 */
/* Devices and their sensors, with the templates that they are made from. */
#include "config/sections.h"

#include "config/expand.h"
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
                         const struct source_config *source, const struct expansion *e)
{
    d->sensors = arena_take(l->fill.arena, (e->sensor_count + 1) * sizeof(*d->sensors));
    for (size_t i = 0; i < e->sensor_count; i++) {
        const struct yaml_node *node = e->sensors[i];
        if (node->kind == YAML_MAP)
            read_sensor(l, &d->sensors[d->sensor_count++], node, d, source);
        else
            config_report(l->fill.reporter, node, NULL, "must be a map like {name: …, unit: …}");
    }
}

static void read_device(struct loader *l, struct device_config *d, const struct yaml_node *node,
                        const struct source_config *source, const struct expansion *e)
{
    const struct driver_schema *schema = source->schema;

    d->node = node;
    d->template = e->template;
    d->options = arena_take(l->fill.arena, schema->device_size);
    const struct fill_part parts[] = {{device_options, d}, {schema->device_options, d->options}};
    fill_map(&l->fill, node, parts, 2, device_keys);
    const char *name = fill_text(&l->fill, node, "name");
    d->name = arena_text(l->fill.arena, name ? name : "?", strlen(name ? name : "?"));
    check_every(l, schema, node, &d->every_us, source->every_us);
    read_sensors(l, d, source, e);
}

static int64_t unit_of(const struct device_config *d, const struct option *row)
{
    int64_t unit;

    memcpy(&unit, (const char *)d->options + row->offset, sizeof(unit));
    return unit;
}

/* Two devices may have one unit on purpose, each with some of its registers; a list is most likely
 * a mistake then. */
static void check_units(struct loader *l, const struct source_config *s, const bool *is_listed)
{
    const struct option *row = expand_row(s->schema);
    char where[REPORT_WHERE_SIZE];

    for (size_t i = 1; row && i < s->device_count; i++) {
        for (size_t k = 0; k < i; k++) {
            const struct device_config *a = &s->devices[i], *b = &s->devices[k];
            if ((is_listed[i] || is_listed[k]) && unit_of(a, row) == unit_of(b, row))
                config_report(l->fill.reporter, a->node, row->key,
                              "%lld is the %s of %s in %s already", (long long)unit_of(a, row),
                              row->key, b->name, report_where(l->fill.reporter, b->node, where));
        }
    }
}

void read_devices(struct loader *l, struct source_config *s)
{
    const struct yaml_node *list = fill_list(&l->fill, s->node, "devices", "devices", true);
    size_t nodes = list ? list->count : 0, count = 0;
    struct expansion *all = arena_take(l->fill.arena, (nodes + 1) * sizeof(*all));

    for (size_t i = 0; i < nodes; i++) {
        if (list->items[i]->kind == YAML_MAP)
            expand_device(l, list->items[i], s->schema, &all[i]);
        else
            config_report(l->fill.reporter, list->items[i], NULL,
                          "must be a map like {name: …, sensors: […]}");
        count += all[i].count;
    }
    s->devices = arena_take(l->fill.arena, (count + 1) * sizeof(*s->devices));
    bool *is_listed = arena_take(l->fill.arena, (count + 1) * sizeof(*is_listed));
    for (size_t i = 0; i < nodes; i++) {
        for (size_t k = 0; k < all[i].count; k++) {
            is_listed[s->device_count] = all[i].is_list;
            read_device(l, &s->devices[s->device_count++], all[i].maps[k], s, &all[i]);
        }
    }
    check_units(l, s, is_listed);
}

/* For a driver without devices: one that has no name. */
void read_anonymous(struct loader *l, struct source_config *s)
{
    struct expansion e;

    s->devices = arena_take(l->fill.arena, sizeof(*s->devices));
    s->device_count = 1;
    s->devices[0].name = arena_text(l->fill.arena, "", 0);
    s->devices[0].every_us = s->every_us;
    s->devices[0].node = s->node;
    expand_sensors(l, s->node, &e);
    read_sensors(l, &s->devices[0], s, &e);
}
