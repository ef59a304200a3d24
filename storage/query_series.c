/* SPDX-License-Identifier: Apache-2.0 */
/* A line for a chart: no more points than the chart can show, and its gaps. */
#include "gateway/core/clock.h"
#include "storage/query_internal.h"
#include "storage/span.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define GAP_PERIODS 3 /* without a good reading */

/* The lengths that read well on an axis, ms; after the last one come whole days. */
static const int64_t round_ms[] = {1,       2,       5,        10,       20,       50,      100,
                                   200,     500,     1000,     2000,     5000,     10000,   15000,
                                   30000,   60000,   120000,   300000,   600000,   900000,  1800000,
                                   3600000, 7200000, 10800000, 21600000, 43200000, 86400000};

struct collector {
    struct series_point *points; /* room for max_points */
    int64_t *numbers;            /* the same, for medians */
    size_t count, max_points;
    bool overflow;
};

static size_t bucket_count(int64_t since_us, int64_t until_us, int64_t every_us)
{
    return (size_t)((floor_to(until_us - 1, every_us) - floor_to(since_us, every_us)) / every_us +
                    1);
}

static int64_t choose_every(int64_t since_us, int64_t until_us, size_t max_points)
{
    int64_t every_us = 0;

    for (size_t i = 0; i < sizeof(round_ms) / sizeof(round_ms[0]); i++) {
        every_us = round_ms[i] * US_PER_MS;
        if (bucket_count(since_us, until_us, every_us) <= max_points)
            return every_us;
    }
    while (bucket_count(since_us, until_us, every_us) > max_points)
        every_us += US_PER_DAY;
    return every_us;
}

static bool collect(void *arg, const struct history_row *row)
{
    struct collector *c = arg;

    c->overflow = c->count == c->max_points;
    if (c->overflow)
        return false;
    c->points[c->count++] = (struct series_point){
        .time_us = row->time_us,
        .min = row->min,
        .max = row->max,
        .avg = row->value,
        .count = row->count,
    };
    return true;
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

static double median(int64_t *numbers, size_t n)
{
    size_t middle = n / 2;

    qsort(numbers, n, sizeof(*numbers), compare);
    return (double)numbers[middle];
}

/* The usual time between two readings. */
static double usual_period(struct collector *c)
{
    for (size_t i = 0; i < c->count; i++)
        c->numbers[i] = (int64_t)c->points[i].count;
    double readings = median(c->numbers, c->count);
    for (size_t i = 1; i < c->count; i++)
        c->numbers[i - 1] = c->points[i].time_us - c->points[i - 1].time_us;
    return median(c->numbers, c->count - 1) / readings;
}

/* Puts a point without data wherever the line must be interrupted. Moves the points from the back,
 * so that it needs no second array; false: there is no room. A gap between buckets always has some,
 * for it is an empty bucket at least. */
static bool add_gaps(struct collector *c, int64_t every_us)
{
    size_t gaps = 0;
    int64_t length = every_us ? every_us : 1;

    if (c->count < 2)
        return true;
    double limit = GAP_PERIODS * usual_period(c);
    for (size_t i = 1; i < c->count; i++)
        gaps += (double)(c->points[i].time_us - c->points[i - 1].time_us - length) > limit;
    if (c->count + gaps > c->max_points)
        return false;
    for (size_t i = c->count - 1, to = i + gaps; to > i; i--) {
        int64_t end_us = c->points[i - 1].time_us + length;
        c->points[to--] = c->points[i];
        if ((double)(c->points[i].time_us - end_us) > limit)
            c->points[to--] = (struct series_point){
                .time_us = end_us, .min = (double)NAN, .max = (double)NAN, .avg = (double)NAN};
    }
    c->count += gaps;
    return true;
}

/* Buckets of a microsecond are single readings. */
static enum gw_err fill(struct query *q, struct history_request *r, int64_t every_us,
                        struct collector *c)
{
    r->every_us = every_us ? every_us : 1;
    c->count = 0;
    c->overflow = false;
    enum gw_err err = query_history(q, r, collect, c);
    if (err == GW_OK && !c->overflow)
        c->overflow = !add_gaps(c, every_us);
    return err;
}

static enum gw_err fill_best(struct query *q, struct history_request *r, struct collector *c,
                             int64_t *every_us)
{
    int64_t bucket_us = choose_every(r->since_us, r->until_us, c->max_points);
    enum gw_err err = GW_OK;

    *every_us = 0;
    c->overflow = true;
    if (query_coarsest_exact(bucket_us) == RESOLUTION_RAW)
        err = fill(q, r, 0, c);
    if (err != GW_OK || !c->overflow)
        return err;
    *every_us = bucket_us;
    err = fill(q, r, bucket_us, c);
    assert(err != GW_OK || !c->overflow);
    return err;
}

enum gw_err query_series(struct query *q, const char *sensor, int64_t since_us, int64_t until_us,
                         size_t max_points, struct series *out)
{
    struct history_request r = {.sensor = sensor, .since_us = since_us, .until_us = until_us};
    struct collector c = {.max_points = max_points};
    enum gw_err err = GW_ENOMEM;
    int64_t every_us;

    assert(max_points >= 2 && since_us < until_us);
    c.points = calloc(max_points, sizeof(*c.points));
    c.numbers = calloc(max_points, sizeof(*c.numbers));
    if (c.points && c.numbers)
        err = fill_best(q, &r, &c, &every_us);
    free(c.numbers);
    if (err != GW_OK) {
        free(c.points);
        return err;
    }
    *out = (struct series){.points = c.points,
                           .count = c.count,
                           .every_us = every_us,
                           .resolution = query_coarsest_exact(every_us ? every_us : 1)};
    return GW_OK;
}

void series_fini(struct series *s)
{
    free(s->points);
    *s = (struct series){0};
}
