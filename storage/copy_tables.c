/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/copy_tables.h"

#include "gateway/core/clock.h"
#include "storage/span.h"

#include <string.h>

#define SLICE_ROWS "5000" /* short, so that the gateway's log can begin anew between two */

/* SQL that is made of parts. Returns owned; NULL without memory. */
#define SQL(...) sqlite3_mprintf(__VA_ARGS__)

static enum gw_err run_owned(struct copy *c, char *sql)
{
    enum gw_err err = sql ? db_exec(c->db, sql) : GW_ENOMEM;

    sqlite3_free(sql);
    return err;
}

static enum gw_err copy_pragma(struct copy *c, const char *name)
{
    char sql[64];
    int64_t value = 0;

    sqlite3_snprintf(sizeof(sql), sql, "PRAGMA src.%s", name);
    enum gw_err err = db_int64(c->db, sql, &value);
    return err == GW_OK ? run_owned(c, SQL("PRAGMA main.%s = %lld", name, (long long)value)) : err;
}

enum gw_err copy_schema(struct copy *c, const char *type)
{
    sqlite3_stmt *st = NULL;
    bool row = true;
    enum gw_err err = db_bind(c->db, &st,
                              "SELECT sql FROM src.sqlite_schema WHERE type = ? AND sql IS NOT NULL"
                              " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid",
                              "s", type);

    while (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row)
        err = db_exec(c->db, db_text(st, 0));
    sqlite3_finalize(st);
    if (err == GW_OK && strcmp(type, "table") == 0 &&
        (err = copy_pragma(c, "user_version")) == GW_OK)
        err = copy_pragma(c, "application_id");
    return err;
}

/* A large table whose key begins with time. A slice begins after the key (?1, ?2). */
struct part {
    const char *slice, *last;
    int64_t length_us; /* of what a row stands for: it must lie in the span as a whole */
    double begin, end; /* its share of the progress */
    bool is_reading;
};

static const struct part parts[] = {
    {.is_reading = true,
     .slice = "INSERT INTO main.reading SELECT * FROM src.reading"
              " WHERE (time, sensor_id) > (?1, ?2) AND time < ?3"
              " ORDER BY time, sensor_id LIMIT " SLICE_ROWS,
     .last = "SELECT time, sensor_id FROM main.reading ORDER BY time DESC, sensor_id DESC LIMIT 1",
     .length_us = 1,
     .begin = 0,
     .end = 0.6},
    {.slice = "INSERT INTO main.reading_minute SELECT * FROM src.reading_minute"
              " WHERE (minute, sensor_id) > (?1, ?2) AND minute < ?3"
              " ORDER BY minute, sensor_id LIMIT " SLICE_ROWS,
     .last = "SELECT minute, sensor_id FROM main.reading_minute"
             " ORDER BY minute DESC, sensor_id DESC LIMIT 1",
     .length_us = US_PER_MINUTE,
     .begin = 0.6,
     .end = 0.75},
};

/* Hours are keyed by sensor: a slice is a few of these, ?3 ≤ id < ?4. */
static const struct part hour_part = {.begin = 0.75, .end = 0.95};
#define HOUR_SENSORS 8
static const char hours[] = "INSERT INTO main.reading_hour SELECT * FROM src.reading_hour"
                            " WHERE hour >= ?1 AND hour < ?2 AND sensor_id IN"
                            " (SELECT id FROM src.sensor WHERE id >= ?3 AND id < ?4)";

static const char *const tails[] = {
    "INSERT INTO main.reading SELECT * FROM src.reading WHERE time >= ?1 AND time < ?2",
    "INSERT INTO main.reading_minute SELECT * FROM src.reading_minute"
    " WHERE minute >= ?1 AND minute < ?2",
    "INSERT INTO main.reading_hour SELECT * FROM src.reading_hour WHERE hour >= ?1 AND hour < ?2"
    " AND sensor_id IN (SELECT id FROM src.sensor)",
};

static bool is_ranged(const struct copy *c)
{
    return c->request->until_us != 0;
}

static int64_t first_start(const struct copy *c)
{
    return is_ranged(c) ? c->request->since_us : INT64_MIN + 1;
}

/* The first start of a row of that length that no longer lies in the span. */
static int64_t end_start(const struct copy *c, int64_t length_us)
{
    return is_ranged(c) ? c->request->until_us - length_us + 1 : INT64_MAX;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static bool report(const struct copy *c, double done)
{
    return !c->request->progress || c->request->progress(c->request->arg, done, c->rows);
}

/* Runs one slice with its n numbers; *rows: how many it had. */
static enum gw_err run_slice(struct copy *c, sqlite3_stmt **st, const char *sql, int n,
                             const int64_t k[4], int64_t *rows)
{
    enum gw_err err = c->hold ? GW_OK : db_exec(c->db, "BEGIN");

    if (err == GW_OK)
        err = db_run(c->db, st, sql, &"iiii"[4 - n], k[0], k[1], k[2], k[3]);
    *rows = sqlite3_changes(c->db);
    c->rows += (uint64_t)*rows;
    if (err == GW_OK && !c->hold)
        err = db_exec(c->db, "COMMIT");
    return err;
}

static enum gw_err last_key(struct copy *c, const struct part *p, int64_t *k)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    enum gw_err err = db_prepare(c->db, &st, p->last);

    if (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row) {
        k[0] = sqlite3_column_int64(st, 0);
        k[1] = sqlite3_column_int64(st, 1);
    }
    sqlite3_finalize(st);
    return err;
}

static double share(const struct part *p, int64_t first, int64_t now, int64_t end)
{
    double length = (double)end - (double)first;
    double part = length > 0 ? ((double)now - (double)first) / length : 1;

    return p->begin + (p->end - p->begin) * part;
}

static enum gw_err copy_part(struct copy *c, const struct part *p, int64_t cut_us)
{
    int64_t k[4] = {first_start(c) - 1, INT64_MAX, earlier(cut_us, end_start(c, p->length_us)), 0};
    int64_t first = INT64_MIN, rows = 1;
    sqlite3_stmt *st = NULL;
    enum gw_err err = GW_OK;

    while (err == GW_OK && rows > 0) {
        err = run_slice(c, &st, p->slice, 3, k, &rows);
        if (p->is_reading)
            c->readings += (uint64_t)rows;
        if (err == GW_OK && rows > 0)
            err = last_key(c, p, k);
        if (first == INT64_MIN)
            first = k[0];
        if (err == GW_OK && !report(c, share(p, first, k[0], k[2])))
            err = GW_ECLOSED;
    }
    sqlite3_finalize(st);
    return err;
}

static enum gw_err copy_hours(struct copy *c)
{
    int64_t k[4] = {first_start(c), earlier(c->cut.hour_us, end_start(c, US_PER_HOUR)), 0, 0};
    int64_t last = 0, rows;
    sqlite3_stmt *st = NULL;
    enum gw_err err = db_int64(c->db, "SELECT max(id) FROM src.sensor", &last);

    for (k[2] = 0; err == GW_OK && k[2] <= last; k[2] += HOUR_SENSORS) {
        k[3] = k[2] + HOUR_SENSORS;
        err = run_slice(c, &st, hours, 4, k, &rows);
        if (err == GW_OK && !report(c, share(&hour_part, 0, k[2], last + 1)))
            err = GW_ECLOSED;
    }
    sqlite3_finalize(st);
    return err;
}

enum gw_err copy_slices(struct copy *c)
{
    enum gw_err err = copy_part(c, &parts[0], c->cut.reading_us);

    if (err == GW_OK)
        err = copy_part(c, &parts[1], c->cut.minute_us);
    return err == GW_OK ? copy_hours(c) : err;
}

static enum gw_err copy_tail(struct copy *c, const char *sql, int64_t cut_us, int64_t length_us)
{
    sqlite3_stmt *st = NULL;
    enum gw_err err =
        db_run(c->db, &st, sql, "ii", later(cut_us, first_start(c)), end_start(c, length_us));

    c->rows += (uint64_t)sqlite3_changes(c->db);
    sqlite3_finalize(st);
    return err;
}

/* What retention has removed in the meantime. */
static enum gw_err remove_old(struct copy *c)
{
    enum gw_err err =
        db_exec(c->db, "DELETE FROM main.reading WHERE time < (SELECT min(time) FROM src.reading)");

    if (err != GW_OK)
        return err;
    c->readings -= (uint64_t)sqlite3_changes(c->db);
    return db_exec(c->db, "DELETE FROM main.reading_minute"
                          " WHERE minute < (SELECT min(minute) FROM src.reading_minute)");
}

enum gw_err copy_tails(struct copy *c)
{
    enum gw_err err = copy_tail(c, tails[0], c->cut.reading_us, 1);

    if (err == GW_OK)
        c->readings += (uint64_t)sqlite3_changes(c->db);
    if (err != GW_OK || (err = copy_tail(c, tails[1], c->cut.minute_us, US_PER_MINUTE)) != GW_OK ||
        (err = copy_tail(c, tails[2], c->cut.hour_us, US_PER_HOUR)) != GW_OK)
        return err;
    return remove_old(c);
}

/* Which rows of a table belong to a span; a table that is not listed is copied as a whole. */
static const struct {
    const char *table, *where; /* with ?1 = since, ?2 = until */
} of_span[] = {
    {"alert", "raised_at < ?2 AND (cleared_at IS NULL OR cleared_at >= ?1)"},
    {"alert_event", "alert_id IN (SELECT id FROM main.alert) AND ?1 < ?2"},
    {"run", "started_at < ?2 AND ifnull(ended_at, last_commit_at) >= ?1"},
    {"ledger", "run_id IN (SELECT id FROM main.run) AND ?1 < ?2"},
    {"rollup_pending", "start + span > ?1 AND start < ?2"},
    {"write_event", "time >= ?1 AND time < ?2"},
    {"sensor_latest", "time >= ?1 AND time < ?2"},
};

static const char *rows_of_span(const struct copy *c, const char *table)
{
    for (size_t i = 0; is_ranged(c) && i < sizeof(of_span) / sizeof(of_span[0]); i++) {
        if (strcmp(of_span[i].table, table) == 0)
            return of_span[i].where;
    }
    return "?1 IS NOT ?2";
}

static enum gw_err copy_small_table(struct copy *c, const char *table)
{
    sqlite3_stmt *st = NULL;
    char *sql = SQL("INSERT INTO main.\"%w\" SELECT * FROM src.\"%w\" WHERE %s", table, table,
                    rows_of_span(c, table));
    enum gw_err err = sql ? db_run(c->db, &st, sql, "ii", c->request->since_us,
                                   is_ranged(c) ? c->request->until_us : INT64_MAX)
                          : GW_ENOMEM;

    c->rows += (uint64_t)sqlite3_changes(c->db);
    if (strcmp(table, "reading_undated") == 0)
        c->readings += (uint64_t)sqlite3_changes(c->db);
    sqlite3_finalize(st);
    sqlite3_free(sql);
    return err;
}

/* Sensors that have moved on since: what was their last reading in the span. */
static enum gw_err complete_latest(struct copy *c)
{
    if (!is_ranged(c))
        return GW_OK;
    return db_exec(c->db,
                   "INSERT OR IGNORE INTO main.sensor_latest (sensor_id, time, value, quality)"
                   " SELECT sensor_id, max(time), value, quality FROM main.reading"
                   " GROUP BY sensor_id");
}

/* The minute and the hour that the span cuts in two are to be made of what is left of them. */
static enum gw_err mark_end(struct copy *c, int64_t end_us)
{
    static const int64_t spans[] = {US_PER_MINUTE, US_PER_HOUR};
    sqlite3_stmt *st = NULL;
    enum gw_err err = GW_OK;

    for (size_t i = 0; err == GW_OK && i < 2; i++) {
        int64_t start = floor_to(end_us, spans[i]);
        if (start != end_us)
            err = db_run(c->db, &st, "INSERT OR REPLACE INTO main.rollup_pending VALUES (?, ?, 1)",
                         "ii", spans[i], start);
    }
    sqlite3_finalize(st);
    return err;
}

static enum gw_err complete_span(struct copy *c)
{
    enum gw_err err = complete_latest(c);

    if (err == GW_OK)
        err = mark_end(c, c->request->since_us);
    return err == GW_OK ? mark_end(c, c->request->until_us) : err;
}

/* So that no number of alert_event is given out twice. Inserting has begun it already. */
static enum gw_err copy_sequence(struct copy *c)
{
    return db_exec(c->db, "DELETE FROM main.sqlite_sequence;"
                          "INSERT INTO main.sqlite_sequence SELECT * FROM src.sqlite_sequence");
}

enum gw_err copy_small_tables(struct copy *c)
{
    sqlite3_stmt *st = NULL;
    bool row = true;
    enum gw_err err = db_prepare(c->db, &st,
                                 "SELECT name FROM src.sqlite_schema WHERE type = 'table' AND"
                                 " name NOT IN ('reading', 'reading_minute', 'reading_hour') AND"
                                 " name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY rowid");

    while (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row)
        err = copy_small_table(c, db_text(st, 0));
    sqlite3_finalize(st);
    if (err == GW_OK)
        err = copy_sequence(c);
    return err == GW_OK && is_ranged(c) ? complete_span(c) : err;
}
