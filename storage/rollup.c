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

    remake_forget_all(s);
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
    remake_forget(s, minute);
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

enum gw_err bucket_save(struct store *s, int64_t span, int64_t start, int64_t id,
                        const struct bucket *b)
{
    double sum = b->count > 0 ? b->sum : (double)NAN;

    if (span == US_PER_MINUTE)
        return db_run(s->db, &s->sql->minute,
                      "INSERT OR REPLACE INTO reading_minute"
                      " (minute, sensor_id, min, max, sum, count, bad)"
                      " VALUES (?, ?, ?, ?, ?, ?, ?)",
                      "iifffii", start, id, b->min, b->max, sum, b->count, b->bad);
    return db_run(s->db, &s->sql->hour,
                  "INSERT OR REPLACE INTO reading_hour"
                  " (hour, sensor_id, min, max, sum, count, bad)"
                  " VALUES (?, ?, ?, ?, ?, ?, nullif(?, -1))",
                  "iifffii", start, id, b->min, b->max, sum, b->count,
                  start < s->rollup.bad_from ? INT64_C(-1) : b->bad);
}

static enum gw_err write_bucket(struct store *s, struct slot *slot)
{
    struct bucket *b = &slot->bucket;
    enum gw_err err = bucket_save(s, US_PER_MINUTE, b->minute, slot->id, b);
    if (err != GW_OK)
        return err;
    slot->floor = b->minute + US_PER_MINUTE;
    b->count = b->bad = 0;
    return GW_OK;
}

void bucket_add(struct bucket *b, const struct bucket *more)
{
    if (bucket_is_empty(b))
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
    if (!bucket_is_empty(&slot->bucket) && minute > slot->bucket.minute)
        err = write_bucket(s, slot);
    if (err == GW_OK && bucket_is_empty(&slot->bucket))
        err = mark(s, minute, false);
    if (err != GW_OK)
        return err;
    bucket_add(&slot->bucket, &one);
    slot->bucket.minute = minute;
    slot->floor = minute;
    return GW_OK;
}

/* Buckets of minutes before `limit`; sensors that have fallen silent keep theirs till here. *all:
 * of these there is none any more. */
static enum gw_err write_ended_buckets(struct store *s, int64_t limit, struct budget *b, bool *all)
{
    size_t count = sensor_table_count(s->options.sensors);
    enum gw_err err = GW_OK;

    *all = true;
    for (size_t i = 0; err == GW_OK && *all && i < count; i++) {
        struct slot *slot = &s->slots[i];
        if (bucket_is_empty(&slot->bucket) || slot->bucket.minute >= limit)
            continue;
        err = write_bucket(s, slot);
        b->rows--;
        *all = !budget_is_spent(b);
    }
    return err;
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

/* The oldest span that began before `limit`; *found false: there is none. */
static enum gw_err close_span(struct store *s, int64_t span, int64_t limit, struct budget *b,
                              bool *found)
{
    struct pending p;
    bool done = true;
    enum gw_err err = next_pending(s, span, limit, &p, found);

    if (err != GW_OK || !*found)
        return err;
    if (p.recompute)
        err = remake_run(s, span, p.start, b, &done);
    if (err != GW_OK || !done)
        return err;
    return db_run(s->db, &s->sql->pending_drop,
                  "DELETE FROM rollup_pending WHERE span = ? AND start = ?", "ii", span, p.start);
}

/* Hours are made of minutes: these come first. *more: something is left to do. */
static enum gw_err close_spans(struct store *s, int64_t limit, struct budget *b, bool *more)
{
    enum gw_err err = GW_OK;

    do {
        err = close_span(s, US_PER_MINUTE, limit, b, more);
        if (err == GW_OK && !*more)
            err = close_span(s, US_PER_HOUR, floor_to(limit, US_PER_HOUR), b, more);
    } while (err == GW_OK && *more && !budget_is_spent(b));
    return err;
}

static void forget_marks(struct store *s, int64_t limit)
{
    for (size_t i = 0; i < sizeof(s->rollup.marked) / sizeof(s->rollup.marked[0]); i++) {
        if (s->rollup.marked[i] < limit)
            s->rollup.marked[i] = INT64_MIN;
    }
}

static enum gw_err is_due(struct store *s, int64_t limit, bool *due)
{
    struct pending p;
    enum gw_err err = next_pending(s, US_PER_MINUTE, limit, &p, due);

    if (err == GW_OK && !*due)
        err = next_pending(s, US_PER_HOUR, floor_to(limit, US_PER_HOUR), &p, due);
    return err;
}

enum gw_err rollup_run(struct store *s, int64_t wall_us, int64_t deadline_us, bool *more)
{
    int64_t limit = floor_to(wall_us - GRACE_US, US_PER_MINUTE), began_us = clock_mono_us();
    struct budget b = {.rows = s->rollup.slice.rows, .deadline_us = deadline_us};
    bool due = false, all = false;
    enum gw_err err = is_due(s, limit, &due);

    if (err != GW_OK || !due || (err = store_begin(s)) != GW_OK)
        return err;
    forget_marks(s, limit);
    err = write_ended_buckets(s, limit, &b, &all);
    if (err == GW_OK && all)
        err = close_spans(s, limit, &b, &due);
    if ((err = store_end(s, err)) != GW_OK)
        return err;
    slice_adapt(&s->rollup.slice, s->rollup.slice.rows - b.rows, clock_mono_us() - began_us);
    *more = due;
    return GW_OK;
}
