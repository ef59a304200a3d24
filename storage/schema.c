/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/schema.h"

#include "gateway/core/log.h"
#include "gateway/core/reading.h"
#include "storage/db.h"
#include "storage/file.h"

#include <stdio.h>

/* UTC µs → "2026-01-31T23:59:59.123Z". */
#define ISO(us)                                                                                    \
    "strftime('%Y-%m-%dT%H:%M:%S', " us " / 1000000, 'unixepoch')"                                 \
    " || printf('.%03dZ', " us " / 1000 % 1000)"

/* `value` columns have no declared type on purpose: with one, SQLite would turn an integer that a
 * double cannot hold into a double, or a whole double into an integer. */
static const char version_1[] =
    "CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;"
    "CREATE TABLE sensor (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, unit TEXT NOT NULL,"
    " source TEXT NOT NULL, device TEXT NOT NULL, first_seen INTEGER NOT NULL);"
    "CREATE TABLE sensor_latest (sensor_id INTEGER PRIMARY KEY, time INTEGER NOT NULL, value,"
    " quality INTEGER NOT NULL);"
    "CREATE TABLE quality (id INTEGER PRIMARY KEY, name TEXT NOT NULL);"
    "CREATE TABLE reading (time INTEGER NOT NULL, sensor_id INTEGER NOT NULL, value,"
    " quality INTEGER NOT NULL, PRIMARY KEY (time, sensor_id)) WITHOUT ROWID;"
    "CREATE TABLE reading_minute (minute INTEGER NOT NULL, sensor_id INTEGER NOT NULL, min REAL,"
    " max REAL, sum REAL, count INTEGER, PRIMARY KEY (minute, sensor_id)) WITHOUT ROWID;"
    "CREATE TABLE reading_hour (sensor_id INTEGER NOT NULL, hour INTEGER NOT NULL, min REAL,"
    " max REAL, sum REAL, count INTEGER, PRIMARY KEY (sensor_id, hour)) WITHOUT ROWID;"
    "CREATE TABLE rollup_pending (span INTEGER NOT NULL, start INTEGER NOT NULL,"
    " recompute INTEGER NOT NULL, PRIMARY KEY (span, start)) WITHOUT ROWID;"
    "CREATE TABLE run (id INTEGER PRIMARY KEY, version TEXT NOT NULL, started_at INTEGER NOT NULL,"
    " commits INTEGER NOT NULL, last_commit_at INTEGER, ended_at INTEGER);"
    "CREATE TABLE ledger (run_id INTEGER NOT NULL, source TEXT NOT NULL, what TEXT NOT NULL,"
    " readings INTEGER NOT NULL, PRIMARY KEY (run_id, source, what)) WITHOUT ROWID;"
    "CREATE TABLE alert (id INTEGER PRIMARY KEY, sensor_id INTEGER NOT NULL, rule TEXT NOT NULL,"
    " severity TEXT NOT NULL, state TEXT NOT NULL, value REAL, limit_value REAL,"
    " raised_at INTEGER NOT NULL, changed_at INTEGER NOT NULL, cleared_at INTEGER);"
    "CREATE INDEX alert_not_cleared ON alert (id) WHERE cleared_at IS NULL;"
    "CREATE TABLE alert_event (seq INTEGER PRIMARY KEY AUTOINCREMENT, alert_id INTEGER NOT NULL,"
    " time INTEGER NOT NULL, state TEXT NOT NULL, severity TEXT NOT NULL, value REAL,"
    " limit_value REAL, published_at INTEGER, failed_at INTEGER, reason_code INTEGER);"
    "CREATE INDEX alert_event_outbox ON alert_event (seq)"
    " WHERE published_at IS NULL AND failed_at IS NULL;"
    "CREATE INDEX alert_event_alert ON alert_event (alert_id);"
    "CREATE VIEW readings AS SELECT " ISO(
        "r.time") " AS time, s.name AS sensor, r.value AS value,"
                  " s.unit AS unit, q.name AS quality, r.time AS time_us FROM reading r"
                  " JOIN sensor s ON s.id = r.sensor_id LEFT JOIN quality q ON q.id = r.quality;"
                  "CREATE VIEW latest AS SELECT s.name AS sensor, l.value AS value, s.unit AS unit,"
                  " q.name AS quality, " ISO(
                      "l.time") " AS time,"
                                " round((julianday('now') - 2440587.5) * 86400 - l.time / 1e6, 1) "
                                "AS age_s"
                                " FROM sensor s LEFT JOIN sensor_latest l ON l.sensor_id = s.id"
                                " LEFT JOIN quality q ON q.id = l.quality;"
                                "CREATE VIEW active_alerts AS SELECT a.id AS id, s.name AS sensor, "
                                "a.rule AS rule,"
                                " a.severity AS severity, a.state AS state, a.value AS value, "
                                "a.limit_value AS limit_value,"
                                " s.unit AS unit, " ISO("a.raised_at") " AS raised, " ISO(
                                    "a.changed_at") " AS changed"
                                                    " FROM alert a JOIN sensor s ON s.id = "
                                                    "a.sensor_id WHERE a.cleared_at IS NULL;";

/* Sensors that were set, or asked to be; run_id and uptime as in alert_event. */
#define VERSION_2_WRITES                                                                           \
    "CREATE TABLE write_event (seq INTEGER PRIMARY KEY, time INTEGER NOT NULL,"                    \
    " sensor TEXT NOT NULL, value REAL, read_back REAL, origin TEXT NOT NULL, request TEXT,"       \
    " error TEXT, run_id INTEGER, uptime INTEGER);"                                                \
    "CREATE VIEW writes AS SELECT " ISO(                                                           \
        "w.time") " AS time, w.sensor AS sensor,"                                                  \
                  " w.value AS value, w.read_back AS read_back, s.unit AS unit, w.origin AS "      \
                  "origin,"                                                                        \
                  " w.request AS request, w.error AS error, w.time AS time_us FROM write_event w"  \
                  " LEFT JOIN sensor s ON s.name = w.sensor;"

/* Alerts that people acknowledge and shelve, and what a transition tells beside its numbers. run_id
 * and uptime are those of clock_wait while the time is not known, else NULL. */
#define RAISED ISO("a.raised_at")
#define CHANGED ISO("a.changed_at")
#define SHELVED_UNTIL ISO("h.until")
#define VERSION_2_ALERTS                                                                           \
    "ALTER TABLE alert ADD COLUMN reason TEXT;"                                                    \
    "ALTER TABLE alert ADD COLUMN acknowledged_at INTEGER;"                                        \
    "ALTER TABLE alert ADD COLUMN acknowledged_by TEXT;"                                           \
    "ALTER TABLE alert_event ADD COLUMN reason TEXT;"                                              \
    "ALTER TABLE alert_event ADD COLUMN who TEXT;"                                                 \
    "ALTER TABLE alert_event ADD COLUMN comment TEXT;"                                             \
    "ALTER TABLE alert_event ADD COLUMN until INTEGER;"                                            \
    "ALTER TABLE alert_event ADD COLUMN repeat INTEGER NOT NULL DEFAULT 0;"                        \
    "ALTER TABLE alert_event ADD COLUMN withheld TEXT;"                                            \
    "ALTER TABLE alert_event ADD COLUMN run_id INTEGER;"                                           \
    "ALTER TABLE alert_event ADD COLUMN uptime INTEGER;"                                           \
    "DROP INDEX alert_event_outbox;"                                                               \
    "CREATE INDEX alert_event_outbox ON alert_event (seq) WHERE " SCHEMA_OUTBOX ";"                \
    "CREATE INDEX alert_event_dead ON alert_event (seq)"                                           \
    " WHERE failed_at IS NOT NULL AND published_at IS NULL;"                                       \
    "CREATE TABLE alert_shelf (sensor_id INTEGER NOT NULL, rule TEXT NOT NULL,"                    \
    " until INTEGER NOT NULL, shelved_at INTEGER NOT NULL, who TEXT, comment TEXT,"                \
    " run_id INTEGER, uptime INTEGER,"                                                             \
    " PRIMARY KEY (sensor_id, rule)) WITHOUT ROWID;"                                               \
    "DROP VIEW active_alerts;"                                                                     \
    "CREATE VIEW active_alerts AS SELECT a.id AS id, s.name AS sensor, a.rule AS rule,"            \
    " a.severity AS severity, a.state AS state, a.value AS value,"                                 \
    " a.limit_value AS limit_value, s.unit AS unit, " RAISED " AS raised, " CHANGED " AS changed," \
    " a.acknowledged_by AS acknowledged_by, " SHELVED_UNTIL " AS shelved_until"                    \
    " FROM alert a JOIN sensor s ON s.id = a.sensor_id"                                            \
    " LEFT JOIN alert_shelf h ON h.sensor_id = a.sensor_id AND h.rule = a.rule"                    \
    " WHERE a.cleared_at IS NULL;"

/* Bad readings are counted from the minute on that follows what is there; NULL: not counted. */
#define VERSION_2_BAD                                                                              \
    "ALTER TABLE reading_minute ADD COLUMN bad INTEGER;"                                           \
    "ALTER TABLE reading_hour ADD COLUMN bad INTEGER;"                                             \
    "INSERT INTO meta SELECT 'bad_counted_from', (max(time) / 60000000 + 1) * 60000000"            \
    " FROM reading HAVING max(time) IS NOT NULL;"

/* Readings taken before the clock was set wait here: `uptime` is the monotonic clock, and the boot
 * that it counts from stands in the run's row of clock_wait. */
static const char version_2[] =
    "CREATE TABLE clock_wait (run_id INTEGER PRIMARY KEY, boot TEXT NOT NULL,"
    " since INTEGER NOT NULL, uptime INTEGER NOT NULL, readings INTEGER NOT NULL,"
    " ended_at INTEGER, shift INTEGER);"
    "CREATE TABLE reading_undated (seq INTEGER PRIMARY KEY, run_id INTEGER NOT NULL,"
    " uptime INTEGER NOT NULL, sensor_id INTEGER NOT NULL, value, quality INTEGER NOT NULL);"
    "CREATE VIEW undated AS SELECT u.seq AS seq, w.boot AS boot, u.uptime / 1e6 AS uptime_s,"
    " s.name AS sensor, u.value AS value, s.unit AS unit, q.name AS quality"
    " FROM reading_undated u JOIN sensor s ON s.id = u.sensor_id"
    " LEFT JOIN clock_wait w ON w.run_id = u.run_id LEFT JOIN quality q ON q.id = "
    "u.quality;" VERSION_2_ALERTS VERSION_2_WRITES VERSION_2_BAD;

/* migrations[n] brings version n to n + 1. A version that was released is never changed again. */
static const char *const migrations[SCHEMA_VERSION] = {version_1, version_2};

/* The first look at the file. What SQLite cannot read may be one of ours whose first bytes were
 * overwritten, and then its neighbours tell; or it never was a database of ours, which must be left
 * alone. */
static enum gw_err look(sqlite3 *db)
{
    int rc = sqlite3_exec(db, "SELECT count(*) FROM sqlite_schema", NULL, NULL, NULL);
    int kind = rc & 0xff; /* without what extended codes add */
    int64_t mark = SCHEMA_APPLICATION_ID;

    if (rc == SQLITE_OK)
        return GW_OK;
    if ((kind == SQLITE_NOTADB || kind == SQLITE_CORRUPT) &&
        !file_was_ours(sqlite3_db_filename(db, "main"))) {
        if (kind == SQLITE_NOTADB)
            return GW_ENOTDB;
        if (db_int64(db, "PRAGMA application_id", &mark) == GW_OK && mark != SCHEMA_APPLICATION_ID)
            return GW_EFOREIGN;
    }
    return db_error(db, rc, "the first look at the file");
}

/* With the mark in the header gone, the tables tell. */
static enum gw_err whose(sqlite3 *db)
{
    int64_t ours = 0;
    enum gw_err err = db_int64(db,
                               "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name IN"
                               " ('meta', 'sensor', 'sensor_latest', 'reading', 'run', 'ledger')",
                               &ours);

    if (err != GW_OK || ours < 6)
        return err != GW_OK ? err : GW_EFOREIGN;
    log_error("database: its header is damaged");
    return GW_ECORRUPT;
}

enum gw_err schema_check(sqlite3 *db, int *version)
{
    int64_t tables = 0, user_version = 0, application_id = 0;
    enum gw_err err;

    if ((err = look(db)) != GW_OK ||
        (err = db_int64(db, "SELECT count(*) FROM sqlite_schema", &tables)) != GW_OK ||
        (err = db_int64(db, "PRAGMA user_version", &user_version)) != GW_OK ||
        (err = db_int64(db, "PRAGMA application_id", &application_id)) != GW_OK)
        return err;
    *version = (int)user_version;
    if (tables == 0 && user_version == 0)
        return GW_ENOENT;
    if (application_id != SCHEMA_APPLICATION_ID || user_version < 1)
        return whose(db);
    if (user_version > SCHEMA_VERSION) {
        log_error("database: it was written by a newer sensorgw (schema %d, this program knows "
                  "%d): install that version, or choose another storage.path",
                  *version, SCHEMA_VERSION);
        return GW_EINVAL;
    }
    return GW_OK;
}

static enum gw_err migrate_one(sqlite3 *db, int version)
{
    char done[80];
    enum gw_err err;

    snprintf(done, sizeof(done), "PRAGMA application_id = %d; PRAGMA user_version = %d",
             SCHEMA_APPLICATION_ID, version + 1);
    if ((err = db_exec(db, "BEGIN IMMEDIATE")) != GW_OK)
        return err;
    if ((err = db_exec(db, migrations[version])) == GW_OK && (err = db_exec(db, done)) == GW_OK)
        err = db_exec(db, "COMMIT");
    if (err != GW_OK)
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    return err;
}

/* The names behind the numbers, for the views: a newer program may know more. */
static enum gw_err fill_qualities(sqlite3 *db)
{
    sqlite3_stmt *st = NULL;
    enum gw_err err = GW_OK;
    int64_t known = 0;

    if ((err = db_int64(db, "SELECT count(*) FROM quality", &known)) != GW_OK)
        return err;
    for (unsigned q = (unsigned)known; err == GW_OK && q < QUALITY_COUNT; q++)
        err = db_run(db, &st, "INSERT OR REPLACE INTO quality VALUES (?, ?)", "is", (int64_t)q,
                     quality_name(q));
    sqlite3_finalize(st);
    return err;
}

enum gw_err schema_migrate(sqlite3 *db, int version)
{
    for (int v = version; v < SCHEMA_VERSION; v++) {
        enum gw_err err = migrate_one(db, v);
        if (err != GW_OK)
            return err;
        if (version > 0)
            log_info("database: schema brought from version %d to %d", v, v + 1);
    }
    return fill_qualities(db);
}
