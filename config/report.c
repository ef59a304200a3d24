/* SPDX-License-Identifier: Apache-2.0 */
#include "config/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_SIZE 256

/* Writes the path of `target` below `node` and says whether it is there. A node that an alias
 * repeats is found where it stands first. */
static bool find_path(const struct yaml_node *node, const struct yaml_node *target, char *path,
                      size_t length)
{
    if (node == target)
        return true;
    for (size_t i = 0; i < node->count; i++) {
        int n = node->kind == YAML_MAP ? snprintf(path + length, PATH_SIZE - length, "%s%s",
                                                  length ? "." : "", node->keys[i]->text)
                                       : snprintf(path + length, PATH_SIZE - length, "[%zu]", i);
        size_t longer = length + (n > 0 ? (size_t)n : 0);
        if (longer >= PATH_SIZE)
            longer = PATH_SIZE - 1;
        if (find_path(node->items[i], target, path, longer))
            return true;
        path[length] = '\0';
    }
    return false;
}

static bool is_known(const struct config_errors *e, int line, int column, const char *text)
{
    for (size_t i = 0; i < e->count; i++) {
        if (e->items[i].line == line && e->items[i].column == column &&
            strcmp(e->items[i].text, text) == 0)
            return true;
    }
    return false;
}

static void add(struct config_reporter *r, int line, int column, const char *text)
{
    struct config_errors *e = r->errors;

    r->count++;
    if (is_known(e, line, column, text)) /* a template that is used twice is wrong once */
        return;
    if (e->count == REPORT_MAX) {
        e->truncated = true;
        return;
    }
    if (!e->items)
        e->items = calloc(REPORT_MAX, sizeof(*e->items));
    char *copy = strdup(text);
    if (!e->items || !copy) {
        free(copy);
        return;
    }
    e->items[e->count++] = (struct config_error){.line = line, .column = column, .text = copy};
}

static void add_at(struct config_reporter *r, const struct yaml_node *owner, const char *key,
                   int line, int column, const char *format, va_list args)
    __attribute__((format(printf, 6, 0)));

static void add_at(struct config_reporter *r, const struct yaml_node *owner, const char *key,
                   int line, int column, const char *format, va_list args)
{
    char path[PATH_SIZE] = "", why[1024], text[PATH_SIZE + 1200];

    if (r->root)
        find_path(r->root, owner, path, 0);
    vsnprintf(why, sizeof(why), format, args);
    bool has_key = key && key[0];
    snprintf(text, sizeof(text), "%s%s%s%s%s", path, path[0] && has_key ? "." : "",
             has_key ? key : "", path[0] || has_key ? ": " : "", why);
    add(r, line, column, text);
}

void report_va(struct config_reporter *r, const struct yaml_node *node, const char *key,
               const char *format, va_list args)
{
    const struct yaml_node *value = key && key[0] ? yaml_get(node, key) : NULL;
    const struct yaml_node *place = value ? value : node;

    add_at(r, node, key, place ? place->line : 0, place ? place->column : 0, format, args);
}

void config_report(struct config_reporter *r, const struct yaml_node *node, const char *key,
                   const char *format, ...)
{
    va_list args;

    va_start(args, format);
    report_va(r, node, key, format, args);
    va_end(args);
}

void report_key(struct config_reporter *r, const struct yaml_node *map, size_t i,
                const char *format, ...)
{
    const struct yaml_node *key = map->keys[i];
    va_list args;

    va_start(args, format);
    add_at(r, map, key->text, key->line, key->column, format, args);
    va_end(args);
}

void report_place(struct config_reporter *r, int line, int column, const char *format, ...)
{
    char text[1200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    add(r, line, column, text);
}

static int by_place(const void *a, const void *b)
{
    const struct config_error *x = a, *y = b;

    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return (x->column > y->column) - (x->column < y->column);
}

void report_sort(struct config_errors *e)
{
    if (e->count > 1)
        qsort(e->items, e->count, sizeof(*e->items), by_place);
}

void config_errors_free(struct config_errors *e)
{
    for (size_t i = 0; i < e->count; i++)
        free(e->items[i].text);
    free(e->items);
    *e = (struct config_errors){0};
}

void config_errors_print(const struct config_errors *e, const char *path, FILE *f)
{
    for (size_t i = 0; i < e->count; i++) {
        if (e->items[i].line > 0)
            fprintf(f, "%s:%d:%d: %s\n", path, e->items[i].line, e->items[i].column,
                    e->items[i].text);
        else
            fprintf(f, "%s: %s\n", path, e->items[i].text);
    }
}
