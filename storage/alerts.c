/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts and their transitions; the transitions that the broker has not acknowledged are the
 * outbox. */
#include "storage/internal.h"
#include "storage/schema.h"

#include "gateway/core/log.h"
#include "gateway/core/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RESERVE 1000 /* ids; after a crash numbering goes on behind them */

enum gw_err alerts_load(struct store *s)
{
    int64_t next = s->alert_id.next, largest = 0;
    enum gw_err err;

    s->outbox_depth = 0;
    /* Numbers that this run has given out go on, even in a new file. */
    if ((next == 0 &&
         (err = db_int64(s->db, "SELECT value FROM meta WHERE key = 'next_alert_id'", &next))) ||
        (err = db_int64(s->db, "SELECT max(id) FROM alert", &largest)) ||
        (err = db_int64(s->db, "SELECT count(*) FROM alert_event WHERE " SCHEMA_OUTBOX,
                        &s->outbox_depth)))
        return err;
    metric_set(METRIC_OUTBOX_DEPTH, s->outbox_depth);
    s->alert_id.next = next > largest ? next : largest + 1;
    s->alert_id.reserved = 0;
    return GW_OK;
}

enum gw_err alerts_reserve(struct store *s)
{
    if (s->alert_id.next + RESERVE / 2 <= s->alert_id.reserved)
        return GW_OK;
    enum gw_err err = store_set_meta(s, "next_alert_id", s->alert_id.next + RESERVE);
    if (err == GW_OK)
        s->alert_id.reserved = s->alert_id.next + RESERVE;
    return err;
}

/* The row of the sensor: by the table, or for a sensor that this configuration does not have any
 * more, as the alert's first transition said. 0: nobody knows. */
static enum gw_err sensor_of(struct store *s, const struct alert_change *c, int64_t *id)
{
    struct slot *slot;
    bool row = false;
    enum gw_err err;

    *id = 0;
    if (c->sensor != SENSOR_NONE) {
        if ((err = sensors_slot(s, c->sensor, &slot)) == GW_OK)
            *id = slot->id;
        return err;
    }
    if ((err = db_bind(s->db, &s->sql->alert_sensor, "SELECT sensor_id FROM alert WHERE id = ?",
                       "i", c->alert_id)) != GW_OK ||
        (err = db_step(s->sql->alert_sensor, &row)) != GW_OK || !row)
        return err;
    *id = sqlite3_column_int64(s->sql->alert_sensor, 0);
    return db_finish(s->sql->alert_sensor);
}

static const char *or_null(const char *text)
{
    return text[0] ? text : NULL;
}

/* Acknowledging lasts until the alert is over or gets worse. */
static enum gw_err save_alert(struct store *s, const struct alert_change *c, int64_t sensor_id)
{
    return db_run(
        s->db, &s->sql->alert,
        "INSERT INTO alert (id, sensor_id, rule, severity, state, value, limit_value,"
        " raised_at, changed_at, cleared_at, reason, acknowledged_at, acknowledged_by)"
        " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, CASE ?5 WHEN 'cleared' THEN ?9 END, ?10,"
        " CASE ?5 WHEN 'acknowledged' THEN ?9 END, CASE ?5 WHEN 'acknowledged' THEN ?11 END)"
        " ON CONFLICT (id) DO UPDATE SET severity = ?4, state = ?5, value = ?6,"
        " limit_value = ?7, changed_at = ?9, cleared_at = CASE ?5 WHEN 'cleared' THEN ?9 END,"
        " reason = ?10,"
        " acknowledged_at = CASE ?5 WHEN 'acknowledged' THEN coalesce(acknowledged_at, ?9)"
        " WHEN 'escalated' THEN NULL ELSE acknowledged_at END,"
        " acknowledged_by = CASE ?5 WHEN 'acknowledged' THEN ?11"
        " WHEN 'escalated' THEN NULL ELSE acknowledged_by END",
        "iisssffiiss", c->alert_id, sensor_id, c->rule, severity_name(c->severity),
        alert_state_name(c->state), c->value, c->limit, c->since_us, c->time_us,
        alert_reason_name(c->reason), or_null(c->who));
}

/* After a COMMIT that failed and was stored nevertheless (see resolve_doubt). */
static enum gw_err find_event(struct store *s, const struct alert_change *c, bool *exists)
{
    enum gw_err err = db_bind(s->db, &s->sql->event_find,
                              "SELECT 1 FROM alert_event WHERE alert_id = ? AND time = ?"
                              " AND state = ?",
                              "iis", c->alert_id, c->time_us, alert_state_name(c->state));

    return err == GW_OK && (err = db_step(s->sql->event_find, exists)) == GW_OK && *exists
               ? db_finish(s->sql->event_find)
               : err;
}

static enum gw_err save_event(struct store *s, const struct alert_change *c)
{
    bool exists = false;
    int64_t uptime = 0, run = undated_uptime(s, c->time_us, &uptime) ? s->run_id : 0;
    enum gw_err err = s->is_repeating ? find_event(s, c, &exists) : GW_OK;

    if (err != GW_OK || exists)
        return err;
    err = db_run(
        s->db, &s->sql->event,
        "INSERT INTO alert_event (alert_id, time, state, severity, value, limit_value, reason,"
        " who, comment, until, repeat, withheld, run_id, uptime)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, 0), ?, ?, nullif(?, 0), nullif(?, 0))",
        "iissffsssiisii", c->alert_id, c->time_us, alert_state_name(c->state),
        severity_name(c->severity), c->value, c->limit, alert_reason_name(c->reason),
        or_null(c->who), or_null(c->comment), c->until_us, (int64_t)c->repeat,
        alert_withheld_name(c->withheld), run, uptime);
    if (err == GW_OK && !c->withheld)
        s->outbox_depth++;
    return err;
}

static enum gw_err save_shelf(struct store *s, const struct alert_change *c, int64_t sensor_id)
{
    int64_t uptime = 0, run = undated_uptime(s, c->time_us, &uptime) ? s->run_id : 0;

    if (c->shelf == SHELF_PUT)
        return db_run(s->db, &s->sql->shelf_put,
                      "INSERT OR REPLACE INTO alert_shelf"
                      " (sensor_id, rule, until, shelved_at, who, comment, run_id, uptime)"
                      " VALUES (?, ?, ?, ?, ?, ?, nullif(?, 0), nullif(?, 0))",
                      "isiissii", sensor_id, c->rule, c->until_us, c->time_us, or_null(c->who),
                      or_null(c->comment), run, uptime);
    return db_run(s->db, &s->sql->shelf_drop,
                  "DELETE FROM alert_shelf WHERE sensor_id = ? AND rule = ?", "is", sensor_id,
                  c->rule);
}

/* A reminder and a summary of the rule are no news of the alert itself. */
static enum gw_err save_excursion(struct store *s, const struct alert_change *c, int64_t sensor_id)
{
    enum gw_err err = GW_OK;

    if (s->alert_id.next <= c->alert_id)
        s->alert_id.next = c->alert_id + 1;
    if ((err = alerts_reserve(s)) != GW_OK)
        return err;
    if (c->repeat == 0 && c->state != ALERT_LIMITED)
        err = save_alert(s, c, sensor_id);
    return err == GW_OK ? save_event(s, c) : err;
}

/* What happened around the moment when the clock was set has its right time. */
static struct alert_change date(const struct store *s, const struct alert_change *c)
{
    struct alert_change dated = *c;

    dated.time_us = undated_time(s, c->time_us);
    dated.since_us = undated_time(s, c->since_us);
    if (c->until_us)
        dated.until_us += dated.time_us - c->time_us;
    return dated;
}

enum gw_err alerts_add(struct store *s, const struct alert_change *list)
{
    enum gw_err err = GW_OK;

    for (const struct alert_change *next = list; err == GW_OK && next; next = next->next) {
        const struct alert_change dated = date(s, next), *c = &dated;
        int64_t sensor_id;
        if ((err = sensor_of(s, c, &sensor_id)) != GW_OK)
            break;
        if (!sensor_id) {
            log_warning("database: alert %lld of rule %s is of no known sensor: left out",
                        (long long)c->alert_id, c->rule);
            continue;
        }
        if (c->shelf != SHELF_KEEP)
            err = save_shelf(s, c, sensor_id);
        if (err == GW_OK && c->alert_id != 0)
            err = save_excursion(s, c, sensor_id);
    }
    return err;
}

enum gw_err alerts_apply_results(struct store *s)
{
    int64_t now = clock_wall_us();
    enum gw_err err = GW_OK;

    for (size_t i = 0; err == GW_OK && i < s->result_count; i++) {
        const struct outbox_result *r = &s->results[i];
        if (r->amends) {
            err = db_run(s->db, &s->sql->event_amend,
                         "UPDATE alert_event SET published_at = ?, failed_at = NULL,"
                         " reason_code = ? WHERE seq = ? AND failed_at IS NOT NULL",
                         "iii", now, (int64_t)r->reason_code, r->seq);
            continue;
        }
        err = db_run(s->db, &s->sql->event_done,
                     "UPDATE alert_event SET published_at = CASE ?2 WHEN 1 THEN ?3 END,"
                     " failed_at = CASE ?2 WHEN 0 THEN ?3 END, reason_code = ?4"
                     " WHERE seq = ?1 AND published_at IS NULL AND failed_at IS NULL",
                     "iiii", r->seq, (int64_t)r->delivered, now, (int64_t)r->reason_code);
        if (err == GW_OK)
            s->outbox_depth -= sqlite3_changes(s->db);
    }
    return err;
}

enum gw_err store_outbox_done(struct store *s, const struct outbox_result *results, size_t n)
{
    if (n == 0)
        return GW_OK;
    if (s->result_count + n > s->result_capacity) {
        size_t capacity = (s->result_count + n) * 2;
        struct outbox_result *grown = realloc(s->results, capacity * sizeof(*grown));
        if (!grown)
            return GW_ENOMEM;
        s->results = grown;
        s->result_capacity = capacity;
    }
    memcpy(s->results + s->result_count, results, n * sizeof(*results));
    s->result_count += n;
    return GW_OK;
}

int64_t store_next_alert_id(struct store *s)
{
    return s->alert_id.next;
}

static enum severity severity_from(const char *name)
{
    if (strcmp(name, severity_name(SEVERITY_CRITICAL)) == 0)
        return SEVERITY_CRITICAL;
    return strcmp(name, severity_name(SEVERITY_WARNING)) == 0 ? SEVERITY_WARNING : SEVERITY_NONE;
}

static enum alert_state state_from(sqlite3_stmt *st, int acknowledged, int escalated)
{
    if (sqlite3_column_type(st, acknowledged) != SQLITE_NULL)
        return ALERT_ACKNOWLEDGED;
    return sqlite3_column_int(st, escalated) ? ALERT_ESCALATED : ALERT_RAISED;
}

static void change_from_row(sqlite3_stmt *st, struct alert_change *c)
{
    *c = (struct alert_change){
        .alert_id = sqlite3_column_int64(st, 0),
        .severity = (uint8_t)severity_from(db_text(st, 2)),
        .state = (uint8_t)state_from(st, 8, 7),
        .value = db_double(st, 3),
        .limit = db_double(st, 4),
        .since_us = sqlite3_column_int64(st, 5),
        .time_us = sqlite3_column_int64(st, 10),
        .reason = (uint8_t)alert_reason_from(db_text(st, 6)),
        .repeat = (uint32_t)sqlite3_column_int64(st, 11),
    };
    snprintf(c->rule, sizeof(c->rule), "%s", db_text(st, 1));
    snprintf(c->who, sizeof(c->who), "%s", db_text(st, 9));
}

/* Gives each row to `each`, made by from_row; the sensor's name is in column `name`. */
static enum gw_err each_change(struct store *s, const char *sql, int name,
                               void (*from_row)(sqlite3_stmt *, struct alert_change *),
                               store_change_fn *each, void *arg)
{
    sqlite3_stmt *st = NULL;
    struct alert_change change;
    bool row = true;
    enum gw_err err = db_prepare(s->db, &st, sql);

    while (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row) {
        from_row(st, &change);
        change.sensor = sensor_table_find(s->options.sensors, db_text(st, name));
        each(arg, &change, db_text(st, name));
    }
    sqlite3_finalize(st);
    return err;
}

enum gw_err store_active_alerts(struct store *s, store_change_fn *each, void *arg)
{
    return each_change(s,
                       "SELECT a.id, a.rule, a.severity, a.value, a.limit_value, a.raised_at,"
                       " a.reason, EXISTS (SELECT 1 FROM alert_event e WHERE e.alert_id = a.id"
                       " AND e.state = 'escalated'), a.acknowledged_at, a.acknowledged_by,"
                       " (SELECT max(time) FROM alert_event e WHERE e.alert_id = a.id"
                       " AND e.withheld IS NULL AND e.state <> 'limited'),"
                       " (SELECT max(repeat) FROM alert_event e WHERE e.alert_id = a.id), s.name"
                       " FROM alert a JOIN sensor s ON s.id = a.sensor_id"
                       " WHERE a.cleared_at IS NULL ORDER BY a.id",
                       12, change_from_row, each, arg);
}

static void shelf_from_row(sqlite3_stmt *st, struct alert_change *c)
{
    *c = (struct alert_change){
        .shelf = SHELF_PUT,
        .state = ALERT_SHELVED,
        .until_us = sqlite3_column_int64(st, 1),
        .time_us = sqlite3_column_int64(st, 2),
        .value = (double)NAN,
        .limit = (double)NAN,
    };
    snprintf(c->rule, sizeof(c->rule), "%s", db_text(st, 0));
    snprintf(c->who, sizeof(c->who), "%s", db_text(st, 3));
}

enum gw_err store_drop_shelf(struct store *s, const char *sensor_name, const char *rule)
{
    sqlite3_stmt *st = NULL;
    enum gw_err err = store_begin(s);

    if (err != GW_OK)
        return err;
    err = db_run(s->db, &st,
                 "DELETE FROM alert_shelf WHERE rule = ? AND sensor_id ="
                 " (SELECT id FROM sensor WHERE name = ?)",
                 "ss", rule, sensor_name);
    sqlite3_finalize(st);
    return store_end(s, err);
}

enum gw_err store_shelves(struct store *s, store_change_fn *each, void *arg)
{
    return each_change(s,
                       "SELECT h.rule, h.until, h.shelved_at, h.who, s.name FROM alert_shelf h"
                       " JOIN sensor s ON s.id = h.sensor_id",
                       4, shelf_from_row, each, arg);
}
