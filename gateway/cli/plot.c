/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/plot.h"

#include "gateway/cli/cli.h"
#include "gateway/core/clock.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct plot {
    int width, height; /* characters */
    int64_t since_us, until_us;
    /* lowest and highest value in each column of dots; NAN: none */
    double *low, *high;
    unsigned char *cells; /* Braille patterns, height × width */
};

static int dot_columns(const struct plot *p)
{
    return p->width * 2;
}

enum gw_err plot_create(struct plot **out, int width, int height, int64_t since_us,
                        int64_t until_us)
{
    struct plot *p = calloc(1, sizeof(*p));
    if (!p)
        return GW_ENOMEM;
    p->width = width;
    p->height = height;
    p->since_us = since_us;
    p->until_us = until_us;
    p->low = malloc((size_t)dot_columns(p) * sizeof(*p->low));
    p->high = malloc((size_t)dot_columns(p) * sizeof(*p->high));
    p->cells = calloc((size_t)width, (size_t)height);
    if (!p->low || !p->high || !p->cells) {
        plot_destroy(p);
        return GW_ENOMEM;
    }
    for (int i = 0; i < dot_columns(p); i++)
        p->low[i] = p->high[i] = (double)NAN;
    *out = p;
    return GW_OK;
}

void plot_destroy(struct plot *p)
{
    if (!p)
        return;
    free(p->low);
    free(p->high);
    free(p->cells);
    free(p);
}

void plot_add(struct plot *p, int64_t time_us, double min, double max)
{
    if (time_us < p->since_us || time_us >= p->until_us || isnan(min) || isnan(max))
        return;
    double part = (double)(time_us - p->since_us) / (double)(p->until_us - p->since_us);
    int column = (int)(part * dot_columns(p));
    p->low[column] = fmin(p->low[column], min); /* fmin and fmax pass over NAN */
    p->high[column] = fmax(p->high[column], max);
}

static void set_dot(struct plot *p, int x, int y)
{
    /* Unicode 10.0, block "Braille Patterns": bit of each dot, by row and column */
    static const unsigned char bits[4][2] = {
        {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};

    p->cells[(y / 4) * p->width + x / 2] |= bits[y % 4][x % 2];
}

static void draw_column(struct plot *p, int x, double bottom, double top)
{
    int rows = p->height * 4;
    double span = top > bottom ? top - bottom : 1;
    int from = (int)lround((p->low[x] - bottom) / span * (rows - 1));
    int to = (int)lround((p->high[x] - bottom) / span * (rows - 1));

    for (int y = from; y <= to; y++)
        set_dot(p, x, rows - 1 - y);
}

static bool range(const struct plot *p, double *bottom, double *top)
{
    *bottom = *top = (double)NAN;
    for (int x = 0; x < dot_columns(p); x++) {
        *bottom = fmin(*bottom, p->low[x]);
        *top = fmax(*top, p->high[x]);
    }
    return !isnan(*bottom);
}

static void print_row(const struct plot *p, int row, const char *label, FILE *f)
{
    fprintf(f, "%12s ┤", label);
    for (int x = 0; x < p->width; x++) {
        unsigned char cell = p->cells[row * p->width + x];
        /* U+2800 + cell in UTF-8 */
        fprintf(f, "%c%c%c", 0xe2, 0xa0 | (cell >> 6), 0x80 | (cell & 0x3f));
    }
    fputc('\n', f);
}

static void print_times(const struct plot *p, FILE *f)
{
    char since[CLOCK_UTC_SIZE], until[CLOCK_UTC_SIZE];
    int gap = p->width - 2 * (int)strlen("2026-01-31T12:00:00Z");

    clock_format_utc(p->since_us, 0, since);
    clock_format_utc(p->until_us, 0, until);
    fprintf(f, "%14s%s%*s%s\n", "", since, gap > 1 ? gap : 1, "", until);
}

void plot_print(struct plot *p, const char *title, FILE *f)
{
    double bottom, top;
    char label[CLI_NUMBER_SIZE];

    if (!range(p, &bottom, &top)) {
        fprintf(f, "%s: no values in this time\n", title);
        return;
    }
    for (int x = 0; x < dot_columns(p); x++) {
        if (!isnan(p->low[x]))
            draw_column(p, x, bottom, top);
    }
    fprintf(f, "%s\n", title);
    for (int row = 0; row < p->height; row++) {
        double value = top - (top - bottom) * row / (p->height - 1);
        snprintf(label, sizeof(label), "%.6g", value);
        print_row(p, row, row % 4 == 0 || row == p->height - 1 ? label : "", f);
    }
    print_times(p, f);
}
