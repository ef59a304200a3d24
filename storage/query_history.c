/* SPDX-License-Identifier: Apache-2.0 */
/* A sensor's history in buckets, from the coarsest table that is exact: whole hours from the hours,
 * what is left at the ends from the minutes, and their ends, like all that is not rolled up yet,
 * from the readings. */
#include "gateway/core/clock.h"
#include "storage/query_scan.h"
#include "storage/span.h"

#include <math.h>

struct history {
    struct query *query;
    const struct history_request *request;
    bool (*each)(void *arg, const struct history_row *row);
    void *arg;

    struct scan scan;
    struct history_row bucket; /* count 0: none begun; value: the sum so far */
    enum resolution last_level;
    int64_t last_us; /* start of the row that was added last, of last_level */
    enum gw_err err; /* of looking for the last value */
};

const char *resolution_name(enum resolution r)
{
    static const char *const names[] = {
        [RESOLUTION_RAW] = "raw", [RESOLUTION_MINUTE] = "minute", [RESOLUTION_HOUR] = "hour"};

    return names[r];
}

/* Gives the bucket away; false: the caller has enough, or it failed. */
static bool emit(struct history *h)
{
    struct history_row *b = &h->bucket;

    if (b->count == 0)
        return true;
    b->value /= (double)b->count;
    if (h->request->last && h->last_level != RESOLUTION_RAW)
        h->err = scan_last(&h->scan, h->last_level, h->last_us, &b->last);
    bool go_on = h->err == GW_OK && h->each(h->arg, b);
    b->count = 0;
    return go_on;
}

static bool add_row(void *arg, const struct scan_row *row)
{
    struct history *h = arg;
    struct history_row *b = &h->bucket;
    int64_t start = floor_to(row->start_us, h->request->every_us);

    if (b->count > 0 && b->time_us != start && !emit(h))
        return false;
    if (b->count == 0)
        *b = (struct history_row){.time_us = start, .min = row->min, .max = row->max};
    b->min = fmin(b->min, row->min);
    b->max = fmax(b->max, row->max);
    b->value += row->sum;
    b->count += row->count;
    b->last = row->sum; /* of a reading; emit() knows better otherwise */
    h->last_level = row->level;
    h->last_us = row->start_us;
    return true;
}

static enum gw_err walk(struct history *h, enum resolution level, int64_t from, int64_t to);

/* [from, to) in whole spans of the level: what is pending goes one level down. */
static enum gw_err walk_whole(struct history *h, enum resolution level, int64_t from, int64_t to)
{
    sqlite3_stmt *st = NULL;
    bool row = true;
    enum gw_err err = db_bind(h->query->db, &st,
                              "SELECT start FROM rollup_pending"
                              " WHERE span = ? AND start >= ? AND start < ? ORDER BY start",
                              "iii", scan_span(level), from, to);

    while (err == GW_OK && !h->scan.stopped && (err = db_step(st, &row)) == GW_OK && row) {
        int64_t pending = sqlite3_column_int64(st, 0);
        if ((err = scan_rows(&h->scan, level, from, pending)) == GW_OK)
            err = walk(h, level - 1, pending, pending + scan_span(level));
        from = pending + scan_span(level);
    }
    sqlite3_finalize(st);
    return err == GW_OK ? scan_rows(&h->scan, level, from, to) : err;
}

/* At most three deep: an hour's ends are minutes, a minute's ends are readings. */
static enum gw_err walk(struct history *h, enum resolution level, int64_t from, int64_t to)
{
    if (from >= to || h->scan.stopped)
        return GW_OK;
    if (level == RESOLUTION_RAW)
        return scan_rows(&h->scan, RESOLUTION_RAW, from, to);
    int64_t span = scan_span(level);
    int64_t first = floor_to(from + span - 1, span);
    int64_t last = floor_to(to, span);
    if (first >= last)
        return walk(h, level - 1, from, to);

    enum gw_err err = walk(h, level - 1, from, first);
    if (err == GW_OK)
        err = walk_whole(h, level, first, last);
    return err == GW_OK ? walk(h, level - 1, last, to) : err;
}

enum resolution query_coarsest_exact(int64_t every_us)
{
    if (every_us % US_PER_HOUR == 0)
        return RESOLUTION_HOUR;
    return every_us % US_PER_MINUTE == 0 ? RESOLUTION_MINUTE : RESOLUTION_RAW;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Where retention has removed the finer rows, the coarser ones have to do. */
static enum gw_err walk_levels(struct history *h)
{
    enum resolution level = query_coarsest_exact(h->request->every_us);
    int64_t raw = INT64_MIN, minute = INT64_MIN;
    int64_t from = h->request->since_us, until = h->request->until_us;
    enum gw_err err;

    if ((err = db_int64(h->query->db, "SELECT value FROM meta WHERE key = 'raw_pruned_to'",
                        &raw)) != GW_OK ||
        (err = db_int64(h->query->db, "SELECT value FROM meta WHERE key = 'minute_pruned_to'",
                        &minute)) != GW_OK)
        return err;
    int64_t hours_to = smaller(level == RESOLUTION_RAW ? smaller(raw, minute) : minute, until);
    if (level < RESOLUTION_HOUR && hours_to > from) {
        err = walk(h, RESOLUTION_HOUR, from, hours_to);
        from = hours_to;
    }
    int64_t minutes_to = smaller(raw, until);
    if (err == GW_OK && level == RESOLUTION_RAW && minutes_to > from) {
        err = walk(h, RESOLUTION_MINUTE, from, minutes_to);
        from = minutes_to;
    }
    if (err == GW_OK)
        err = walk(h, level, from, until);
    if (err == GW_OK && h->err == GW_OK && !h->scan.stopped)
        emit(h);
    return err == GW_OK ? h->err : err;
}

static bool give_reading(void *arg, const struct scan_row *row)
{
    struct history *h = arg;
    const struct history_row reading = {
        .time_us = row->start_us,
        .value = row->sum,
        .integer = row->integer,
        .is_integer = row->is_integer,
        .min = row->min,
        .max = row->max,
        .last = row->sum,
        .count = row->count,
        .quality = row->quality,
    };

    return h->each(h->arg, &reading);
}

static enum gw_err each_reading(struct history *h)
{
    h->scan.each = give_reading;
    h->scan.bad_too = true;
    return scan_rows(&h->scan, RESOLUTION_RAW, h->request->since_us, h->request->until_us);
}

/* One snapshot for all the statements, so that no span is seen twice or not at all while the
 * gateway closes it. */
enum gw_err query_history(struct query *q, const struct history_request *request,
                          bool (*each)(void *arg, const struct history_row *row), void *arg)
{
    struct history h = {.query = q, .request = request, .each = each, .arg = arg};
    enum gw_err err = query_refresh(q);

    h.scan = (struct scan){.query = q, .each = add_row, .arg = &h};
    if (err != GW_OK || (err = db_exec(q->db, "BEGIN")) != GW_OK)
        return err;
    err = query_sensor_id(q, request->sensor, &h.scan.sensor_id);
    if (err == GW_OK)
        err = request->every_us > 0 ? walk_levels(&h) : each_reading(&h);
    scan_fini(&h.scan);
    sqlite3_exec(q->db, "END", NULL, NULL, NULL);
    return err;
}
