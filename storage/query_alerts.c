/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/query_internal.h"
#include "storage/schema.h"

#include <fnmatch.h>
#include <string.h>

static void alert_from_row(const struct query *q, sqlite3_stmt *st, struct alert_row *row)
{
    *row = (struct alert_row){
        .id = sqlite3_column_int64(st, 0),
        .instance = q->instance,
        .sensor = db_text(st, 1),
        .unit = db_text(st, 2),
        .rule = db_text(st, 3),
        .severity = db_text(st, 4),
        .state = db_text(st, 5),
        .value = db_double(st, 6),
        .limit = db_double(st, 7),
        .raised_us = sqlite3_column_int64(st, 8),
        .changed_us = sqlite3_column_int64(st, 9),
        .cleared_us = sqlite3_column_int64(st, 10),
        .reason = db_text(st, 11),
        .acknowledged_by = db_text(st, 12),
        .acknowledged_us = sqlite3_column_int64(st, 13),
        .shelved_until_us = sqlite3_column_int64(st, 14),
    };
}

static bool matches(const char *pattern, const char *text)
{
    return !pattern || strcmp(pattern, text) == 0 || fnmatch(pattern, text, 0) == 0;
}

enum gw_err query_alerts(struct query *q, const struct alert_filter *f,
                         bool (*each)(void *arg, const struct alert_row *row), void *arg)
{
    sqlite3_stmt *st = NULL;
    struct alert_row alert;
    size_t rows = 0;
    bool row = true, go_on = true;
    enum gw_err err = query_refresh(q);

    if (err == GW_OK && (err = query_needs(q, 2)) == GW_OK)
        err = db_bind(q->db, &st,
                      "SELECT a.id, s.name, s.unit, a.rule, a.severity, a.state, a.value,"
                      " a.limit_value, a.raised_at, a.changed_at, a.cleared_at, a.reason,"
                      " a.acknowledged_by, a.acknowledged_at, h.until"
                      " FROM alert a JOIN sensor s ON s.id = a.sensor_id LEFT JOIN alert_shelf h"
                      " ON h.sensor_id = a.sensor_id AND h.rule = a.rule"
                      " AND a.cleared_at IS NULL"
                      " WHERE (NOT ?1 OR a.cleared_at IS NULL) AND a.raised_at < ?2"
                      " AND (a.cleared_at IS NULL OR a.cleared_at >= ?3)"
                      " AND a.state = ifnull(?4, a.state) AND a.severity = ifnull(?5, a.severity)"
                      " ORDER BY a.id DESC",
                      "iiiss", (int64_t)f->active, f->until_us ? f->until_us : INT64_MAX,
                      f->since_us, f->state, f->severity);
    while (err == GW_OK && go_on && (err = db_step(st, &row)) == GW_OK && row) {
        alert_from_row(q, st, &alert);
        if (!matches(f->sensor, alert.sensor) || !matches(f->rule, alert.rule))
            continue;
        go_on = each(arg, &alert) && ++rows != f->limit;
    }
    sqlite3_finalize(st);
    return err;
}

static void outbox_from_row(const struct query *q, sqlite3_stmt *st, struct outbox_row *row)
{
    *row = (struct outbox_row){
        .seq = sqlite3_column_int64(st, 0),
        .alert_id = sqlite3_column_int64(st, 1),
        .instance = q->instance,
        .sensor = db_text(st, 2),
        .unit = db_text(st, 3),
        .rule = db_text(st, 4),
        .severity = db_text(st, 5),
        .state = db_text(st, 6),
        .value = db_double(st, 7),
        .limit = db_double(st, 8),
        .time_us = sqlite3_column_int64(st, 9),
        .since_us = sqlite3_column_int64(st, 10),
        .reason = db_text(st, 11),
        .who = db_text(st, 12),
        .comment = db_text(st, 13),
        .until_us = sqlite3_column_int64(st, 14),
        .repeat = (uint32_t)sqlite3_column_int64(st, 15),
        .is_undated = sqlite3_column_type(st, 16) != SQLITE_NULL,
    };
}

#define EVENTS_AFTER                                                                               \
    "SELECT e.seq, e.alert_id, s.name, s.unit, a.rule, e.severity, e.state, e.value,"              \
    " e.limit_value, e.time, a.raised_at, e.reason, e.who, e.comment, e.until, e.repeat, e.run_id" \
    " FROM alert_event e JOIN alert a ON a.id = e.alert_id JOIN sensor s ON s.id = a.sensor_id"    \
    " WHERE e.seq > ?1"
#define IN_ORDER " ORDER BY e.seq LIMIT ?2"

static enum gw_err each_event(struct query *q, const char *sql, int64_t after, size_t limit,
                              bool (*each)(void *arg, const struct outbox_row *row), void *arg)
{
    sqlite3_stmt *st = NULL;
    struct outbox_row event;
    bool row = true, go_on = true;
    enum gw_err err = query_refresh(q);

    if (err == GW_OK)
        err = db_bind(q->db, &st, sql, "ii", after, (int64_t)limit);
    while (err == GW_OK && go_on && (err = db_step(st, &row)) == GW_OK && row) {
        outbox_from_row(q, st, &event);
        go_on = each(arg, &event);
    }
    sqlite3_finalize(st);
    return err;
}

enum gw_err query_outbox(struct query *q, int64_t after, size_t limit,
                         bool (*each)(void *arg, const struct outbox_row *row), void *arg)
{
    return each_event(q, EVENTS_AFTER " AND " SCHEMA_OUTBOX IN_ORDER, after, limit, each, arg);
}

enum gw_err query_dead_last(struct query *q, int64_t after,
                            bool (*each)(void *arg, const struct outbox_row *row), void *arg)
{
    return each_event(q,
                      EVENTS_AFTER
                      " AND e.failed_at IS NOT NULL AND e.published_at IS NULL"
                      " AND e.reason_code <> -2 AND e.state <> 'limited'"
                      " AND NOT EXISTS (SELECT 1 FROM alert_event n JOIN alert b"
                      " ON b.id = n.alert_id WHERE n.seq > e.seq AND n.withheld IS NULL"
                      " AND n.state <> 'limited' AND b.sensor_id = a.sensor_id"
                      " AND b.rule = a.rule)" IN_ORDER,
                      after, 1, each, arg);
}

enum gw_err query_told_last(struct query *q, int64_t after,
                            bool (*each)(void *arg, const struct outbox_row *row), void *arg)
{
    return each_event(q,
                      EVENTS_AFTER
                      " AND e.published_at IS NOT NULL AND a.cleared_at IS NULL"
                      " AND e.state <> 'limited' AND NOT EXISTS (SELECT 1 FROM alert_event n"
                      " WHERE n.alert_id = e.alert_id AND n.seq > e.seq AND n.withheld IS NULL"
                      " AND n.state <> 'limited')" IN_ORDER,
                      after, 1, each, arg);
}

enum gw_err query_events(struct query *q, int64_t after, size_t limit,
                         bool (*each)(void *arg, const struct outbox_row *row), void *arg)
{
    return each_event(q, EVENTS_AFTER IN_ORDER, after, limit, each, arg);
}

enum gw_err query_last_event(struct query *q, int64_t *seq)
{
    enum gw_err err = query_refresh(q);

    *seq = 0;
    return err == GW_OK ? db_int64(q->db, "SELECT max(seq) FROM alert_event", seq) : err;
}

enum gw_err query_outbox_depth(struct query *q, uint64_t *rows)
{
    int64_t count = 0;
    enum gw_err err = query_refresh(q);

    if (err == GW_OK)
        err = db_int64(q->db, "SELECT count(*) FROM alert_event WHERE " SCHEMA_OUTBOX, &count);
    if (err == GW_OK)
        *rows = (uint64_t)count;
    return err;
}

static void undelivered_from_row(const struct query *q, sqlite3_stmt *st,
                                 struct undelivered_row *row)
{
    *row = (struct undelivered_row){
        .seq = sqlite3_column_int64(st, 0),
        .alert_id = sqlite3_column_int64(st, 1),
        .instance = q->instance,
        .sensor = db_text(st, 2),
        .rule = db_text(st, 3),
        .severity = db_text(st, 4),
        .state = db_text(st, 5),
        .time_us = sqlite3_column_int64(st, 6),
        .failed_us = sqlite3_column_int64(st, 7),
        .reason_code = sqlite3_column_int(st, 8),
    };
}

enum gw_err query_undelivered(struct query *q, size_t limit,
                              bool (*each)(void *arg, const struct undelivered_row *row), void *arg)
{
    sqlite3_stmt *st = NULL;
    struct undelivered_row event;
    bool row = true, go_on = true;
    enum gw_err err = query_refresh(q);

    if (err == GW_OK)
        err = db_bind(q->db, &st,
                      "SELECT e.seq, e.alert_id, s.name, a.rule, e.severity, e.state, e.time,"
                      " e.failed_at, e.reason_code FROM alert_event e"
                      " JOIN alert a ON a.id = e.alert_id JOIN sensor s ON s.id = a.sensor_id"
                      " WHERE e.published_at IS NULL AND e.withheld IS NULL"
                      " ORDER BY e.seq DESC LIMIT ?",
                      "i", limit ? (int64_t)limit : INT64_C(-1));
    while (err == GW_OK && go_on && (err = db_step(st, &row)) == GW_OK && row) {
        undelivered_from_row(q, st, &event);
        go_on = each(arg, &event);
    }
    sqlite3_finalize(st);
    return err;
}
