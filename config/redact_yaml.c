/* SPDX-License-Identifier: Apache-2.0 */
/* The parser's events say where each value stands; what lies between two of them is copied without
 * its comments. */
#include "config/redact.h"
#include "config/redact_words.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <yaml.h>

#define MAX_DEPTH 64
#define KEY_SIZE 64

/* A map or list that the parser is in. */
struct level {
    bool is_map;
    bool wants_key;     /* the next node is one */
    bool is_secret;     /* all that is in it */
    char key[KEY_SIZE]; /* whose value comes next */
};

struct cut {
    struct redact *r;
    const char *folder;
    FILE *f;
    const char *at, *end; /* what is not copied yet */
    size_t chars;         /* libyaml counts characters, not bytes: those before `at` */
    struct level levels[MAX_DEPTH];
    size_t depth;
};

/* --- copying --- */

/* From c->at to the character with that number. */
static const char *place_of(const struct cut *c, size_t chars)
{
    const char *at = c->at;
    size_t n = c->chars;

    while (at < c->end && n < chars) {
        at++;
        while (at < c->end && ((unsigned char)*at & 0xc0) == 0x80)
            at++;
        n++;
    }
    return at;
}

static void move_to(struct cut *c, const char *at, size_t chars)
{
    c->at = at;
    c->chars = chars;
}

static const char *skip_comment(const char *at, const char *end)
{
    while (at < end && *at != '\n' && *at != '\r')
        at++;
    return at;
}

/* What is between two values: signs, blanks and comments. */
static void copy_gap(struct cut *c, size_t chars)
{
    const char *to = place_of(c, chars);

    for (const char *at = c->at; at < to;) {
        bool starts_word = at == c->at || isspace((unsigned char)at[-1]);
        if (*at == '#' && starts_word)
            at = skip_comment(at, to);
        else
            fputc(*at++, c->f);
    }
    if (to > c->at)
        move_to(c, to, chars);
}

static char *piece(const char *from, const char *to)
{
    return strndup(from, (size_t)(to - from));
}

/* The value as it stands, but for users in URLs. */
static void copy_value(struct cut *c, size_t chars)
{
    const char *to = place_of(c, chars);
    const struct redact none = {0};
    char *text = piece(c->at, to);

    if (text)
        redact_text(&none, text, c->f);
    free(text);
    move_to(c, to, chars);
}

/* Lines keep their numbers. */
static void drop_value(struct cut *c, size_t chars)
{
    const char *to = place_of(c, chars);

    if (to > c->at)
        fputs(REDACTED, c->f);
    for (const char *at = c->at; at < to; at++) {
        if (*at == '\n')
            fputc('\n', c->f);
    }
    move_to(c, to, chars);
}

/* --- what is secret --- */

/* Whether a file may be called so: it is there, or in a folder that is, or begins with a variable
 * that stands for a folder. */
static bool names_file(const struct cut *c, const char *value)
{
    char path[4096];
    struct stat st;

    if (strncmp(value, "${", 2) == 0 && strstr(value, "}/"))
        return true;
    int n = snprintf(path, sizeof(path), "%s%s%s", value[0] == '/' ? "" : c->folder,
                     value[0] == '/' ? "" : "/", value);
    if (n < 0 || (size_t)n >= sizeof(path))
        return false;
    if (stat(path, &st) == 0)
        return true;
    if (value[0] != '/')
        return false;
    *strrchr(path, '/') = '\0';
    return stat(path[0] ? path : "/", &st) == 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool must_go(const struct cut *c, const char *key, const char *value)
{
    if (ends_with(key, "_file"))
        return !names_file(c, value);
    return redact_is_secret(key);
}

/* --- the events --- */

static struct level *inner(struct cut *c)
{
    return c->depth > 0 ? &c->levels[c->depth - 1] : NULL;
}

/* A node is complete: a map's next one is a key after a value, and the other way round. */
static void next_node(struct cut *c)
{
    struct level *l = inner(c);

    if (l && l->is_map)
        l->wants_key = !l->wants_key;
}

static void on_scalar(struct cut *c, const yaml_event_t *e)
{
    const char *value = (const char *)e->data.scalar.value;
    struct level *l = inner(c);
    bool is_key = l && l->is_map && l->wants_key;
    const char *key = l ? l->key : "";

    copy_gap(c, e->start_mark.index);
    if (l && (l->is_secret || (!is_key && must_go(c, key, value)))) {
        /* A user's name is no secret that must be looked for elsewhere. */
        if (!is_key && !strcasestr(key, "user"))
            redact_add(c->r, value);
        drop_value(c, e->end_mark.index);
    } else {
        copy_value(c, e->end_mark.index);
    }
    if (is_key)
        snprintf(l->key, sizeof(l->key), "%s", value);
    next_node(c);
}

static bool on_start(struct cut *c, bool is_map)
{
    const struct level *outer = inner(c);
    bool secret = outer && (outer->is_secret || redact_is_secret(outer->key));

    if (c->depth == MAX_DEPTH)
        return false;
    struct level *l = &c->levels[c->depth++];
    *l = (struct level){.is_map = is_map, .wants_key = is_map, .is_secret = secret};
    /* The items of a list belong to the list's key. */
    if (!is_map && outer)
        memcpy(l->key, outer->key, sizeof(l->key));
    return true;
}

/* False: not to be followed any further. */
static bool on_event(struct cut *c, const yaml_event_t *e)
{
    if (e->type == YAML_MAPPING_START_EVENT || e->type == YAML_SEQUENCE_START_EVENT)
        return on_start(c, e->type == YAML_MAPPING_START_EVENT);
    if (e->type == YAML_SCALAR_EVENT)
        on_scalar(c, e);
    if (e->type == YAML_ALIAS_EVENT)
        next_node(c);
    if (e->type == YAML_MAPPING_END_EVENT || e->type == YAML_SEQUENCE_END_EVENT) {
        c->depth--;
        next_node(c);
    }
    return true;
}

static void follow(struct cut *c, yaml_parser_t *parser)
{
    yaml_event_t event;
    bool ok = true, over = false;

    while (ok && !over) {
        ok = yaml_parser_parse(parser, &event) != 0;
        if (!ok)
            break;
        over = event.type == YAML_STREAM_END_EVENT;
        ok = on_event(c, &event);
        yaml_event_delete(&event);
    }
    if (ok)
        copy_gap(c, SIZE_MAX);
    else
        fputs("\n[the rest is left out: it is no YAML, so what is secret cannot be told]\n", c->f);
}

void redact_yaml(struct redact *r, const char *text, size_t length, const char *folder, FILE *f)
{
    static const char mark[] = "\xef\xbb\xbf"; /* of UTF-8; libyaml does not count it */
    size_t skip = length >= 3 && memcmp(text, mark, 3) == 0 ? 3 : 0;
    struct cut *c = calloc(1, sizeof(*c));
    yaml_parser_t parser;

    if (!c || !yaml_parser_initialize(&parser)) {
        free(c);
        return;
    }
    *c = (struct cut){.r = r, .folder = folder, .f = f, .at = text + skip, .end = text + length};
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text + skip, length - skip);
    follow(c, &parser);
    yaml_parser_delete(&parser);
    free(c);
}
