/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/table.h"

#include <assert.h>
#include <locale.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

#define MAX_COLUMNS 16
#define MIN_TEXT_WIDTH 8 /* a text is not cut further */

struct table {
    size_t columns, rows, room;
    bool right[MAX_COLUMNS];
    int width[MAX_COLUMNS];
    char **cells; /* row by row; the titles are the first row */
};

/* The next character and its columns; *text moves on. What is no UTF-8 counts as one each. */
static int take_character(const char **text)
{
    mbstate_t state = {0};
    wchar_t c;
    size_t bytes = mbrtowc(&c, *text, strlen(*text), &state);

    if (bytes == 0 || bytes > 4) {
        ++*text;
        return 1;
    }
    *text += bytes;
    int columns = wcwidth(c);
    return columns < 0 ? 1 : columns;
}

/* Text is UTF-8 here whatever the terminal's language is. */
static locale_t begin_utf8(void)
{
    static locale_t utf8;

    if (!utf8)
        utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    return utf8 ? uselocale(utf8) : uselocale((locale_t)0);
}

int table_text_width(const char *text)
{
    locale_t before = begin_utf8();
    int n = 0;

    while (*text)
        n += take_character(&text);
    uselocale(before);
    return n;
}

/* How many bytes of the text fit into that many columns. */
static int bytes_that_fit(const char *text, int columns)
{
    locale_t before = begin_utf8();
    const char *end = text;

    for (const char *p = text; *p; end = p) {
        columns -= take_character(&p);
        if (columns < 0)
            break;
    }
    uselocale(before);
    return (int)(end - text);
}

int table_terminal_width(FILE *f)
{
    struct winsize size;

    return ioctl(fileno(f), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
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
        int width = table_text_width(cells[i]);
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
    int pad = t->width[column] - table_text_width(text);
    bool last = column + 1 == t->columns;

    if (pad < 0)
        fprintf(f, "%.*s…", bytes_that_fit(text, t->width[column] - 1), text);
    else if (t->right[column])
        fprintf(f, "%*s%s", pad, "", text);
    else
        fprintf(f, "%s%*s", text, last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", f);
}

static size_t widest_text(const struct table *t)
{
    size_t widest = t->columns;

    for (size_t i = 0; i < t->columns; i++) {
        if (!t->right[i] && (widest == t->columns || t->width[i] > t->width[widest]))
            widest = i;
    }
    return widest;
}

/* Numbers are never cut: half a number is a wrong one. */
static void fit(struct table *t, int room)
{
    int width = 2 * ((int)t->columns - 1);
    size_t widest;

    for (size_t i = 0; i < t->columns; i++)
        width += t->width[i];
    while (width-- > room && (widest = widest_text(t)) < t->columns &&
           t->width[widest] > MIN_TEXT_WIDTH)
        t->width[widest]--;
}

void table_print(struct table *t, FILE *f)
{
    int room = table_terminal_width(f);

    if (room > 0)
        fit(t, room);
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
