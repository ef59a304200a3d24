/* SPDX-License-Identifier: Apache-2.0 */
/* One row of a table: a value's text into its field. */
#include "config/option.h"

#include "config/fill_value.h"
#include "config/suggest.h"
#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define SECRET_MAX 65536

static const char *const type_words[] = {
    [OPTION_STRING] = "text",
    [OPTION_SECRET_FILE] = "a file name",
    [OPTION_INTEGER] = "a whole number",
    [OPTION_REAL] = "a number",
    [OPTION_BOOL] = "true or false",
    [OPTION_TIMESPAN] = "a timespan like 500ms, 2s, 10m or 30d",
    [OPTION_SIZE] = "a size like 4096, 64kB or 2GB",
    [OPTION_ENUM] = "a word",
    [OPTION_NUMBER_LIST] = "a number or a list of numbers",
    [OPTION_TABLE] = "a map",
};

/* Where a value is complained about: at its key in its map. */
static bool complain(struct fill *f, const struct fill_place *p, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool complain(struct fill *f, const struct fill_place *p, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report_va(f->reporter, p->map, p->key, format, args);
    va_end(args);
    return false;
}

/* --- text --- */

/* A variable's value, or NULL. systemd names the folder of a service's secrets; for who calls the
 * program by hand it is the folder "credentials" beside the configuration, where the unit takes
 * them from. */
static const char *lookup(const struct fill *f, const char *name)
{
    char path[4096];
    const char *value = getenv(name);

    if (value || strcmp(name, "CREDENTIALS_DIRECTORY") != 0)
        return value;
    snprintf(path, sizeof(path), "%s/credentials", f->folder);
    return arena_text(f->arena, path, strlen(path));
}

/* "${NAME}" at text: its value and where the text goes on; NULL (reported) when it has none. */
static const char *variable(struct fill *f, const struct fill_place *p, const char *text,
                            const char **rest)
{
    char name[128];
    const char *end = strchr(text, '}');
    size_t length = end ? (size_t)(end - text) - 2 : 0;

    if (!end || length == 0 || length >= sizeof(name)) {
        complain(f, p, "'${' without a name and '}'; write $${ for the characters themselves");
        return NULL;
    }
    memcpy(name, text + 2, length);
    name[length] = '\0';
    *rest = end + 1;
    const char *value = lookup(f, name);
    if (!value)
        complain(f, p, "the environment has no variable %s", name);
    return value;
}

char *fill_expand(struct fill *f, const struct fill_place *p, const char *text)
{
    char *out = NULL;
    size_t size;
    FILE *stream = open_memstream(&out, &size);
    bool ok = stream != NULL;

    while (ok && *text) {
        if (strncmp(text, "$${", 3) == 0) {
            fputs("${", stream);
            text += 3;
        } else if (strncmp(text, "${", 2) == 0) {
            const char *value = variable(f, p, text, &text);
            ok = value != NULL;
            fputs(ok ? value : "", stream);
        } else {
            fputc(*text++, stream);
        }
    }
    if (stream)
        fclose(stream);
    char *copy = ok ? arena_text(f->arena, out, size) : NULL;
    free(out);
    return copy;
}

static bool set_string(struct fill *f, const struct fill_place *p, const char *text, char **out)
{
    char *value = fill_expand(f, p, text);

    if (!value)
        return false;
    *out = value;
    return true;
}

static char *full_name(struct fill *f, const char *name)
{
    char path[4096];

    if (name[0] == '/')
        snprintf(path, sizeof(path), "%s", name);
    else
        snprintf(path, sizeof(path), "%s/%s", f->folder, name);
    return arena_text(f->arena, path, strlen(path));
}

static bool set_secret(struct fill *f, const struct fill_place *p, const char *text, char **out)
{
    char *name = fill_expand(f, p, text);
    if (!name)
        return false;
    char *path = full_name(f, name);
    FILE *file = fopen(path, "re");
    if (!file)
        return complain(f, p, "cannot read %s: %s", path, strerror(errno));
    char *content = arena_take(f->arena, SECRET_MAX + 1);
    size_t length = fread(content, 1, SECRET_MAX, file);
    bool failed = ferror(file) != 0;
    fclose(file);
    if (failed)
        return complain(f, p, "cannot read %s: it is no file with text", path);
    while (length > 0 && (content[length - 1] == '\n' || content[length - 1] == '\r'))
        content[--length] = '\0';
    if (length == 0)
        return complain(f, p, "%s is empty", path);
    *out = content;
    return true;
}

/* --- numbers --- */

static bool in_range(struct fill *f, const struct fill_place *p, const struct option *o,
                     double value, const char *text)
{
    char low[VALUE_TEXT_SIZE], high[VALUE_TEXT_SIZE];

    if ((o->min == 0 && o->max == 0) || (value >= o->min && value <= o->max))
        return true;
    value_limit(o->type, o->min, low);
    if (o->max >= OPTION_NO_MAX)
        return complain(f, p, "must be at least %s, not %s", low, text);
    return complain(f, p, "must be from %s to %s, not %s", low, value_limit(o->type, o->max, high),
                    text);
}

static bool not_a(struct fill *f, const struct fill_place *p, const struct option *o,
                  const char *text)
{
    return complain(f, p, "must be %s, not '%s'", type_words[o->type], text);
}

static bool set_integer(struct fill *f, const struct fill_place *p, const struct option *o,
                        const char *text, int64_t *out)
{
    struct number n;

    if (!value_integer(text, &n))
        return not_a(f, p, o, text);
    if (!in_range(f, p, o, n.real, text))
        return false;
    *out = n.integer;
    return true;
}

static bool set_real(struct fill *f, const struct fill_place *p, const struct option *o,
                     const char *text, double *out)
{
    double value;

    if (!value_real(text, &value))
        return not_a(f, p, o, text);
    if (!in_range(f, p, o, value, text))
        return false;
    *out = value;
    return true;
}

static bool set_scaled(struct fill *f, const struct fill_place *p, const struct option *o,
                       const char *text, int64_t *out)
{
    int64_t value;
    bool ok =
        o->type == OPTION_TIMESPAN ? option_parse_timespan(text, &value) : value_size(text, &value);

    if (!ok && o->type == OPTION_TIMESPAN && *text && strspn(text, "0123456789") == strlen(text))
        return complain(f, p, "needs a unit: %ss for seconds (us, ms, s, m, h, d, y)", text);
    if (!ok)
        return not_a(f, p, o, text);
    if (!in_range(f, p, o, (double)value, text))
        return false;
    *out = value;
    return true;
}

static bool set_bool(struct fill *f, const struct fill_place *p, const struct option *o,
                     const char *text, bool *out)
{
    if (strcmp(text, "true") != 0 && strcmp(text, "false") != 0)
        return not_a(f, p, o, text);
    *out = text[0] == 't';
    return true;
}

/* What other systems call a type is nearest to another one by its letters. */
static const char *usual_name(const char *text)
{
    static const char *const names[][2] = {{"float", "float32"},
                                           {"real", "float32"},
                                           {"double", "float64"},
                                           {"int", "int16"},
                                           {"uint", "uint16"}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(text, names[i][0]) == 0)
            return names[i][1];
    }
    return text;
}

static bool set_enum(struct fill *f, const struct fill_place *p, const struct option *o,
                     const char *text, int *out)
{
    struct suggest s;
    char known[512] = "";
    size_t n = 0;

    suggest_init(&s, usual_name(text));
    for (int i = 0; o->choices[i]; i++) {
        if (strcmp(o->choices[i], text) == 0) {
            *out = i;
            return true;
        }
        suggest_offer(&s, o->choices[i]);
        if (n < sizeof(known))
            n += (size_t)snprintf(known + n, sizeof(known) - n, "%s%s", i ? ", " : "",
                                  o->choices[i]);
    }
    if (s.best)
        return complain(f, p, "must be one of %s, not '%s'; did you mean '%s'?", known, text,
                        s.best);
    return complain(f, p, "must be one of %s, not '%s'", known, text);
}

static bool set_number(struct fill *f, const struct fill_place *p, const struct option *o,
                       const struct yaml_node *n, struct number *out)
{
    if (n->kind != YAML_SCALAR || n->quoted || !value_number(n->text, out))
        return not_a(f, p, o, n->kind == YAML_SCALAR ? n->text : "a list or map");
    return in_range(f, p, o, out->real, n->text);
}

static bool set_numbers(struct fill *f, const struct fill_place *p, const struct option *o,
                        const struct yaml_node *n, struct number_list *out)
{
    size_t count = n->kind == YAML_LIST ? n->count : 1;
    struct number *items = arena_take(f->arena, (count ? count : 1) * sizeof(*items));

    if (n->kind == YAML_MAP)
        return not_a(f, p, o, "a map");
    for (size_t i = 0; i < count; i++) {
        if (!set_number(f, p, o, n->kind == YAML_LIST ? n->items[i] : n, &items[i]))
            return false;
    }
    *out = (struct number_list){.items = items, .count = count};
    return true;
}

/* --- a row --- */

static bool set_table(struct fill *f, const struct fill_place *p, const struct option *o,
                      const struct yaml_node *n, void *field)
{
    struct fill_part part = {.table = o->table, .base = field};

    if (n->kind != YAML_MAP)
        return complain(f, p, "must be a map like {%s: …}", o->table[0].key);
    return fill_map(f, n, &part, 1, NULL);
}

static bool set_scalar(struct fill *f, const struct fill_place *p, const struct option *o,
                       const char *text, void *field)
{
    switch (o->type) {
    case OPTION_STRING:
        return set_string(f, p, text, field);
    case OPTION_SECRET_FILE:
        return set_secret(f, p, text, field);
    case OPTION_INTEGER:
        return set_integer(f, p, o, text, field);
    case OPTION_REAL:
        return set_real(f, p, o, text, field);
    case OPTION_BOOL:
        return set_bool(f, p, o, text, field);
    case OPTION_TIMESPAN:
    case OPTION_SIZE:
        return set_scaled(f, p, o, text, field);
    case OPTION_ENUM:
        return set_enum(f, p, o, text, field);
    case OPTION_NUMBER_LIST:
    case OPTION_TABLE:
        break;
    }
    return false;
}

static bool is_text_type(enum option_type type)
{
    return type == OPTION_STRING || type == OPTION_SECRET_FILE || type == OPTION_ENUM;
}

bool fill_is_empty(const struct yaml_node *n)
{
    return n->kind == YAML_SCALAR && !n->quoted &&
           (n->text[0] == '\0' || strcmp(n->text, "~") == 0 || strcmp(n->text, "null") == 0);
}

bool fill_value(struct fill *f, const struct fill_place *p, const struct option *o,
                const struct yaml_node *n, void *field)
{
    if (fill_is_empty(n))
        return complain(f, p, "has no value; it must be %s", type_words[o->type]);
    if (o->type == OPTION_TABLE)
        return set_table(f, p, o, n, field);
    if (o->type == OPTION_NUMBER_LIST)
        return set_numbers(f, p, o, n, field);
    if (n->kind != YAML_SCALAR)
        return complain(f, p, "must be %s, not a %s", type_words[o->type],
                        n->kind == YAML_LIST ? "list" : "map");
    if (n->quoted && !is_text_type(o->type))
        return complain(f, p, "must be %s, not text in quotes", type_words[o->type]);
    return set_scalar(f, p, o, n->text, field);
}

/* --- a row that the file leaves out --- */

static void set_unset(const struct option *o, void *field)
{
    switch (o->type) {
    case OPTION_STRING:
    case OPTION_SECRET_FILE:
        *(char **)field = NULL;
        break;
    case OPTION_INTEGER:
    case OPTION_TIMESPAN:
    case OPTION_SIZE:
        *(int64_t *)field = OPTION_UNSET;
        break;
    case OPTION_REAL:
        *(double *)field = (double)NAN;
        break;
    case OPTION_BOOL:
        *(bool *)field = false;
        break;
    case OPTION_ENUM:
        *(int *)field = -1;
        break;
    case OPTION_NUMBER_LIST:
        *(struct number_list *)field = (struct number_list){0};
        break;
    case OPTION_TABLE:
        break;
    }
}

void fill_fallback(struct fill *f, const struct option *o, void *field)
{
    if (o->type == OPTION_TABLE) {
        struct fill_part part = {.table = o->table, .base = field};
        fill_map(f, NULL, &part, 1, NULL);
    } else if (!o->fallback || o->fallback[0] == '\0') {
        set_unset(o, field);
    } else {
        const struct fill_place nowhere = {0};
        set_scalar(f, &nowhere, o, o->fallback, field);
    }
}
