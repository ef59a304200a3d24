/* SPDX-License-Identifier: Apache-2.0 */
#include "config/fill.h"

#include "config/fill_value.h"
#include "config/suggest.h"

#include <stdio.h>
#include <string.h>

/* Keys that people try, and what to do instead. */
static const struct {
    const char *key, *hint;
} hints[] = {
    {"password", "a password does not belong into this file; put it into a file of its own and "
                 "name that with password_file"},
    {"token", "a token does not belong into this file; put it into a file of its own and name that "
              "with token_file"},
    {"interval", "the polling period is called every"},
    {"slave", "the number of a device on its bus is called unit_id"},
    {"<<", "merge keys are not supported; use templates"},
};

static const struct option *find_row(const struct fill_part *parts, size_t count, const char *key)
{
    for (size_t i = 0; i < count; i++) {
        for (const struct option *o = parts[i].table; o && o->key; o++) {
            if (strcmp(o->key, key) == 0)
                return o;
        }
    }
    return NULL;
}

static bool is_listed(const char *const *keys, const char *key)
{
    for (; keys && *keys; keys++) {
        if (strcmp(*keys, key) == 0)
            return true;
    }
    return false;
}

/* All keys that the map may have, each offered to `visit`. */
static void each_key(const struct fill_part *parts, size_t count, const char *const *others,
                     void (*visit)(void *arg, const char *key), void *arg)
{
    for (size_t i = 0; i < count; i++) {
        for (const struct option *o = parts[i].table; o && o->key; o++)
            visit(arg, o->key);
    }
    for (; others && *others; others++)
        visit(arg, *others);
}

static void offer(void *arg, const char *key)
{
    suggest_offer(arg, key);
}

struct key_list {
    char text[160];
    size_t length;
};

static void add_key(void *arg, const char *key)
{
    struct key_list *l = arg;

    if (l->length < sizeof(l->text))
        l->length += (size_t)snprintf(l->text + l->length, sizeof(l->text) - l->length, "%s%s",
                                      l->length ? ", " : "", key);
}

static void report_unknown(struct fill *f, const struct yaml_node *map, size_t k,
                           const struct fill_part *parts, size_t count, const char *const *others)
{
    const char *key = map->keys[k]->text;
    struct key_list known = {.length = 0};
    struct suggest s;

    for (size_t i = 0; i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (strcmp(hints[i].key, key) == 0) {
            report_key(f->reporter, map, k, "unknown key: %s", hints[i].hint);
            return;
        }
    }
    if (map->items[k]->kind == YAML_SCALAR && map->items[k]->text[0] == '\0' &&
        strspn(key, "0123456789") == strlen(key)) { /* {warning: 75,5} */
        report_key(f->reporter, map, k,
                   "unknown key; if it belongs to the number before it: decimals are written with "
                   "a point, as in 75.5");
        return;
    }
    suggest_init(&s, key);
    each_key(parts, count, others, offer, &s);
    each_key(parts, count, others, add_key, &known);
    if (s.best)
        report_key(f->reporter, map, k, "unknown key; did you mean '%s'?", s.best);
    else if (known.length < sizeof(known.text))
        report_key(f->reporter, map, k, "unknown key; here may stand %s", known.text);
    else
        report_key(f->reporter, map, k,
                   "unknown key; `sensorgw check --reference` lists all that there are");
}

void fill_check_keys(struct fill *f, const struct yaml_node *map, const struct fill_part *parts,
                     size_t count, const char *const *others)
{
    for (size_t k = 0; k < map->count; k++) {
        const char *key = map->keys[k]->text;
        size_t first = 0;
        while (strcmp(map->keys[first]->text, key) != 0)
            first++;
        if (first < k)
            report_key(f->reporter, map, k, "is there twice; the first is in line %d",
                       map->keys[first]->line);
        else if (!find_row(parts, count, key) && !is_listed(others, key))
            report_unknown(f, map, k, parts, count, others);
    }
}

/* `o` is the first row of its group: how many of the group's keys the map has. */
static void check_group(struct fill *f, const struct yaml_node *map, const struct option *table,
                        const struct option *o)
{
    bool may_lack = o->group[0] == '?';
    const char *names = o->group + may_lack;
    const struct option *second = NULL;
    size_t given = 0;

    for (const struct option *row = table; row->key; row++) {
        if (!row->group || strcmp(row->group, o->group) != 0 || !yaml_get(map, row->key))
            continue;
        if (++given == 2)
            second = row;
    }
    if (given == 0 && !may_lack)
        config_report(f->reporter, map, NULL, "needs exactly one of the keys %s", names);
    else if (second)
        config_report(f->reporter, map, second->key, "only one of the keys %s may be given", names);
}

static void check_groups(struct fill *f, const struct yaml_node *map, const struct option *table)
{
    for (const struct option *o = table; o->key; o++) {
        if (!o->group)
            continue;
        const struct option *first = table;
        while (!first->group || strcmp(first->group, o->group) != 0)
            first++;
        if (first == o)
            check_group(f, map, table, o);
    }
}

static void fill_row(struct fill *f, const struct yaml_node *map, const struct option *o,
                     void *base)
{
    const struct yaml_node *value = yaml_get(map, o->key);
    const struct fill_place place = {.map = map, .key = o->key};
    void *field = (char *)base + o->offset;

    if (value && fill_value(f, &place, o, value, field))
        return;
    if (map && !value && !o->fallback)
        config_report(f->reporter, map, o->key, "is required: %s", o->help);
    fill_fallback(f, o, field);
}

bool fill_map(struct fill *f, const struct yaml_node *map, const struct fill_part *parts,
              size_t count, const char *const *others)
{
    size_t before = f->reporter->count;

    if (map && map->kind != YAML_MAP) {
        config_report(f->reporter, map, NULL, "must be a map of `key: value`");
        map = NULL;
    }
    if (map)
        fill_check_keys(f, map, parts, count, others);
    for (size_t i = 0; i < count; i++) {
        for (const struct option *o = parts[i].table; o && o->key; o++)
            fill_row(f, map, o, parts[i].base);
        if (map && parts[i].table)
            check_groups(f, map, parts[i].table);
    }
    return f->reporter->count == before;
}

const char *fill_text(struct fill *f, const struct yaml_node *map, const char *key)
{
    const struct yaml_node *n = yaml_get(map, key);
    const struct fill_place place = {.map = map, .key = key};

    if (!n || n->kind != YAML_SCALAR || n->text[0] == '\0') {
        config_report(f->reporter, map, key, n ? "must be a text" : "is required");
        return NULL;
    }
    return fill_expand(f, &place, n->text);
}

const struct yaml_node *fill_list(struct fill *f, const struct yaml_node *map, const char *key,
                                  const char *what, bool required)
{
    const struct yaml_node *list = yaml_get(map, key);

    if (!list) {
        if (required)
            config_report(f->reporter, map, key, "is required: a list of %s", what);
        return NULL;
    }
    if (list->kind != YAML_LIST) {
        config_report(f->reporter, map, key, "must be a list of %s (each begins with a dash)",
                      what);
        return NULL;
    }
    if (list->count == 0 && required) {
        config_report(f->reporter, map, key, "is empty: a list of %s", what);
        return NULL;
    }
    return list;
}
