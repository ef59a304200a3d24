/* SPDX-License-Identifier: Apache-2.0 */
/* Minutes and hours. A sensor's current minute is accumulated in memory, so nothing is read back;
 * a row of rollup_pending stands for every minute and hour that is not final in its table. With
 * recompute = 1 it must be made from the finer table instead, because a reading came late, or the
 * accumulators were lost in a crash or a failed commit. */
#include "storage/internal.h"

#include "gateway/core/log.h"
#include "storage/schema.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define GRACE_US                                                                                   \
    (5 * US_PER_SECOND) /* for readings that are still under way when a minute ends                \
                         */

enum gw_err rollup_load(struct store *s)
{
    int64_t newest = s->newest_us;

    s->rollup.must_reset = true;
    s->rollup.floor =
        newest == INT64_MIN ? INT64_MIN : floor_to(newest, US_PER_MINUTE) + US_PER_MINUTE;
    for (size_t i = 0; i < sizeof(s->rollup.marked) / sizeof(s->rollup.marked[0]); i++)
        s->rollup.marked[i] = INT64_MIN;
    s->rollup.bad_from = INT64_MIN;
    return db_int64(s->db, SCHEMA_BAD_COUNTED_FROM, &s->rollup.bad_from);
}

enum gw_err rollup_begin(struct store *s)
{
    if (!s->rollup.must_reset)
        return GW_OK;
    enum gw_err err = db_exec(s->db, "UPDATE rollup_pending SET recompute = 1 WHERE recompute = 0");
    if (err == GW_OK)
        s->rollup.must_reset = false;
    return err;
}

static enum gw_err add_pending(struct store *s, int64_t span, int64_t start, bool recompute)
{
    return db_run(s->db, &s->sql->pending_add,
                  "INSERT INTO rollup_pending (span, start, recompute) VALUES (?, ?, ?)"
                  " ON CONFLICT DO UPDATE SET recompute = max(recompute, excluded.recompute)",
                  "iii", span, start, (int64_t)recompute);
}

/* Notes that a minute, and so its hour, is not final. What retention has removed already is left
 * as it is: making it again from the little that is new would destroy it. */
static enum gw_err mark(struct store *s, int64_t minute, bool recompute)
{
    size_t i = (uint64_t)(minute / US_PER_MINUTE) % 32;
    int64_t hour = floor_to(minute, US_PER_HOUR);

    if (minute < s->pruned.raw_us)
        return GW_OK;
    if (s->rollup.marked[i] == minute && s->rollup.marked_recompute[i] >= recompute)
        return GW_OK;
    enum gw_err err = add_pending(s, US_PER_MINUTE, minute, recompute);
    if (err == GW_OK && hour >= s->pruned.minute_us)
        err = add_pending(s, US_PER_HOUR, hour, true);
    if (err == GW_OK) {
        s->rollup.marked[i] = minute;
        s->rollup.marked_recompute[i] = recompute;
    }
    return err;
}

enum gw_err rollup_mark_late(struct store *s, int64_t time_us)
{
    return mark(s, floor_to(time_us, US_PER_MINUTE), true);
}

static bool is_empty(const struct bucket *b)
{
    return b->count == 0 && b->bad == 0;
}

/* A row for a sensor and a span; without a good reading it has no minimum, maximum and sum. */
static enum gw_err save_bucket(struct store *s, sqlite3_stmt **st, const char *sql, int64_t start,
                               int64_t id, const struct bucket *b)
{
    double sum = b->count > 0 ? b->sum : (double)NAN;

    return db_run(s->db, st, sql, "iifffii", start, id, b->min, b->max, sum, b->count, b->bad);
}

#define BAD_UNKNOWN (-1) /* as SAVE_HOUR says it */
#define SAVE_MINUTE                                                                                \
    "INSERT OR REPLACE INTO reading_minute (minute, sensor_id, min, max, sum, count, bad)"         \
    " VALUES (?, ?, ?, ?, ?, ?, ?)"
#define SAVE_HOUR                                                                                  \
    "INSERT OR REPLACE INTO reading_hour (hour, sensor_id, min, max, sum, count, bad)"             \
    " VALUES (?, ?, ?, ?, ?, ?, nullif(?, -1))"

static enum gw_err write_bucket(struct store *s, struct slot *slot)
{
    struct bucket *b = &slot->bucket;
    enum gw_err err = save_bucket(s, &s->sql->minute, SAVE_MINUTE, b->minute, slot->id, b);
    if (err != GW_OK)
        return err;
    slot->floor = b->minute + US_PER_MINUTE;
    b->count = b->bad = 0;
    return GW_OK;
}

/* Of good readings; a bad one counts alone, and is NAN all over. */
static void merge(struct bucket *b, const struct bucket *more)
{
    if (is_empty(b))
        *b = (struct bucket){.minute = b->minute, .min = (double)NAN, .max = (double)NAN};
    b->min = fmin(b->min, more->min);
    b->max = fmax(b->max, more->max);
    if (more->count > 0)
        b->sum += more->sum;
    b->count += more->count;
    b->bad += more->bad;
}

enum gw_err rollup_add(struct store *s, struct slot *slot, const struct reading *r)
{
    double value = reading_number(r);
    const struct bucket one =
        isfinite(value) ? (struct bucket){.min = value, .max = value, .sum = value, .count = 1}
                        : (struct bucket){.min = value, .max = value, .bad = 1};
    int64_t minute = floor_to(r->time_us, US_PER_MINUTE);
    enum gw_err err = GW_OK;

    if (slot->floor < s->rollup.floor)
        slot->floor = s->rollup.floor;
    if (minute < slot->floor)
        return mark(s, minute, true);
    if (!is_empty(&slot->bucket) && minute > slot->bucket.minute)
        err = write_bucket(s, slot);
    if (err == GW_OK && is_empty(&slot->bucket))
        err = mark(s, minute, false);
    if (err != GW_OK)
        return err;
    merge(&slot->bucket, &one);
    slot->bucket.minute = minute;
    slot->floor = minute;
    return GW_OK;
}

/* Buckets of minutes before `limit`; sensors that have fallen silent keep theirs till here. */
static enum gw_err write_ended_buckets(struct store *s, int64_t limit)
{
    size_t count = sensor_table_count(s->options.sensors);
    enum gw_err err = GW_OK;

    for (size_t i = 0; err == GW_OK && i < count; i++) {
        struct slot *slot = &s->slots[i];
        if (!is_empty(&slot->bucket) && slot->bucket.minute < limit)
            err = write_bucket(s, slot);
    }
    return err;
}

/* How a span is made anew from the finer table. */
struct remake {
    const char *rows; /* sensor id, min, max, sum, count, bad of the span [?1, ?1 + ?2) */
    const char *save;
};

static const struct remake remake_minute = {
    .rows = "SELECT sensor_id, value, value, value, value IS NOT NULL, value IS NULL FROM reading"
            " WHERE time >= ?1 AND time < ?1 + ?2",
    .save = SAVE_MINUTE,
};
static const struct remake remake_hour = {
    .rows = "SELECT sensor_id, min, max, sum, count, bad FROM reading_minute"
            " WHERE minute >= ?1 AND minute < ?1 + ?2",
    .save = SAVE_HOUR,
};

static struct bucket bucket_of_row(sqlite3_stmt *row)
{
    return (struct bucket){
        .min = db_double(row, 1),
        .max = db_double(row, 2),
        .sum = db_double(row, 3),
        .count = sqlite3_column_int64(row, 4),
        .bad = sqlite3_column_int64(row, 5),
    };
}

static enum gw_err sum_up(struct store *s, sqlite3_stmt **st, const struct remake *r, int64_t start,
                          int64_t span, struct bucket *sums, int64_t count)
{
    bool row = true;
    enum gw_err err = db_bind(s->db, st, r->rows, "ii", start, span);

    while (err == GW_OK && (err = db_step(*st, &row)) == GW_OK && row) {
        int64_t id = sqlite3_column_int64(*st, 0);
        const struct bucket some = bucket_of_row(*st);
        if (id > 0 && id < count)
            merge(&sums[id], &some);
    }
    return err;
}

/* One pass in the order of the rows, with a sum for each sensor: GROUP BY would sort a whole hour
 * of all sensors in memory. */
static enum gw_err remake(struct store *s, const struct remake *r, sqlite3_stmt **rows,
                          sqlite3_stmt **save, int64_t span, int64_t start)
{
    int64_t last = 0;
    enum gw_err err = db_int64(s->db, "SELECT max(id) FROM sensor", &last);
    if (err != GW_OK)
        return err;
    struct bucket *sums = calloc((size_t)last + 1, sizeof(*sums));
    if (!sums)
        return GW_ENOMEM;
    err = sum_up(s, rows, r, start, span, sums, last + 1);
    for (int64_t id = 1; err == GW_OK && id <= last; id++) {
        struct bucket *b = &sums[id];
        if (is_empty(b))
            continue;
        if (start < s->rollup.bad_from && span == US_PER_HOUR)
            b->bad = BAD_UNKNOWN;
        err = save_bucket(s, save, r->save, start, id, b);
    }
    free(sums);
    return err;
}

static enum gw_err recompute(struct store *s, int64_t span, int64_t start)
{
    if (span == US_PER_MINUTE)
        return remake(s, &remake_minute, &s->sql->minute_rows, &s->sql->minute, span, start);
    return remake(s, &remake_hour, &s->sql->hour_rows, &s->sql->hour, span, start);
}

struct pending {
    int64_t start;
    bool recompute;
};

static enum gw_err next_pending(struct store *s, int64_t span, int64_t limit, struct pending *out,
                                bool *found)
{
    enum gw_err err = db_bind(s->db, &s->sql->pending_next,
                              "SELECT start, recompute FROM rollup_pending"
                              " WHERE span = ? AND start < ? ORDER BY start LIMIT 1",
                              "ii", span, limit);

    if (err != GW_OK || (err = db_step(s->sql->pending_next, found)) != GW_OK || !*found)
        return err;
    out->start = sqlite3_column_int64(s->sql->pending_next, 0);
    out->recompute = sqlite3_column_int(s->sql->pending_next, 1) != 0;
    return db_finish(s->sql->pending_next);
}

/* All spans that began before `limit`; *more: the deadline came first. */
static enum gw_err close_spans(struct store *s, int64_t span, int64_t limit, int64_t deadline_us,
                               bool *more)
{
    struct pending p;
    bool found = true;
    enum gw_err err = GW_OK;

    while (err == GW_OK && !*more) {
        if ((err = next_pending(s, span, limit, &p, &found)) != GW_OK || !found)
            return err;
        if (p.recompute)
            err = recompute(s, span, p.start);
        if (err == GW_OK)
            err = db_run(s->db, &s->sql->pending_drop,
                         "DELETE FROM rollup_pending WHERE span = ? AND start = ?", "ii", span,
                         p.start);
        *more = clock_mono_us() >= deadline_us;
    }
    return err;
}

static void forget_marks(struct store *s, int64_t limit)
{
    for (size_t i = 0; i < sizeof(s->rollup.marked) / sizeof(s->rollup.marked[0]); i++) {
        if (s->rollup.marked[i] < limit)
            s->rollup.marked[i] = INT64_MIN;
    }
}

enum gw_err rollup_run(struct store *s, int64_t wall_us, int64_t deadline_us, bool *more)
{
    int64_t limit = floor_to(wall_us - GRACE_US, US_PER_MINUTE);
    int64_t hour_limit = floor_to(limit, US_PER_HOUR);
    struct pending p;
    bool due = false;
    enum gw_err err = next_pending(s, US_PER_MINUTE, limit, &p, &due);

    if (err == GW_OK && !due)
        err = next_pending(s, US_PER_HOUR, hour_limit, &p, &due);
    if (err != GW_OK || !due)
        return err;
    if ((err = store_begin(s)) != GW_OK)
        return err;
    forget_marks(s, limit);
    if ((err = write_ended_buckets(s, limit)) == GW_OK &&
        (err = close_spans(s, US_PER_MINUTE, limit, deadline_us, more)) == GW_OK && !*more)
        err = close_spans(s, US_PER_HOUR, hour_limit, deadline_us, more);
    return store_end(s, err);
}
