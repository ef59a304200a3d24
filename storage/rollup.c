/* SPDX-License-Identifier: Apache-2.0 */
/* Minutes and hours. A sensor's current minute is accumulated in memory, so nothing is read back;
 * a row of rollup_pending stands for every minute and hour that is not final in its table. With
 * recompute = 1 it must be made from the finer table instead, because a reading came late, or the
 * accumulators were lost in a crash or a failed commit. */
#include "storage/internal.h"

#include "gateway/core/log.h"

#include <assert.h>
#include <math.h>

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
    return GW_OK;
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

static enum gw_err write_bucket(struct store *s, struct slot *slot)
{
    struct bucket *b = &slot->bucket;
    enum gw_err err = db_run(s->db, &s->sql->minute,
                             "INSERT OR REPLACE INTO reading_minute"
                             " (minute, sensor_id, min, max, sum, count) VALUES (?, ?, ?, ?, ?, ?)",
                             "iifffi", b->minute, slot->id, b->min, b->max, b->sum, b->count);
    if (err != GW_OK)
        return err;
    slot->floor = b->minute + US_PER_MINUTE;
    b->count = 0;
    return GW_OK;
}

static void accumulate(struct bucket *b, int64_t minute, double value)
{
    if (b->count == 0)
        *b = (struct bucket){.minute = minute, .min = value, .max = value};
    b->min = fmin(b->min, value);
    b->max = fmax(b->max, value);
    b->sum += value;
    b->count++;
}

enum gw_err rollup_add(struct store *s, struct slot *slot, const struct reading *r)
{
    double value = reading_number(r);
    enum gw_err err = GW_OK;

    if (!isfinite(value))
        return GW_OK;
    int64_t minute = floor_to(r->time_us, US_PER_MINUTE);
    if (slot->floor < s->rollup.floor)
        slot->floor = s->rollup.floor;
    if (minute < slot->floor)
        return mark(s, minute, true);
    if (slot->bucket.count > 0 && minute > slot->bucket.minute)
        err = write_bucket(s, slot);
    if (err == GW_OK && slot->bucket.count == 0)
        err = mark(s, minute, false);
    if (err != GW_OK)
        return err;
    accumulate(&slot->bucket, minute, value);
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
        if (slot->bucket.count > 0 && slot->bucket.minute < limit)
            err = write_bucket(s, slot);
    }
    return err;
}

static enum gw_err recompute(struct store *s, int64_t span, int64_t start)
{
    if (span == US_PER_MINUTE)
        return db_run(s->db, &s->sql->minute_recompute,
                      "INSERT OR REPLACE INTO reading_minute"
                      " (minute, sensor_id, min, max, sum, count)"
                      " SELECT ?1, sensor_id, min(value), max(value), total(value), count(value)"
                      " FROM reading WHERE time >= ?1 AND time < ?1 + 60000000"
                      " AND value IS NOT NULL GROUP BY sensor_id",
                      "i", start);
    return db_run(s->db, &s->sql->hour_recompute,
                  "INSERT OR REPLACE INTO reading_hour (sensor_id, hour, min, max, sum, count)"
                  " SELECT sensor_id, ?1, min(min), max(max), sum(sum), sum(count)"
                  " FROM reading_minute WHERE minute >= ?1 AND minute < ?1 + 3600000000"
                  " GROUP BY sensor_id",
                  "i", start);
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
