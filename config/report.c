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

static bool same_file(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static bool is_known(const struct config_errors *e, const char *file, int line, int column,
                     const char *text)
{
    for (size_t i = 0; i < e->count; i++) {
        const struct config_error *old = &e->items[i];
        if (old->line == line && old->column == column && same_file(old->file, file) &&
            strcmp(old->text, text) == 0)
            return true;
    }
    return false;
}

static void add(struct config_reporter *r, const char *file, int line, int column, const char *text)
{
    struct config_errors *e = r->errors;

    r->count++;
    if (is_known(e, file, line, column, text)) /* a template that is used twice is wrong once */
        return;
    if (e->count == REPORT_MAX) {
        e->truncated = true;
        return;
    }
    if (!e->items)
        e->items = calloc(REPORT_MAX, sizeof(*e->items));
    struct config_error new = {
        .file = file ? strdup(file) : NULL, .line = line, .column = column, .text = strdup(text)};
    if (!e->items || !new.text || (file && !new.file)) {
        free(new.file);
        free(new.text);
        return;
    }
    e->items[e->count++] = new;
}

/* The map of a file that has the key, or would have it. */
static const struct yaml_node *standing(const struct yaml_node *node, const char *key)
{
    while (node && node->over) {
        bool is_under = node->under && key && key[0] && !yaml_get(node->over, key) &&
                        yaml_get(node->under, key);
        node = is_under ? node->under : node->over;
    }
    return node;
}

/* The path of a node that stands in a file, and that file (NULL: the configuration itself). */
static const char *find_node(const struct config_reporter *r, const struct yaml_node *node,
                             char path[PATH_SIZE])
{
    path[0] = '\0';
    if (!r->root || find_path(r->root, node, path, 0))
        return NULL;
    for (const struct report_file *f = r->files; f; f = f->next) {
        path[0] = '\0';
        if (find_path(f->root, node, path, 0))
            return f->path;
    }
    return NULL;
}

static void add_at(struct config_reporter *r, const struct yaml_node *owner, const char *key,
                   int line, int column, const char *format, va_list args)
    __attribute__((format(printf, 6, 0)));

static void add_at(struct config_reporter *r, const struct yaml_node *owner, const char *key,
                   int line, int column, const char *format, va_list args)
{
    char path[PATH_SIZE], why[1024], text[PATH_SIZE + 1200];
    const char *file = find_node(r, standing(owner, key), path);

    vsnprintf(why, sizeof(why), format, args);
    bool has_key = key && key[0];
    snprintf(text, sizeof(text), "%s%s%s%s%s", path, path[0] && has_key ? "." : "",
             has_key ? key : "", path[0] || has_key ? ": " : "", why);
    add(r, file, line, column, text);
}

void report_va(struct config_reporter *r, const struct yaml_node *node, const char *key,
               const char *format, va_list args)
{
    const struct yaml_node *value = key && key[0] ? yaml_get(node, key) : NULL;
    const struct yaml_node *place = value ? value : standing(node, key);

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

void report_place(struct config_reporter *r, const char *file, int line, int column,
                  const char *format, ...)
{
    char text[1200];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    add(r, file, line, column, text);
}

const char *report_where(const struct config_reporter *r, const struct yaml_node *node,
                         char out[static REPORT_WHERE_SIZE])
{
    char path[PATH_SIZE];
    const struct yaml_node *place = standing(node, NULL);
    const char *file = find_node(r, place, path);
    const char *slash = file ? strrchr(file, '/') : NULL;

    snprintf(out, REPORT_WHERE_SIZE, "line %d%s%s", place->line, file ? " of " : "",
             slash  ? slash + 1
             : file ? file
                    : "");
    return out;
}

static int by_place(const void *a, const void *b)
{
    const struct config_error *x = a, *y = b;
    int files = strcmp(x->file ? x->file : "", y->file ? y->file : "");

    if (files)
        return files;
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
    for (size_t i = 0; i < e->count; i++) {
        free(e->items[i].file);
        free(e->items[i].text);
    }
    free(e->items);
    *e = (struct config_errors){0};
}

void config_errors_print(const struct config_errors *e, const char *path, FILE *f)
{
    for (size_t i = 0; i < e->count; i++) {
        const struct config_error *error = &e->items[i];
        fputs(error->file ? error->file : path, f);
        if (error->line > 0)
            fprintf(f, ":%d:%d", error->line, error->column);
        fprintf(f, ": %s\n", error->text);
    }
}
