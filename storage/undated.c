/* SPDX-License-Identifier: Apache-2.0 */
/* Readings taken before the clock was set. A machine without a battery-backed clock starts with a
 * wrong time; what it reads then would be stored under times at which something else happened. So
 * while the clock is in doubt readings go to reading_undated, with the monotonic clock and the boot
 * that it counts from. When the time arrives they are moved, in order, to where they belong.
 *
 * In doubt is a clock that is earlier than this program, or (soon after a boot) earlier than what
 * the database has seen already, or that nobody has set since a boot without a clock that kept the
 * time. Doubt begins at start only: a clock that steps while the gateway runs was set by somebody.
 * It ends when the reason is gone, or the kernel says that the time is synchronised. */
#include "storage/connection.h"

#include "gateway/core/log.h"
#include "gateway/core/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BEHIND_US (10 * US_PER_SECOND) /* how far behind the database the clock may be */
#define BEHIND_MAX_US US_PER_DAY       /* of waiting: then it is believed after all */
#define STEP_US US_PER_SECOND          /* a difference that tells two settings of the clock apart */
#define SETTLE_US (2 * US_PER_MINUTE)  /* how long readings stamped before may still come */
#define SLICE_ROWS 2000                /* moved in one transaction */
#define LOOK_US US_PER_SECOND

static int64_t offset_now(void)
{
    return clock_wall_us() - clock_mono_us();
}

static bool is_early(const struct store *s)
{
    return clock_wall_us() < s->options.earliest_us;
}

static bool is_behind(const struct store *s)
{
    return clock_wall_us() < s->undated.seen_us - BEHIND_US;
}

static bool is_unset(const struct timesync *t)
{
    return t->is_just_booted && !t->keeps_time;
}

/* The latest time of which the database is sure: what it was written at, except under a clock that
 * ran more than a day ahead (see retention.c). */
static enum gw_err load_seen(struct store *s)
{
    char sql[128];
    int64_t trusted = s->care.trusted_us;

    s->undated.seen_us = trusted;
    if (s->care.saved_us == INT64_MIN)
        s->undated.seen_us = 0;
    snprintf(sql, sizeof(sql), "SELECT max(last_commit_at) FROM run WHERE last_commit_at <= %lld",
             (long long)(trusted + US_PER_DAY));
    int64_t commit = INT64_MIN;
    enum gw_err err = db_int64(s->db, sql, &commit);
    if (commit > s->undated.seen_us)
        s->undated.seen_us = commit;
    return err;
}

/* *waits: readings of this boot still do, from an earlier run. */
static enum gw_err find_waiting(struct store *s, bool *waits)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    enum gw_err err =
        db_bind(s->db, &st, "SELECT 1 FROM clock_wait WHERE boot = ? AND ended_at IS NULL", "s",
                s->undated.boot);

    if (err == GW_OK)
        err = db_step(st, &row);
    sqlite3_finalize(st);
    *waits = row;
    return err;
}

static enum gw_err begin_waiting(struct store *s)
{
    sqlite3_stmt *st = NULL;
    enum gw_err err = db_run(s->db, &st,
                             "INSERT INTO clock_wait (run_id, boot, since, uptime, readings)"
                             " VALUES (?, ?, ?, ?, 0)",
                             "isii", s->run_id, s->undated.boot, clock_wall_us(), clock_mono_us());

    sqlite3_finalize(st);
    if (err != GW_OK)
        return err;
    s->undated.is_waiting = true;
    s->undated.began_us = clock_mono_us();
    metric_set(METRIC_CLOCK_WAITING, 1);
    log_warning("database: the clock does not seem to be set yet: readings are kept apart, and get "
                "their time when it is known");
    return GW_OK;
}

enum gw_err undated_begin_run(struct store *s)
{
    struct timesync t;
    bool waits = false;
    enum gw_err err;

    s->undated.is_waiting = false;
    if (!s->options.timesync)
        return GW_OK;
    s->options.timesync(&t);
    if (t.boot[0])
        memcpy(s->undated.boot, t.boot, sizeof(s->undated.boot));
    else
        snprintf(s->undated.boot, sizeof(s->undated.boot), "run %lld", (long long)s->run_id);
    s->undated.offset_us = offset_now();
    s->undated.must_move = true;
    if ((err = load_seen(s)) != GW_OK || (err = find_waiting(s, &waits)) != GW_OK)
        return err;
    bool doubtful = is_unset(&t) || ((t.is_just_booted || waits) && is_behind(s));
    return is_early(s) || (!t.is_synchronised && doubtful) ? begin_waiting(s) : GW_OK;
}

/* Still in doubt? */
static bool must_wait(const struct store *s)
{
    int64_t waited = clock_mono_us() - s->undated.began_us;
    struct timesync t;

    if (is_early(s))
        return true;
    s->options.timesync(&t);
    if (t.is_synchronised)
        return false;
    return (is_behind(s) && waited < BEHIND_MAX_US) || is_unset(&t);
}

/* The time has arrived: readings that were stamped before it did may still be on their way. */
static void end_waiting(struct store *s)
{
    int64_t now = clock_mono_us();

    s->undated.is_waiting = false;
    s->undated.old_offset_us = s->undated.offset_us;
    s->undated.settled_us = now + SETTLE_US;
    s->undated.must_move = true;
    metric_set(METRIC_CLOCK_WAITING, 0);
    log_info("database: the clock is set: it was moved by %.1f s",
             (double)(offset_now() - s->undated.offset_us) / 1e6);
}

void undated_look(struct store *s)
{
    int64_t now = clock_mono_us();

    if (!s->undated.is_waiting)
        return;
    int64_t moved = offset_now() - s->undated.offset_us;
    bool stepped = moved > STEP_US || moved < -STEP_US;
    if (!stepped && now < s->undated.next_look_us)
        return;
    s->undated.next_look_us = now + LOOK_US;
    if (!must_wait(s)) {
        end_waiting(s);
    } else if (stepped) {
        s->undated.old_offset_us = s->undated.offset_us;
        s->undated.settled_us = now + SETTLE_US;
    }
    s->undated.offset_us = offset_now();
}

static int64_t distance(int64_t a, int64_t b)
{
    return a > b ? a - b : b - a;
}

/* The monotonic clock when the reading was stamped. For a while after a step its stamp may be of
 * the old setting: the one that makes it younger is right. */
static int64_t uptime_of(const struct store *s, int64_t time_us)
{
    int64_t now = clock_mono_us(), uptime = time_us - s->undated.offset_us;
    int64_t old = time_us - s->undated.old_offset_us;

    if (now < s->undated.settled_us && distance(old, now) < distance(uptime, now))
        return old;
    return uptime;
}

bool undated_uptime(const struct store *s, int64_t time_us, int64_t *uptime_us)
{
    if (s->undated.is_waiting)
        *uptime_us = uptime_of(s, time_us);
    return s->undated.is_waiting;
}

int64_t undated_time(const struct store *s, int64_t time_us)
{
    if (s->undated.is_waiting || clock_mono_us() >= s->undated.settled_us)
        return time_us;
    return uptime_of(s, time_us) + s->undated.offset_us;
}

enum gw_err undated_mark(struct store *s)
{
    s->undated.last_seq = 0;
    if (!s->undated.is_waiting)
        return GW_OK;
    return db_int64(s->db, "SELECT max(seq) FROM reading_undated", &s->undated.last_seq);
}

enum gw_err undated_take_back(struct store *s)
{
    sqlite3_stmt *st = NULL;
    enum gw_err err = db_run(s->db, &st, "DELETE FROM reading_undated WHERE run_id = ? AND seq > ?",
                             "ii", s->run_id, s->undated.last_seq);

    sqlite3_finalize(st);
    return err;
}

static enum gw_err keep(struct store *s, const struct slot *slot, const struct reading *r)
{
    enum gw_err err = db_prepare(s->db, &s->sql->undated_add,
                                 "INSERT INTO reading_undated (uptime, sensor_id, value, quality,"
                                 " run_id) VALUES (?, ?, ?, ?, ?)");
    if (err != GW_OK)
        return err;
    struct reading held = *r;
    held.time_us = uptime_of(s, r->time_us);
    int rc = reading_bind(s->sql->undated_add, 1, &held, slot->id);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(s->sql->undated_add, 5, s->run_id);
    if (rc != SQLITE_OK)
        return db_error(s->db, rc, "binding a reading without a time");
    s->counts[r->source].committed++;
    return db_finish(s->sql->undated_add);
}

enum gw_err undated_take(struct store *s, struct slot *slot, struct reading *r, bool *taken)
{
    *taken = false;
    if (r->flags & READING_OWN_TIME)
        return GW_OK;
    if (s->undated.is_waiting) {
        *taken = true;
        return keep(s, slot, r);
    }
    r->time_us = undated_time(s, r->time_us);
    return GW_OK;
}

/* --- moving --- */

struct waiting_row {
    int64_t seq, time_us, sensor_id, run_id;
    sqlite3_value *value; /* owned */
    int quality;
};

/* The oldest of this boot after `seq`; *found false: there is none. */
static enum gw_err next_row(struct store *s, int64_t seq, struct waiting_row *row, bool *found)
{
    enum gw_err err = db_bind(s->db, &s->sql->undated_next,
                              "SELECT u.seq, u.uptime, u.sensor_id, u.value, u.quality, u.run_id"
                              " FROM reading_undated u JOIN clock_wait w ON w.run_id = u.run_id"
                              " WHERE u.seq > ? AND w.boot = ? ORDER BY u.seq LIMIT 1",
                              "is", seq, s->undated.boot);
    sqlite3_stmt *st = s->sql->undated_next;

    if (err != GW_OK || (err = db_step(st, found)) != GW_OK || !*found)
        return err;
    *row = (struct waiting_row){
        .seq = sqlite3_column_int64(st, 0),
        .time_us = sqlite3_column_int64(st, 1) + s->undated.offset_us,
        .sensor_id = sqlite3_column_int64(st, 2),
        .value = sqlite3_value_dup(sqlite3_column_value(st, 3)),
        .quality = sqlite3_column_int(st, 4),
        .run_id = sqlite3_column_int64(st, 5),
    };
    return db_finish(st);
}

static enum gw_err run_with_row(struct store *s, sqlite3_stmt **st, const char *sql,
                                const struct waiting_row *row)
{
    enum gw_err err = db_bind(s->db, st, sql, "ii", row->time_us, row->sensor_id);

    if (err != GW_OK)
        return err;
    int rc = sqlite3_bind_value(*st, 3, row->value);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(*st, 4, row->quality);
    return rc == SQLITE_OK ? db_finish(*st) : db_error(s->db, rc, sql);
}

/* Into `reading`; where another one has its time already, a microsecond later. */
static enum gw_err insert_row(struct store *s, struct waiting_row *row)
{
    enum gw_err err = GW_OK;

    for (int tries = 0; err == GW_OK && tries < 1000; tries++, row->time_us++) {
        err = run_with_row(s, &s->sql->insert_one,
                           "INSERT OR IGNORE INTO reading (time, sensor_id, value, quality)"
                           " VALUES (?, ?, ?, ?)",
                           row);
        if (err == GW_OK && sqlite3_changes(s->db) > 0)
            return rollup_mark_late(s, row->time_us);
    }
    return err;
}

static enum gw_err move_row(struct store *s, struct waiting_row *row)
{
    enum gw_err err = insert_row(s, row);

    if (err == GW_OK)
        err = run_with_row(s, &s->sql->undated_latest,
                           "INSERT INTO sensor_latest (time, sensor_id, value, quality)"
                           " VALUES (?, ?, ?, ?) ON CONFLICT (sensor_id) DO UPDATE SET time ="
                           " excluded.time, value = excluded.value, quality = excluded.quality"
                           " WHERE excluded.time > time",
                           row);
    if (err == GW_OK)
        err = db_run(s->db, &s->sql->undated_drop, "DELETE FROM reading_undated WHERE seq = ?", "i",
                     row->seq);
    if (err == GW_OK)
        err = db_run(s->db, &s->sql->undated_count,
                     "UPDATE clock_wait SET readings = readings + 1 WHERE run_id = ?", "i",
                     row->run_id);
    return err;
}

static enum gw_err move_slice(struct store *s, int64_t deadline_us, bool *more)
{
    struct waiting_row row = {.seq = INT64_MIN};
    enum gw_err err = GW_OK;

    *more = true;
    for (int n = 0; n < SLICE_ROWS && clock_mono_us() <= deadline_us; n++) {
        if ((err = next_row(s, row.seq, &row, more)) != GW_OK || !*more)
            return err;
        err = move_row(s, &row);
        sqlite3_value_free(row.value);
        if (err != GW_OK)
            return err;
    }
    return err;
}

/* All readings of this boot have been moved, alerts and the like follow; those of earlier boots
 * will never know their time. */
static enum gw_err close_waiting(struct store *s)
{
    sqlite3_stmt *st = NULL;
    enum gw_err err = undated_events(s);

    if (err == GW_OK)
        err = db_run(s->db, &st,
                     "UPDATE clock_wait SET ended_at = ?1,"
                     " shift = CASE boot WHEN ?2 THEN uptime + ?3 - since END"
                     " WHERE ended_at IS NULL",
                     "isi", clock_wall_us(), s->undated.boot, s->undated.offset_us);
    sqlite3_finalize(st);
    return err;
}

enum gw_err undated_run(struct store *s, int64_t deadline_us, bool *more)
{
    int64_t open = 0;
    enum gw_err err;

    undated_look(s);
    if (!s->undated.must_move || s->undated.is_waiting)
        return GW_OK;
    s->undated.offset_us = offset_now();
    err = db_int64(s->db, "SELECT count(*) FROM clock_wait WHERE ended_at IS NULL", &open);
    if (err != GW_OK || open == 0) {
        s->undated.must_move = err != GW_OK;
        return err;
    }
    if ((err = store_begin(s)) != GW_OK)
        return err;
    if ((err = move_slice(s, deadline_us, more)) == GW_OK && !*more)
        err = close_waiting(s);
    err = store_end(s, err);
    if (err != GW_OK)
        return err;
    s->undated.must_move = *more;
    s->is_stale = true; /* newest times and accumulators are other ones now */
    return connection_ensure(s);
}
