/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/table.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_COLUMNS 16

struct table {
    size_t columns, rows, room;
    bool right[MAX_COLUMNS];
    int width[MAX_COLUMNS];
    char **cells; /* row by row; the titles are the first row */
};

/* Characters, not bytes: units such as °C. */
static int display_width(const char *s)
{
    int n = 0;

    for (; *s; s++)
        n += ((unsigned char)*s & 0xc0) != 0x80;
    return n;
}

struct table *table_create(const char *const *titles)
{
    struct table *t = calloc(1, sizeof(*t));
    const char *plain[MAX_COLUMNS];

    if (!t)
        return NULL;
    for (; t->columns < MAX_COLUMNS && titles[t->columns]; t->columns++) {
        t->right[t->columns] = titles[t->columns][0] == '>';
        plain[t->columns] = titles[t->columns] + t->right[t->columns];
    }
    assert(t->columns > 0);
    table_add(t, plain);
    return t;
}

static bool make_room(struct table *t)
{
    if (t->rows < t->room)
        return true;
    size_t room = t->room ? t->room * 2 : 64;
    char **grown = realloc(t->cells, room * t->columns * sizeof(*grown));
    if (!grown)
        return false;
    t->cells = grown;
    t->room = room;
    return true;
}

void table_add(struct table *t, const char *const *cells)
{
    if (!make_room(t))
        return;
    for (size_t i = 0; i < t->columns; i++) {
        int width = display_width(cells[i]);
        t->cells[t->rows * t->columns + i] = strdup(cells[i]);
        if (width > t->width[i])
            t->width[i] = width;
    }
    t->rows++;
}

size_t table_rows(const struct table *t)
{
    return t->rows - 1;
}

static void print_cell(const struct table *t, size_t column, const char *text, FILE *f)
{
    int pad = t->width[column] - display_width(text);
    bool last = column + 1 == t->columns;

    if (t->right[column])
        fprintf(f, "%*s%s", pad, "", text);
    else
        fprintf(f, "%s%*s", text, last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", f);
}

void table_print(const struct table *t, FILE *f)
{
    for (size_t row = 0; row < t->rows; row++) {
        for (size_t i = 0; i < t->columns; i++) {
            const char *cell = t->cells[row * t->columns + i];
            print_cell(t, i, cell ? cell : "", f);
        }
    }
}

void table_destroy(struct table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < t->rows * t->columns; i++)
        free(t->cells[i]);
    free(t->cells);
    free(t);
}
