/* SPDX-License-Identifier: Apache-2.0 */
/* What is old, or too much, goes: from the front of time-ordered tables, in small transactions. */
#include "storage/internal.h"
#include "storage/schema.h"

#include "gateway/core/log.h"
#include "gateway/core/metrics.h"

#define FEW_ROWS "4000"               /* of the rest that go at once */
#define EVERY_US (10 * US_PER_SECOND) /* between looks, when there was nothing left to do */
#define HOLD_US US_PER_DAY            /* how long a clock that jumped ahead must hold */
#define SPARE_PAGES 1000              /* free pages that are kept for new rows */
#define VACUUM "PRAGMA incremental_vacuum(200)"

enum gw_err retention_load(struct store *s)
{
    enum gw_err err;

    s->pruned.raw_us = s->pruned.minute_us = INT64_MIN;
    s->care.saved_us = INT64_MIN;
    s->care.next_hour_id = 0;
    if ((err = db_int64(s->db, "SELECT value FROM meta WHERE key = 'raw_pruned_to'",
                        &s->pruned.raw_us)) != GW_OK ||
        (err = db_int64(s->db, "SELECT value FROM meta WHERE key = 'minute_pruned_to'",
                        &s->pruned.minute_us)) != GW_OK ||
        (err = db_int64(s->db, "SELECT value FROM meta WHERE key = 'clock'", &s->care.saved_us)))
        return err;
    s->care.trusted_us = s->care.saved_us;
    if (s->care.trusted_us == INT64_MIN)
        s->care.trusted_us = s->newest_us;
    if (s->care.trusted_us == INT64_MIN)
        s->care.trusted_us = clock_wall_us();
    return GW_OK;
}

/* A wall clock that is suddenly more than a day ahead has been set wrongly, or the gateway was off:
 * nobody can tell. So it is believed only once it has held for a day of running. */
static bool clock_looks_right(struct store *s, int64_t wall_us)
{
    int64_t now = clock_mono_us();

    if (wall_us <= s->care.trusted_us + US_PER_DAY) {
        if (wall_us > s->care.trusted_us)
            s->care.trusted_us = wall_us;
        s->care.hold_since_us = 0;
        return true;
    }
    if (s->care.hold_since_us == 0) {
        s->care.hold_since_us = now ? now : 1;
        log_warning(
            "database: the clock is more than a day ahead of when it was last seen: nothing "
            "is deleted by age until it has held for a day");
    }
    if (now - s->care.hold_since_us < HOLD_US)
        return false;
    s->care.trusted_us = wall_us;
    s->care.hold_since_us = 0;
    return true;
}

static enum gw_err save_clock(struct store *s)
{
    if (s->care.saved_us != INT64_MIN && s->care.trusted_us < s->care.saved_us + US_PER_HOUR)
        return GW_OK;
    enum gw_err err = store_begin(s);
    if (err == GW_OK)
        err = store_end(s, store_set_meta(s, "clock", s->care.trusted_us));
    if (err == GW_OK)
        s->care.saved_us = s->care.trusted_us;
    return err;
}

/* A time-led table. */
struct table {
    const char *bound;  /* the time that ends a slice of ?1 rows; no row: all of it */
    const char *remove; /* rows before ?1 */
    const char *meta;
};

static const struct table raw_table = {
    .bound = "SELECT time + 1 FROM reading ORDER BY time LIMIT 1 OFFSET ?",
    .remove = "DELETE FROM reading WHERE time < ?",
    .meta = "raw_pruned_to",
};
static const struct table minute_table = {
    .bound = "SELECT minute + 1 FROM reading_minute ORDER BY minute LIMIT 1 OFFSET ?",
    .remove = "DELETE FROM reading_minute WHERE minute < ?",
    .meta = "minute_pruned_to",
};

/* Ends the transaction that was begun then, and learns from how long it took. */
static enum gw_err end_slice(struct store *s, enum gw_err err, int64_t began_us, int64_t touched,
                             int64_t removed)
{
    if ((err = store_end(s, err)) != GW_OK)
        return err;
    slice_adapt(&s->care.slice, touched, clock_mono_us() - began_us);
    metric_add(METRIC_ROWS_PRUNED, removed);
    return GW_OK;
}

/* *until_us comes down to where a slice ends. */
static enum gw_err find_bound(struct store *s, const struct table *t, int64_t *until_us)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    enum gw_err err = db_bind(s->db, &st, t->bound, "i", s->care.slice.rows);

    if (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row &&
        sqlite3_column_int64(st, 0) < *until_us)
        *until_us = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return err;
}

/* One slice: rows before `bound`. *removed: how many. */
static enum gw_err remove_slice(struct store *s, const struct table *t, int64_t bound,
                                int64_t *pruned_us, int64_t *removed)
{
    sqlite3_stmt *st = NULL;
    int64_t began_us = clock_mono_us();
    enum gw_err err = find_bound(s, t, &bound);

    if (err != GW_OK || (err = store_begin(s)) != GW_OK)
        return err;
    err = db_run(s->db, &st, t->remove, "i", bound);
    *removed = sqlite3_changes(s->db);
    sqlite3_finalize(st);
    /* Roll-ups must not be made again from what is left of a minute. */
    int64_t whole = t == &raw_table ? floor_to(bound - 1, US_PER_MINUTE) + US_PER_MINUTE
                                    : floor_to(bound - 1, US_PER_HOUR) + US_PER_HOUR;
    if (err == GW_OK && whole > *pruned_us)
        err = store_set_meta(s, t->meta, whole);
    if ((err = end_slice(s, err, began_us, *removed, *removed)) == GW_OK && whole > *pruned_us)
        *pruned_us = whole;
    return err;
}

/* *until_us comes down to the first span that is not rolled up yet: it still needs its rows. */
static enum gw_err spare_pending(struct store *s, const char *first, int64_t *until_us)
{
    int64_t start = INT64_MAX;
    enum gw_err err = db_int64(s->db, first, &start);

    if (start < *until_us)
        *until_us = start;
    return err;
}

static enum gw_err prune_raw(struct store *s, int64_t until_us, int64_t *removed)
{
    int64_t oldest = INT64_MAX;
    enum gw_err err;

    if ((err = spare_pending(s, "SELECT min(start) FROM rollup_pending WHERE span = 60000000",
                             &until_us)) != GW_OK ||
        (err = db_int64(s->db, "SELECT min(time) FROM reading", &oldest)) != GW_OK)
        return err;
    if (oldest >= until_us)
        return GW_OK;
    return remove_slice(s, &raw_table, until_us, &s->pruned.raw_us, removed);
}

static enum gw_err prune_minutes(struct store *s, int64_t until_us, int64_t *removed)
{
    int64_t oldest = INT64_MAX;
    enum gw_err err;

    if ((err = spare_pending(s, "SELECT min(start) FROM rollup_pending WHERE span = 3600000000",
                             &until_us)) != GW_OK ||
        (err = db_int64(s->db, "SELECT min(minute) FROM reading_minute", &oldest)) != GW_OK)
        return err;
    if (oldest >= until_us)
        return GW_OK;
    return remove_slice(s, &minute_table, until_us, &s->pruned.minute_us, removed);
}

/* Hours: their key begins with the sensor, so they are looked for sensor by sensor, from
 * care.next_hour_id on, which is 0 after the last. *looks: how many. */
static enum gw_err remove_hours(struct store *s, int64_t until_us, int64_t *looks, int64_t *removed)
{
    int64_t *id = &s->care.next_hour_id, last = 0;
    enum gw_err err = db_int64(s->db, "SELECT max(id) FROM sensor", &last);

    for (; err == GW_OK && *id <= last && *looks + *removed < s->care.slice.rows; ++*id) {
        err = db_run(s->db, &s->sql->prune_hour,
                     "DELETE FROM reading_hour WHERE sensor_id = ? AND hour < ?", "ii", *id,
                     until_us);
        *removed += sqlite3_changes(s->db);
        ++*looks;
    }
    if (*id > last)
        *id = 0;
    return err;
}

/* Alerts that are over and delivered, and others that are few. */
static enum gw_err remove_rest(struct store *s, int64_t until_us, int64_t *removed)
{
    struct {
        sqlite3_stmt **st;
        const char *sql;
    } parts[] = {
        {&s->sql->prune_alert,
         "DELETE FROM alert WHERE id IN (SELECT id FROM alert a WHERE cleared_at < ?1"
         " AND NOT EXISTS (SELECT 1 FROM alert_event e WHERE e.alert_id = a.id"
         " AND " SCHEMA_OUTBOX ") AND NOT EXISTS (SELECT 1 FROM alert_event e JOIN clock_wait w"
         " ON w.run_id = e.run_id WHERE e.alert_id = a.id"
         " AND ifnull(w.ended_at >= ?1, 1)) LIMIT " FEW_ROWS ")"},
        {&s->sql->prune_event, "DELETE FROM alert_event WHERE time < ?"
                               " AND alert_id NOT IN (SELECT id FROM alert)"},
        {&s->sql->prune_write, "DELETE FROM write_event WHERE seq IN (SELECT seq FROM write_event"
                               " WHERE time < ?1 AND NOT EXISTS (SELECT 1 FROM clock_wait w"
                               " WHERE w.run_id = write_event.run_id"
                               " AND ifnull(w.ended_at >= ?1, 1)) LIMIT " FEW_ROWS ")"},
        {&s->sql->prune_run, "DELETE FROM run WHERE last_commit_at < ?"},
        {&s->sql->prune_wait,
         "DELETE FROM clock_wait WHERE ended_at < ? AND NOT EXISTS"
         " (SELECT 1 FROM reading_undated u WHERE u.run_id = clock_wait.run_id)"},
    };
    enum gw_err err = GW_OK;

    for (size_t i = 0; err == GW_OK && i < sizeof(parts) / sizeof(parts[0]); i++) {
        err = db_run(s->db, parts[i].st, parts[i].sql, "i", until_us);
        *removed += sqlite3_changes(s->db);
    }
    if (err == GW_OK)
        err = db_exec(s->db, "DELETE FROM ledger WHERE run_id NOT IN (SELECT id FROM run)");
    return err;
}

/* One slice; *more: there are others to come. */
static enum gw_err prune_rest(struct store *s, int64_t until_us, int64_t *removed, bool *more)
{
    int64_t began_us = clock_mono_us(), looks = 0, rest = 0;
    enum gw_err err = store_begin(s);
    if (err != GW_OK)
        return err;
    err = remove_hours(s, until_us, &looks, removed);
    if (err == GW_OK && s->care.next_hour_id == 0)
        err = remove_rest(s, until_us, &rest);
    *more = s->care.next_hour_id != 0 || rest > 0;
    *removed += rest;
    return end_slice(s, err, began_us, looks + *removed, *removed);
}

/* One slice of the readings that will never know their time, kept as long after that became certain
 * as others after they were taken. */
static enum gw_err prune_undated(struct store *s, int64_t until_us, int64_t *removed)
{
    int64_t some = 0;
    int64_t began_us = clock_mono_us();
    enum gw_err err = db_int64(s->db, "SELECT 1 FROM reading_undated LIMIT 1", &some);

    if (err != GW_OK || !some || (err = store_begin(s)) != GW_OK)
        return err;
    err = db_run(s->db, &s->sql->prune_undated,
                 "DELETE FROM reading_undated WHERE seq IN (SELECT u.seq FROM reading_undated u"
                 " JOIN clock_wait w ON w.run_id = u.run_id WHERE w.ended_at < ?"
                 " ORDER BY u.seq LIMIT ?)",
                 "ii", until_us, s->care.slice.rows);
    *removed = sqlite3_changes(s->db);
    return end_slice(s, err, began_us, *removed, *removed);
}

/* One slice of what is too old; *removed 0: nothing is. */
static enum gw_err prune_by_age(struct store *s, int64_t wall_us, int64_t *removed)
{
    const struct store_options *o = &s->options;
    bool more = false;
    enum gw_err err = GW_OK;

    if (o->raw_us > 0)
        err = prune_raw(s, floor_to(wall_us - o->raw_us, US_PER_MINUTE), removed);
    if (err == GW_OK && *removed == 0 && o->raw_us > 0)
        err = prune_undated(s, wall_us - o->raw_us, removed);
    if (err == GW_OK && *removed == 0 && o->minute_us > 0)
        err = prune_minutes(s, floor_to(wall_us - o->minute_us, US_PER_HOUR), removed);
    if (err == GW_OK && *removed == 0 && o->hour_us > 0 && wall_us >= s->care.next_rest_us) {
        err = prune_rest(s, floor_to(wall_us - o->hour_us, US_PER_HOUR), removed, &more);
        if (err == GW_OK && !more)
            s->care.next_rest_us = wall_us + US_PER_HOUR;
    }
    return err;
}

struct pages {
    int64_t size, count, free;
};

static enum gw_err count_pages(struct store *s, struct pages *p)
{
    enum gw_err err;

    if ((err = db_int64(s->db, "PRAGMA page_size", &p->size)) != GW_OK ||
        (err = db_int64(s->db, "PRAGMA page_count", &p->count)) != GW_OK)
        return err;
    return db_int64(s->db, "PRAGMA freelist_count", &p->free);
}

/* One slice of whatever is worth least: readings that will never know their time, the oldest
 * readings, minutes. */
static enum gw_err remove_oldest(struct store *s, int64_t *removed)
{
    enum gw_err err = prune_undated(s, INT64_MAX, removed);

    if (err == GW_OK && *removed == 0 && s->newest_us != INT64_MIN)
        err = prune_raw(s, floor_to(s->newest_us, US_PER_MINUTE), removed);
    if (err == GW_OK && *removed == 0 && s->newest_us != INT64_MIN)
        err = prune_minutes(s, floor_to(s->newest_us, US_PER_HOUR), removed);
    return err;
}

/* One slice, while the rows take more than max_size. */
static enum gw_err prune_by_size(struct store *s, int64_t *removed)
{
    struct pages p = {0};
    enum gw_err err = count_pages(s, &p);

    if (err != GW_OK || (p.count - p.free) * p.size <= s->options.max_size)
        return err;
    err = remove_oldest(s, removed);
    if (err == GW_OK && *removed == 0)
        log_warning("database: storage.max_size is exceeded, and there is nothing left to remove");
    return err;
}

/* One slice of the oldest while the file system is nearly full and the file has no spare pages:
 * what comes then takes the place of what went. While the log cannot be reused, removing would only
 * make it longer. */
static enum gw_err prune_for_room(struct store *s, int64_t *removed)
{
    struct pages p = {0};
    enum gw_err err = count_pages(s, &p);
    int64_t spare = p.count / 4 < SPARE_PAGES ? p.count / 4 : SPARE_PAGES;

    if (err != GW_OK || p.free >= spare)
        return err;
    return remove_oldest(s, removed);
}

/* Gives free pages back to the file system: those beyond max_size, and when there are many more
 * than new rows will soon need. *removed: whether it did. */
static enum gw_err shrink(struct store *s, int64_t *removed)
{
    struct pages p = {0};
    enum gw_err err = count_pages(s, &p);

    bool too_big = s->options.max_size > 0 && p.count * p.size > s->options.max_size;
    bool too_free = p.free > SPARE_PAGES && p.free > p.count / 4;
    if (err != GW_OK || p.free == 0 || (!too_big && !too_free))
        return err;
    *removed = 1;
    return db_exec(s->db, VACUUM);
}

static enum gw_err prune_slice(struct store *s, int64_t wall_us, int64_t *removed)
{
    bool looks_right = clock_looks_right(s, wall_us);
    enum gw_err err = save_clock(s);

    *removed = 0;
    if (err == GW_OK && looks_right)
        err = prune_by_age(s, wall_us, removed);
    if (err == GW_OK && *removed == 0 && s->options.max_size > 0)
        err = prune_by_size(s, removed);
    if (err == GW_OK && *removed == 0)
        err = s->space.is_tight ? prune_for_room(s, removed) : shrink(s, removed);
    return err;
}

enum gw_err retention_run(struct store *s, int64_t wall_us, int64_t deadline_us, bool *more)
{
    int64_t removed = 1;
    enum gw_err err = GW_OK;

    if (clock_mono_us() < s->care.next_prune_us || s->space.log_is_long)
        return GW_OK;
    while (err == GW_OK && removed > 0 && clock_mono_us() < deadline_us)
        err = prune_slice(s, wall_us, &removed);
    *more = err == GW_OK && removed > 0;
    if (!*more)
        s->care.next_prune_us = clock_mono_us() + (s->space.is_tight ? US_PER_SECOND : EVERY_US);
    return err;
}
