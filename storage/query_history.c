/* SPDX-License-Identifier: Apache-2.0 */
/* A sensor's history in buckets, from the coarsest table that is exact: whole hours from the hours,
 * what is left at the ends from the minutes, and their ends, like all that is not rolled up yet,
 * from the readings. */
#include "gateway/core/clock.h"
#include "storage/query_internal.h"
#include "storage/span.h"

#include <math.h>
#include <stdlib.h>

enum level { RAW, MINUTE, HOUR };

/* Each gives start, min, max, sum and count for ?1 = sensor, ?2 ≤ start < ?3. */
static const char *const select_level[] = {
    [RAW] = "SELECT time, value, value, value, 1 FROM reading"
            " WHERE time >= ?2 AND time < ?3 AND sensor_id = ?1 AND value IS NOT NULL"
            " ORDER BY time",
    [MINUTE] = "SELECT minute, min, max, sum, count FROM reading_minute"
               " WHERE minute >= ?2 AND minute < ?3 AND sensor_id = ?1 ORDER BY minute",
    [HOUR] = "SELECT hour, min, max, sum, count FROM reading_hour"
             " WHERE sensor_id = ?1 AND hour >= ?2 AND hour < ?3 ORDER BY hour",
};
static const int64_t spans[] = {[RAW] = 1, [MINUTE] = US_PER_MINUTE, [HOUR] = US_PER_HOUR};

struct history {
    struct query *query;
    int64_t sensor_id, every_us;
    bool (*each)(void *arg, const struct history_row *row);
    void *arg;
    bool stopped; /* by the caller */

    struct history_row bucket; /* count 0: none begun; value: the sum so far */
    sqlite3_stmt *select[3];
};

static void emit(struct history *h)
{
    if (h->bucket.count == 0 || h->stopped)
        return;
    h->bucket.value /= (double)h->bucket.count;
    h->stopped = !h->each(h->arg, &h->bucket);
    h->bucket.count = 0;
}

static void add_row(struct history *h, sqlite3_stmt *st)
{
    int64_t start = floor_to(sqlite3_column_int64(st, 0), h->every_us);
    struct history_row *b = &h->bucket;

    if (b->count > 0 && b->time_us != start)
        emit(h);
    if (b->count == 0)
        *b = (struct history_row){.time_us = start,
                                  .min = sqlite3_column_double(st, 1),
                                  .max = sqlite3_column_double(st, 2)};
    b->min = fmin(b->min, sqlite3_column_double(st, 1));
    b->max = fmax(b->max, sqlite3_column_double(st, 2));
    b->value += sqlite3_column_double(st, 3);
    b->count += (uint64_t)sqlite3_column_int64(st, 4);
}

static enum gw_err scan(struct history *h, enum level level, int64_t from, int64_t to)
{
    bool row = true;

    if (from >= to || h->stopped)
        return GW_OK;
    enum gw_err err = db_bind(h->query->db, &h->select[level], select_level[level], "iii",
                              h->sensor_id, from, to);
    while (err == GW_OK && !h->stopped && (err = db_step(h->select[level], &row)) == GW_OK && row)
        add_row(h, h->select[level]);
    return err;
}

static enum gw_err walk(struct history *h, enum level level, int64_t from, int64_t to);

/* [from, to) in whole spans of the level: what is pending goes one level down. */
static enum gw_err walk_whole(struct history *h, enum level level, int64_t from, int64_t to)
{
    sqlite3_stmt *st = NULL;
    bool row = true;
    enum gw_err err = db_bind(h->query->db, &st,
                              "SELECT start FROM rollup_pending"
                              " WHERE span = ? AND start >= ? AND start < ? ORDER BY start",
                              "iii", spans[level], from, to);

    while (err == GW_OK && !h->stopped && (err = db_step(st, &row)) == GW_OK && row) {
        int64_t pending = sqlite3_column_int64(st, 0);
        if ((err = scan(h, level, from, pending)) == GW_OK)
            err = walk(h, level - 1, pending, pending + spans[level]);
        from = pending + spans[level];
    }
    sqlite3_finalize(st);
    return err == GW_OK ? scan(h, level, from, to) : err;
}

/* At most three deep: an hour's ends are minutes, a minute's ends are readings. */
static enum gw_err walk(struct history *h, enum level level, int64_t from, int64_t to)
{
    if (from >= to || h->stopped)
        return GW_OK;
    if (level == RAW)
        return scan(h, RAW, from, to);
    int64_t first = floor_to(from + spans[level] - 1, spans[level]);
    int64_t last = floor_to(to, spans[level]);
    if (first >= last)
        return walk(h, level - 1, from, to);

    enum gw_err err = walk(h, level - 1, from, first);
    if (err == GW_OK)
        err = walk_whole(h, level, first, last);
    return err == GW_OK ? walk(h, level - 1, last, to) : err;
}

static enum level coarsest_exact(int64_t every_us)
{
    if (every_us % US_PER_HOUR == 0)
        return HOUR;
    return every_us % US_PER_MINUTE == 0 ? MINUTE : RAW;
}

static int64_t smaller(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Where retention has removed the finer rows, the coarser ones have to do. */
static enum gw_err walk_levels(struct history *h, int64_t since_us, int64_t until_us)
{
    enum level level = coarsest_exact(h->every_us);
    int64_t raw = INT64_MIN, minute = INT64_MIN, from = since_us;
    enum gw_err err;

    if ((err = db_int64(h->query->db, "SELECT value FROM meta WHERE key = 'raw_pruned_to'",
                        &raw)) != GW_OK ||
        (err = db_int64(h->query->db, "SELECT value FROM meta WHERE key = 'minute_pruned_to'",
                        &minute)) != GW_OK)
        return err;
    int64_t hours_to = smaller(level == RAW ? smaller(raw, minute) : minute, until_us);
    if (level < HOUR && hours_to > from) {
        err = walk(h, HOUR, from, hours_to);
        from = hours_to;
    }
    int64_t minutes_to = smaller(raw, until_us);
    if (err == GW_OK && level == RAW && minutes_to > from) {
        err = walk(h, MINUTE, from, minutes_to);
        from = minutes_to;
    }
    return err == GW_OK ? walk(h, level, from, until_us) : err;
}

static enum gw_err each_reading(struct history *h, int64_t since_us, int64_t until_us)
{
    sqlite3_stmt *st = NULL;
    bool row = true;
    enum gw_err err = db_bind(h->query->db, &st,
                              "SELECT time, value, quality FROM reading"
                              " WHERE time >= ? AND time < ? AND sensor_id = ? ORDER BY time",
                              "iii", since_us, until_us, h->sensor_id);

    while (err == GW_OK && !h->stopped && (err = db_step(st, &row)) == GW_OK && row) {
        double value = db_double(st, 1);
        struct history_row r = {.time_us = sqlite3_column_int64(st, 0),
                                .value = value,
                                .min = value,
                                .max = value,
                                .count = 1,
                                .quality = (unsigned)sqlite3_column_int(st, 2)};
        h->stopped = !h->each(h->arg, &r);
    }
    sqlite3_finalize(st);
    return err;
}

/* One snapshot for all the statements, so that no span is seen twice or not at all while the
 * gateway closes it. */
static enum gw_err in_snapshot(struct history *h, int64_t since_us, int64_t until_us)
{
    enum gw_err err = db_exec(h->query->db, "BEGIN");

    if (err != GW_OK)
        return err;
    err =
        h->every_us > 0 ? walk_levels(h, since_us, until_us) : each_reading(h, since_us, until_us);
    if (err == GW_OK)
        emit(h);
    for (size_t i = 0; i < sizeof(h->select) / sizeof(h->select[0]); i++)
        sqlite3_finalize(h->select[i]);
    sqlite3_exec(h->query->db, "END", NULL, NULL, NULL);
    return err;
}

enum gw_err query_history(struct query *q, const char *sensor, int64_t since_us, int64_t until_us,
                          int64_t every_us, bool (*each)(void *arg, const struct history_row *row),
                          void *arg)
{
    struct history h = {.query = q, .every_us = every_us, .each = each, .arg = arg};
    enum gw_err err = query_refresh(q);

    if (err == GW_OK)
        err = query_sensor_id(q, sensor, &h.sensor_id);
    return err == GW_OK ? in_snapshot(&h, since_us, until_us) : err;
}
