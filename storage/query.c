/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/query.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "storage/file.h"
#include "storage/query_internal.h"
#include "storage/schema.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_TIMEOUT_MS 2000
#define STEPS_A_LOOK 10000 /* of SQLite's machine, between two looks at the clock */

static enum gw_err explain(struct query *q, enum gw_err err)
{
    if (err == GW_EACCES || err == GW_EIO)
        log_error("database %s: to read it while the gateway runs you need access to it, its -wal "
                  "and its -shm file: join the gateway's group",
                  q->path);
    return err;
}

static enum gw_err load_instance(struct query *q)
{
    sqlite3_stmt *st = NULL;
    bool row;
    enum gw_err err = db_prepare(q->db, &st, "SELECT value FROM meta WHERE key = 'instance'");

    if (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row)
        snprintf(q->instance, sizeof(q->instance), "%s", db_text(st, 0));
    sqlite3_finalize(st);
    return err;
}

static int is_over(void *arg)
{
    const struct query *q = arg;

    return q->deadline_us != 0 && clock_mono_us() >= q->deadline_us;
}

static enum gw_err attach(struct query *q)
{
    if (stat(q->path, &q->file) != 0)
        return errno == ENOENT ? GW_ENOENT : GW_EACCES;
    int rc = db_open(q->path, &q->db, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX);
    if (rc != SQLITE_OK)
        return explain(q, db_error(q->db, rc, q->path));
    sqlite3_extended_result_codes(q->db, 1);
    sqlite3_busy_timeout(q->db, BUSY_TIMEOUT_MS);
    sqlite3_progress_handler(q->db, STEPS_A_LOOK, is_over, q);
    enum gw_err err = schema_check(q->db, &q->version);
    if (err == GW_ENOENT) /* an empty file */
        return GW_ECORRUPT;
    if (err != GW_OK)
        return explain(q, err);
    return load_instance(q);
}

enum gw_err query_open(struct query **out, const char *path)
{
    struct query *q = calloc(1, sizeof(*q));

    if (!q)
        return GW_ENOMEM;
    q->path = strdup(path);
    enum gw_err err = q->path ? attach(q) : GW_ENOMEM;
    if (err != GW_OK) {
        query_close(q);
        return err;
    }
    *out = q;
    return GW_OK;
}

void query_close(struct query *q)
{
    if (!q)
        return;
    db_close(q->db);
    free(q->path);
    free(q);
}

void query_limit(struct query *q, int64_t us)
{
    q->deadline_us = us ? clock_mono_us() + us : 0;
}

enum gw_err query_refresh(struct query *q)
{
    if (q->db && file_is_same(q->path, &q->file))
        return GW_OK;
    db_close(q->db);
    q->db = NULL;
    enum gw_err err = attach(q);
    if (err != GW_OK) {
        db_close(q->db);
        q->db = NULL;
    }
    return err;
}

enum gw_err query_needs(const struct query *q, int version)
{
    if (q->version >= version)
        return GW_OK;
    log_error("database %s: it is still of schema %d, and this question needs %d: restart the "
              "gateway, which brings it up to date",
              q->path, q->version, version);
    return GW_EINVAL;
}

enum gw_err query_sensor_id(struct query *q, const char *name, int64_t *id)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    enum gw_err err = db_bind(q->db, &st, "SELECT id FROM sensor WHERE name = ?", "s", name);

    if (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row)
        *id = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return err == GW_OK && !row ? GW_ENOENT : err;
}

static void latest_from_row(sqlite3_stmt *st, struct latest_row *row)
{
    *row = (struct latest_row){
        .sensor = db_text(st, 0),
        .unit = db_text(st, 1),
        .source = db_text(st, 2),
        .device = db_text(st, 3),
        .value = db_double(st, 4),
        .integer = sqlite3_column_int64(st, 4),
        .is_integer = sqlite3_column_type(st, 4) == SQLITE_INTEGER,
        .quality = (unsigned)sqlite3_column_int(st, 5),
        .time_us = sqlite3_column_int64(st, 6),
    };
}

enum gw_err query_latest(struct query *q, const char *glob,
                         bool (*each)(void *arg, const struct latest_row *row), void *arg)
{
    sqlite3_stmt *st = NULL;
    struct latest_row latest;
    bool row = true, go_on = true;
    enum gw_err err = query_refresh(q);

    if (err == GW_OK)
        err = db_prepare(q->db, &st,
                         "SELECT s.name, s.unit, s.source, s.device, l.value, l.quality, l.time"
                         " FROM sensor s LEFT JOIN sensor_latest l ON l.sensor_id = s.id"
                         " ORDER BY s.name");
    while (err == GW_OK && go_on && (err = db_step(st, &row)) == GW_OK && row) {
        latest_from_row(st, &latest);
        if (!glob || strcmp(glob, latest.sensor) == 0 || fnmatch(glob, latest.sensor, 0) == 0)
            go_on = each(arg, &latest);
    }
    sqlite3_finalize(st);
    return err;
}

enum gw_err query_facts(struct query *q, struct store_facts *out)
{
    int64_t readings = 0, sensors = 0, alerts = 0, oldest = 0, newest = 0;
    enum gw_err err;

    if ((err = query_refresh(q)) != GW_OK ||
        (err = db_int64(q->db, "SELECT count(*) FROM reading", &readings)) != GW_OK ||
        (err = db_int64(q->db, "SELECT count(*) FROM sensor", &sensors)) != GW_OK ||
        (err = db_int64(q->db, "SELECT count(*) FROM alert", &alerts)) != GW_OK ||
        (err = db_int64(q->db, "SELECT min(time) FROM reading", &oldest)) != GW_OK ||
        (err = db_int64(q->db, "SELECT max(time) FROM reading", &newest)) != GW_OK)
        return err;
    struct stat st = q->file;
    if (stat(q->path, &st) != 0)
        return GW_EIO;
    *out = (struct store_facts){
        .readings = (uint64_t)readings,
        .sensors = (uint64_t)sensors,
        .alerts = (uint64_t)alerts,
        .bytes = (uint64_t)st.st_size,
        .oldest_us = oldest,
        .newest_us = newest,
    };
    return GW_OK;
}
