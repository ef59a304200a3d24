/* SPDX-License-Identifier: Apache-2.0 */
#include "config/expand.h"

#include "config/templates.h"
#include "config/value.h"
#include "gateway/core/sensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct option *expand_row(const struct driver_schema *schema)
{
    for (const struct option *o = schema->device_options; o && o->key; o++) {
        if (o->each)
            return o;
    }
    return NULL;
}

/* --- maps made of two --- */

static struct yaml_node *new_map(struct loader *l, const struct yaml_node *over,
                                 const struct yaml_node *under, size_t room)
{
    struct yaml_node *map = arena_take(l->fill.arena, sizeof(*map));

    *map = (struct yaml_node){
        .kind = YAML_MAP, .line = over->line, .column = over->column, .over = over, .under = under};
    map->keys = arena_take(l->fill.arena, (room + 1) * sizeof(struct yaml_node *));
    map->items = arena_take(l->fill.arena, (room + 1) * sizeof(struct yaml_node *));
    return map;
}

static void add(struct yaml_node *map, struct yaml_node *key, struct yaml_node *item)
{
    map->keys[map->count] = key;
    map->items[map->count++] = item;
}

/* All of `over`, and what `under` has besides; of it only the keys of the tables, when there are
 * some. */
static struct yaml_node *merge(struct loader *l, const struct yaml_node *over,
                               const struct yaml_node *under, const struct option *const tables[2])
{
    struct yaml_node *map =
        new_map(l, over, under, over->count + (under ? under->count : 0) + 2); /* name and unit */

    for (size_t i = 0; i < over->count; i++)
        add(map, over->keys[i], over->items[i]);
    for (size_t i = 0; under && i < under->count; i++) {
        bool wanted = !tables;
        for (size_t t = 0; tables && t < 2; t++) {
            for (const struct option *o = tables[t]; o && o->key; o++)
                wanted = wanted || strcmp(o->key, under->keys[i]->text) == 0;
        }
        if (wanted && !yaml_get(over, under->keys[i]->text))
            add(map, under->keys[i], under->items[i]);
    }
    return map;
}

/* A text that stands for the one at `place`. */
static struct yaml_node *scalar(struct loader *l, const char *text, const struct yaml_node *place)
{
    struct yaml_node *n = arena_take(l->fill.arena, sizeof(*n));

    *n = (struct yaml_node){.kind = YAML_SCALAR,
                            .line = place->line,
                            .column = place->column,
                            .text = arena_text(l->fill.arena, text, strlen(text)),
                            .quoted = place->kind == YAML_SCALAR && place->quoted};
    return n;
}

static void set(struct loader *l, struct yaml_node *map, const char *key, struct yaml_node *item)
{
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i]->text, key) == 0) {
            map->items[i] = item;
            return;
        }
    }
    add(map, scalar(l, key, map), item);
}

/* --- lists of units --- */

struct units {
    struct yaml_node **nodes; /* scalars; room for as many as the row allows */
    size_t count, room;
};

static void add_unit(struct loader *l, const struct yaml_node *owner, const char *key, int64_t unit,
                     const struct yaml_node *place, struct units *out)
{
    char text[24];

    snprintf(text, sizeof(text), "%lld", (long long)unit);
    for (size_t i = 0; i < out->count; i++) {
        if (strcmp(out->nodes[i]->text, text) == 0) {
            config_report(l->fill.reporter, owner, key, "has %s twice", text);
            return;
        }
    }
    if (out->count < out->room)
        out->nodes[out->count++] = scalar(l, text, place);
}

/* "5" or "5-9". */
static void add_range(struct loader *l, const struct yaml_node *owner, const struct option *row,
                      const struct yaml_node *item, struct units *out)
{
    char first[24];
    struct number low, high;
    const char *text = item->kind == YAML_SCALAR ? item->text : "?";
    const char *dash = *text ? strchr(text + 1, '-') : NULL;

    snprintf(first, sizeof(first), "%.*s", dash ? (int)(dash - text) : 23, text);
    if (!value_integer(first, &low) || !value_integer(dash ? dash + 1 : text, &high)) {
        config_report(l->fill.reporter, owner, row->key,
                      "must be a whole number, or a list of numbers and ranges such as [1, 2, "
                      "5-9], not '%s'",
                      text);
        return;
    }
    if (low.real < row->min || high.real > row->max || low.real > high.real) {
        config_report(l->fill.reporter, owner, row->key, "%s is no range within %.0f-%.0f", text,
                      row->min, row->max);
        return;
    }
    for (int64_t unit = low.integer; unit <= high.integer; unit++)
        add_unit(l, owner, row->key, unit, item, out);
}

/* False: the value is one number, or none, and left to the table. */
static bool read_units(struct loader *l, const struct yaml_node *map, const struct option *row,
                       struct units *out)
{
    const struct yaml_node *value = row ? yaml_get(map, row->key) : NULL;

    if (!value || value->kind == YAML_MAP ||
        (value->kind == YAML_SCALAR &&
         (value->quoted || !*value->text || !strchr(value->text + 1, '-'))))
        return false;
    out->room = (size_t)(row->max - row->min) + 1;
    out->nodes = arena_take(l->fill.arena, out->room * sizeof(struct yaml_node *));
    if (value->kind == YAML_SCALAR)
        add_range(l, map, row, value, out);
    for (size_t i = 0; value->kind == YAML_LIST && i < value->count; i++)
        add_range(l, map, row, value->items[i], out);
    if (value->kind == YAML_LIST && value->count == 0)
        config_report(l->fill.reporter, map, row->key, "is an empty list");
    return true;
}

/* --- names --- */

/* The pattern with each "{unit}" replaced; without one, and in a list, "-<unit>" is added.
 * "${unit}" is a variable of the environment. */
static void make_name(const char *pattern, const char *each, const char *unit, bool is_list,
                      char *out, size_t size)
{
    char mark[32];
    bool found = false;
    size_t n = 0, length = (size_t)snprintf(mark, sizeof(mark), "{%s}", each);

    for (const char *p = pattern; *p && n + 32 < size;) {
        if (strncmp(p, mark, length) == 0 && (p == pattern || p[-1] != '$')) {
            n += (size_t)snprintf(out + n, size - n, "%s", unit);
            p += length;
            found = true;
        } else {
            out[n++] = *p++;
        }
    }
    out[n] = '\0';
    if (!found && is_list)
        snprintf(out + n, size - n, "-%s", unit);
}

/* A device that has no name of its own is called after its template and unit. */
static void name_device(struct loader *l, struct yaml_node *map, const struct expansion *e,
                        const struct option *row)
{
    char text[2 * SENSOR_NAME_MAX], fallback[SENSOR_NAME_MAX];
    const struct yaml_node *name = yaml_get(map, "name");
    const struct yaml_node *value = yaml_get(map, row->key);
    const char *unit = value && value->kind == YAML_SCALAR ? value->text : row->fallback;

    if (name ? name->kind != YAML_SCALAR : !e->template)
        return; /* wrong, or missing: the reading says so */
    snprintf(fallback, sizeof(fallback), "%s-{%s}", e->template ? e->template : "", row->each);
    make_name(name ? name->text : fallback, row->each, unit ? unit : "?", e->is_list, text,
              sizeof(text));
    set(l, map, "name", scalar(l, text, name ? name : map));
}

/* --- sensors --- */

static const struct yaml_node *named(const struct yaml_node *list, const char *name)
{
    for (size_t i = 0; list && name && i < list->count; i++) {
        const struct yaml_node *other = yaml_get(list->items[i], "name");
        if (other && other->text && strcmp(other->text, name) == 0)
            return list->items[i];
    }
    return NULL;
}

static const char *name_of(const struct yaml_node *sensor)
{
    const struct yaml_node *name = yaml_get(sensor, "name");

    return name ? name->text : NULL;
}

/* The template's sensors, with the keys that the device's sensor of the same name has instead. */
static void join(struct loader *l, const struct yaml_node *theirs, const struct yaml_node *own,
                 struct expansion *out)
{
    size_t room = (theirs ? theirs->count : 0) + (own ? own->count : 0);

    out->sensors = arena_take(l->fill.arena, (room + 1) * sizeof(struct yaml_node *));
    for (size_t i = 0; theirs && i < theirs->count; i++) {
        const struct yaml_node *over = named(own, name_of(theirs->items[i]));
        out->sensors[out->sensor_count++] =
            over ? merge(l, over, theirs->items[i], NULL) : theirs->items[i];
    }
    for (size_t i = 0; own && i < own->count; i++) {
        if (!named(theirs, name_of(own->items[i])))
            out->sensors[out->sensor_count++] = own->items[i];
    }
}

void expand_sensors(struct loader *l, const struct yaml_node *node, struct expansion *out)
{
    *out = (struct expansion){0};
    join(l, NULL, fill_list(&l->fill, node, "sensors", "sensors", true), out);
}

/* --- a device --- */

void expand_device(struct loader *l, const struct yaml_node *node,
                   const struct driver_schema *schema, struct expansion *out)
{
    const struct option *const tables[2] = {device_options, schema->device_options};
    const struct option *row = expand_row(schema);
    const struct yaml_node *template = NULL;
    struct units units = {0};

    *out = (struct expansion){0};
    if (yaml_get(node, "template")) {
        out->template = fill_text(&l->fill, node, "template");
        template = out->template ? templates_find(l, node, out->template) : NULL;
    }
    const struct yaml_node *theirs = template ? yaml_get(template, "sensors") : NULL;
    const struct yaml_node *own =
        fill_list(&l->fill, node, "sensors", "sensors", !yaml_get(node, "template"));
    join(l, theirs && theirs->kind == YAML_LIST ? theirs : NULL, own, out);
    struct yaml_node *merged = merge(l, node, template, tables);
    out->is_list = read_units(l, merged, row, &units);
    size_t count = out->is_list ? units.count : 1;
    out->maps = arena_take(l->fill.arena, (count + 1) * sizeof(struct yaml_node *));
    for (size_t i = 0; i < count; i++) {
        struct yaml_node *map = i + 1 < count ? merge(l, merged, NULL, NULL) : merged;
        if (out->is_list)
            set(l, map, row->key, units.nodes[i]);
        if (row)
            name_device(l, map, out, row);
        out->maps[out->count++] = map;
    }
}
