/* SPDX-License-Identifier: Apache-2.0 */
#include "config/yaml.h"

#include "config/arena.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define MAX_DEPTH 32
#define MAX_NODES 100000 /* with each alias counted as all that it stands for */

struct anchor {
    struct anchor *next;
    const char *name;
    struct yaml_node *node;
};

struct reader {
    yaml_parser_t parser;
    struct arena *arena;
    struct anchor *anchors;
    size_t nodes;
    struct yaml_error *error;
};

static enum gw_err fail(struct reader *r, yaml_mark_t mark, const char *why)
{
    r->error->line = (int)mark.line + 1;
    r->error->column = (int)mark.column + 1;
    snprintf(r->error->text, sizeof(r->error->text), "%s", why);
    return GW_ECONFIG;
}

/* What a person most likely did, by libyaml's words for it. */
static const struct {
    const char *problem, *hint;
} hints[] = {
    {"cannot start any token", "a tab? indent with spaces; quote text that begins with a sign"},
    {"tab character", "indent with spaces"},
    {"mapping values are not allowed",
     "wrong indentation? keys of one map begin in the same column; quote text that holds \": \""},
    {"did not find expected key", "wrong indentation? keys of one map begin in the same column"},
    {"did not find expected '-' indicator",
     "wrong indentation? the dashes of one list stand in the same column"},
    {"block sequence entries are not allowed",
     "wrong indentation? a list begins in a line of its own"},
};

static const char *hint_for(const char *problem)
{
    for (size_t i = 0; problem && i < sizeof(hints) / sizeof(hints[0]); i++) {
        if (strstr(problem, hints[i].problem))
            return hints[i].hint;
    }
    return NULL;
}

/* libyaml's own words; where they say what it was about, that comes first. */
static enum gw_err fail_parser(struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    char text[240];

    if (p->error == YAML_READER_ERROR) {
        snprintf(text, sizeof(text), "is not UTF-8 text: %s at byte %zu", p->problem,
                 p->problem_offset);
        return fail(r, p->mark, text);
    }
    const char *hint = hint_for(p->problem);
    snprintf(text, sizeof(text), "is not YAML: %s%s%s%s%s%s", p->context ? p->context : "",
             p->context ? ": " : "", p->problem ? p->problem : "out of memory", hint ? " (" : "",
             hint ? hint : "", hint ? ")" : "");
    return fail(r, p->problem_mark, text);
}

static enum gw_err next_event(struct reader *r, yaml_event_t *event)
{
    return yaml_parser_parse(&r->parser, event) ? GW_OK : fail_parser(r);
}

static struct yaml_node *new_node(struct reader *r, enum yaml_kind kind, yaml_mark_t mark)
{
    struct yaml_node *n = arena_take(r->arena, sizeof(*n));

    n->kind = kind;
    n->line = (int)mark.line + 1;
    n->column = (int)mark.column + 1;
    r->nodes++;
    return n;
}

static size_t expanded_size(const struct yaml_node *n)
{
    size_t size = 1;

    for (size_t i = 0; i < n->count; i++)
        size += expanded_size(n->items[i]) + (n->kind == YAML_MAP);
    return size;
}

static enum gw_err follow_alias(struct reader *r, const yaml_event_t *e, struct yaml_node **out)
{
    for (const struct anchor *a = r->anchors; a; a = a->next) {
        if (strcmp(a->name, (const char *)e->data.alias.anchor) != 0)
            continue;
        *out = a->node;
        r->nodes += expanded_size(a->node);
        return r->nodes > MAX_NODES ? fail(r, e->start_mark, "has too many values") : GW_OK;
    }
    return fail(r, e->start_mark, "alias of an anchor that was not defined before");
}

static void keep_anchor(struct reader *r, const yaml_char_t *name, struct yaml_node *node)
{
    if (!name)
        return;
    struct anchor *a = arena_take(r->arena, sizeof(*a));
    a->name = arena_text(r->arena, (const char *)name, strlen((const char *)name));
    a->node = node;
    a->next = r->anchors;
    r->anchors = a;
}

/* Appends to a list, or a key and a value to a map; room doubles at powers of two. */
static void append(struct reader *r, struct yaml_node *n, struct yaml_node *key,
                   struct yaml_node *item)
{
    if ((n->count & (n->count - 1)) == 0) {
        size_t room = n->count ? 2 * n->count : 1;
        struct yaml_node **items = arena_take(r->arena, 2 * room * sizeof(struct yaml_node *));
        if (n->count) {
            memcpy(items, n->items, n->count * sizeof(struct yaml_node *));
            memcpy(items + room, n->keys, n->count * sizeof(struct yaml_node *));
        }
        n->items = items;
        n->keys = items + room;
    }
    n->keys[n->count] = key;
    n->items[n->count++] = item;
}

static enum gw_err read_node(struct reader *r, yaml_event_t *e, int depth, struct yaml_node **out);

static enum gw_err read_list(struct reader *r, struct yaml_node *list, int depth)
{
    for (;;) {
        yaml_event_t e;
        struct yaml_node *item = NULL;
        enum gw_err err = next_event(r, &e);
        if (err != GW_OK)
            return err;
        if (e.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&e);
            return GW_OK;
        }
        if ((err = read_node(r, &e, depth + 1, &item)) != GW_OK)
            return err;
        append(r, list, NULL, item);
    }
}

static enum gw_err read_map(struct reader *r, struct yaml_node *map, int depth)
{
    for (;;) {
        yaml_event_t e;
        struct yaml_node *key = NULL, *value = NULL;
        enum gw_err err = next_event(r, &e);
        if (err != GW_OK)
            return err;
        yaml_mark_t mark = e.start_mark;
        if (e.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&e);
            return GW_OK;
        }
        if ((err = read_node(r, &e, depth + 1, &key)) != GW_OK)
            return err;
        if (key->kind != YAML_SCALAR)
            return fail(r, mark, "a key must be a plain word");
        if ((err = next_event(r, &e)) != GW_OK ||
            (err = read_node(r, &e, depth + 1, &value)) != GW_OK)
            return err;
        append(r, map, key, value);
    }
}

/* Reads the node that begins with the event, and deletes the event. */
static enum gw_err read_node(struct reader *r, yaml_event_t *e, int depth, struct yaml_node **out)
{
    enum gw_err err = GW_OK;

    if (depth > MAX_DEPTH)
        err = fail(r, e->start_mark, "is nested too deeply");
    else if (r->nodes > MAX_NODES)
        err = fail(r, e->start_mark, "has too many values");
    else if (e->type == YAML_ALIAS_EVENT)
        err = follow_alias(r, e, out);
    else if (e->type == YAML_SCALAR_EVENT) {
        struct yaml_node *n = new_node(r, YAML_SCALAR, e->start_mark);
        n->text = arena_text(r->arena, (const char *)e->data.scalar.value, e->data.scalar.length);
        n->quoted = e->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        if (strlen(n->text) != e->data.scalar.length)
            err = fail(r, e->start_mark, "holds a NUL character");
        keep_anchor(r, e->data.scalar.anchor, n);
        *out = n;
    } else {
        bool list = e->type == YAML_SEQUENCE_START_EVENT;
        struct yaml_node *n = new_node(r, list ? YAML_LIST : YAML_MAP, e->start_mark);
        err = list ? read_list(r, n, depth) : read_map(r, n, depth);
        keep_anchor(r, list ? e->data.sequence_start.anchor : e->data.mapping_start.anchor, n);
        *out = n;
    }
    yaml_event_delete(e);
    return err;
}

/* stream start, document start, node, document end, stream end; an empty stream has no document. */
static enum gw_err read_stream(struct reader *r, struct yaml_node **root)
{
    bool seen = false;

    for (;;) {
        yaml_event_t e;
        enum gw_err err = next_event(r, &e);
        if (err != GW_OK)
            return err;
        yaml_event_type_t type = e.type;
        yaml_mark_t mark = e.start_mark;
        if (type == YAML_STREAM_START_EVENT || type == YAML_DOCUMENT_END_EVENT ||
            type == YAML_DOCUMENT_START_EVENT || type == YAML_STREAM_END_EVENT) {
            yaml_event_delete(&e);
        } else {
            seen = true;
            if ((err = read_node(r, &e, 1, root)) != GW_OK)
                return err;
        }
        if (type == YAML_STREAM_END_EVENT)
            return GW_OK;
        if (type == YAML_DOCUMENT_START_EVENT && seen)
            return fail(r, mark, "begins a second document; one file is one configuration");
    }
}

enum gw_err yaml_parse(const char *text, size_t length, struct yaml_document *out,
                       struct yaml_error *error)
{
    struct reader r = {.error = error, .arena = arena_create()};
    struct yaml_node *root = NULL;

    if (!r.arena)
        return GW_ENOMEM;
    if (!yaml_parser_initialize(&r.parser)) {
        arena_destroy(r.arena);
        return GW_ENOMEM;
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)text, length);
    enum gw_err err = read_stream(&r, &root);
    yaml_parser_delete(&r.parser);
    if (err != GW_OK) {
        arena_destroy(r.arena);
        return err;
    }
    *out = (struct yaml_document){.root = root, .memory = r.arena};
    return GW_OK;
}

void yaml_release(struct yaml_document *doc)
{
    arena_destroy(doc->memory);
    *doc = (struct yaml_document){0};
}

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
    if (!map || map->kind != YAML_MAP)
        return NULL;
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i]->text, key) == 0)
            return map->items[i];
    }
    return NULL;
}
