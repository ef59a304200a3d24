/* SPDX-License-Identifier: Apache-2.0 */
/* The store's connection to its file: opening, setting aside what is damaged, and transactions. */
#include "storage/connection.h"

#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "storage/file.h"
#include "storage/schema.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_TIMEOUT_MS 100          /* another process's transaction; the caller tries again */
#define OPEN_TIMEOUT_MS 10000        /* the same at start: a reader may be recovering the log */
#define CHECK_US (2 * US_PER_SECOND) /* at most, for the check after an unclean stop */

/* One fsync per commit. The log is kept at stop, so that a user who may only read can still open
 * the file; incremental vacuum must be chosen before the first table. */
static const char pragmas[] = "PRAGMA page_size = 4096;"
                              "PRAGMA auto_vacuum = INCREMENTAL;"
                              "PRAGMA journal_mode = WAL;"
                              "PRAGMA synchronous = FULL;"
                              "PRAGMA journal_size_limit = 4194304;"
                              "PRAGMA secure_delete = OFF;"
                              "PRAGMA temp_store = MEMORY;"
                              "PRAGMA mmap_size = 0;";

static enum gw_err configure(struct store *s)
{
    int keep = 1;

    enum gw_err err = db_exec(s->db, pragmas);
    if (err == GW_OK)
        sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    return err;
}

static int check_is_over(void *arg)
{
    const int64_t *deadline_us = arg;

    return clock_mono_us() >= *deadline_us;
}

/* For who asks when it was whole for the last time; a disk that is full is no reason not to start.
 */
static void note_check(struct store *s)
{
    sqlite3_stmt *st = NULL;

    db_run(s->db, &st, "INSERT OR REPLACE INTO meta VALUES ('checked_at', ?)", "i",
           clock_wall_us());
    sqlite3_finalize(st);
}

/* Damage that a crash or the disk has done shows here rather than days later. Big files are only
 * checked as far as the time allows. */
static enum gw_err check_pages(struct store *s)
{
    int64_t clean = 1, deadline_us = clock_mono_us() + CHECK_US;
    sqlite3_stmt *st = NULL;
    enum gw_err err =
        db_int64(s->db, "SELECT ended_at IS NOT NULL FROM run ORDER BY id DESC LIMIT 1", &clean);

    if (err != GW_OK || clean || (err = db_prepare(s->db, &st, "PRAGMA quick_check(1)")) != GW_OK)
        return err;
    sqlite3_progress_handler(s->db, 10000, check_is_over, &deadline_us);
    int rc = sqlite3_step(st);
    if (rc == SQLITE_ROW && strcmp(db_text(st, 0), "ok") != 0) {
        log_error("database: quick_check after an unclean stop: %s", db_text(st, 0));
        err = GW_ECORRUPT;
    } else if (rc == SQLITE_INTERRUPT) {
        log_info("database: after an unclean stop not all of its pages could be checked within "
                 "%d s; sensorgw verify checks them while the gateway runs",
                 (int)(CHECK_US / US_PER_SECOND));
    } else if (rc != SQLITE_ROW) {
        err = db_error(s->db, rc, "quick_check");
    }
    sqlite3_progress_handler(s->db, 0, NULL, NULL);
    sqlite3_finalize(st);
    if (rc == SQLITE_ROW && err == GW_OK)
        note_check(s);
    return err;
}

static enum gw_err load_instance(struct store *s)
{
    sqlite3_stmt *st = NULL;
    bool row;
    uint32_t drawn;
    enum gw_err err = db_prepare(s->db, &st, "SELECT value FROM meta WHERE key = 'instance'");

    if (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row && !s->instance[0])
        snprintf(s->instance, sizeof(s->instance), "%s", db_text(st, 0));
    sqlite3_finalize(st);
    if (err != GW_OK || row)
        return err;
    if (!s->instance[0]) {
        sqlite3_randomness(sizeof(drawn), &drawn);
        snprintf(s->instance, sizeof(s->instance), "%08x", (unsigned)drawn);
    }
    st = NULL;
    err = db_run(s->db, &st, "INSERT INTO meta (key, value) VALUES ('instance', ?)", "s",
                 s->instance);
    sqlite3_finalize(st);
    return err;
}

static enum gw_err load_memory(struct store *s)
{
    enum gw_err err;

    readings_forget(s);
    memset(s->saved, 0, s->source_count * sizeof(*s->saved));
    if ((err = sensors_load(s)) != GW_OK || (err = alerts_load(s)) != GW_OK ||
        (err = retention_load(s)) != GW_OK || (err = rollup_load(s)) != GW_OK)
        return err;
    s->is_stale = false;
    return GW_OK;
}

/* It never was a database of ours, and stays as it is. While running the name is the gateway's own:
 * what came there meanwhile is set aside like a damaged file, and storing goes on. */
static enum gw_err refuse(struct store *s, enum gw_err err)
{
    if (s->run_id != 0)
        return GW_ECORRUPT;
    /* A log with something in it is its owner's to apply; an empty one is what our look has made.
     */
    if (file_has_log(s->path))
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    log_error("storage.path: %s is no database of sensorgw (%s), and is left alone: choose another "
              "storage.path, or move that file away",
              s->path, gw_strerror(err));
    return err;
}

static enum gw_err attach(struct store *s)
{
    int version = 0;
    int rc =
        db_open(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX);
    if (rc != SQLITE_OK)
        return db_error(s->db, rc, s->path);
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, s->run_id == 0 ? OPEN_TIMEOUT_MS : BUSY_TIMEOUT_MS);

    /* The first look comes before the pragmas, which would write to a file that is not ours. */
    enum gw_err err = schema_check(s->db, &version);
    if (err == GW_ENOTDB || err == GW_EFOREIGN)
        return refuse(s, err);
    if (err != GW_OK && err != GW_ENOENT)
        return err;
    if ((err = configure(s)) != GW_OK || (err = schema_migrate(s->db, version)) != GW_OK ||
        (s->run_id == 0 && (err = check_pages(s)) != GW_OK) || (err = load_instance(s)) != GW_OK ||
        (err = load_memory(s)) != GW_OK)
        return err;
    return stat(s->path, &s->file) == 0 ? GW_OK : GW_EIO;
}

void connection_close(struct store *s)
{
    db_close(s->db);
    s->db = NULL;
    memset(s->sql, 0, sizeof(*s->sql));
}

/* What a new run or a new file needs before the first batch. */
static enum gw_err begin_run(struct store *s)
{
    enum gw_err err = mark_check(s);

    if (err == GW_OK)
        err = db_exec(s->db, "BEGIN IMMEDIATE");
    if (err == GW_OK && (err = rollup_begin(s)) == GW_OK && (err = books_begin_run(s)) == GW_OK &&
        (err = undated_begin_run(s)) == GW_OK && (err = alerts_reserve(s)) == GW_OK)
        err = sensors_register(s);
    return store_end(s, err);
}

enum gw_err connection_open(struct store *s)
{
    enum gw_err err = attach(s);

    if (err == GW_ECORRUPT) {
        connection_close(s);
        if ((err = file_set_aside(s->path, "damaged, or not a sensorgw database")) == GW_OK)
            err = attach(s);
    }
    if (err == GW_OK)
        err = begin_run(s);
    if (err != GW_OK)
        connection_close(s);
    else
        sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
    return err;
}

/* The database is not what it was: damaged, or the file was removed or replaced. */
static enum gw_err replace(struct store *s)
{
    enum gw_err err = GW_OK;

    connection_close(s);
    if (s->is_corrupt)
        err = file_set_aside(s->path, "damaged while in use");
    else
        log_error("database: %s was removed or replaced while in use: what is there now is opened",
                  s->path);
    if (err == GW_OK)
        err = connection_open(s);
    if (err == GW_OK)
        s->is_corrupt = s->is_suspect = false;
    return err;
}

static enum gw_err reopen(struct store *s)
{
    struct stat was = s->file;

    connection_close(s);
    enum gw_err err = attach(s);
    if (err == GW_OK && !file_is_same(s->path, &was))
        err = begin_run(s);
    if (err == GW_OK)
        s->is_suspect = false;
    else
        connection_close(s);
    return err;
}

static void note_error(struct store *s, enum gw_err err)
{
    if (err == GW_EIO || err == GW_EACCES)
        s->is_suspect = true;
    if (err == GW_ECORRUPT)
        s->is_corrupt = true;
}

enum gw_err connection_ensure(struct store *s)
{
    enum gw_err err = GW_OK;

    if (s->is_corrupt || (s->db && !file_is_same(s->path, &s->file)))
        err = replace(s);
    else if (s->is_suspect || !s->db)
        err = reopen(s);
    else if (s->is_stale)
        err = load_memory(s);
    note_error(s, err);
    return err;
}

enum gw_err store_begin(struct store *s)
{
    enum gw_err err = GW_OK;

    if (s->is_stale || s->is_suspect || s->is_corrupt || !s->db)
        err = connection_ensure(s);
    if (err == GW_OK)
        err = db_run(s->db, &s->sql->begin, "BEGIN IMMEDIATE", "");
    if (err == GW_OK && (err = rollup_begin(s)) != GW_OK)
        err = store_end(s, err);
    return err;
}

enum gw_err store_end(struct store *s, enum gw_err err)
{
    s->commit_failed = false;
    if (err == GW_OK) {
        err = db_run(s->db, &s->sql->commit, "COMMIT", "");
        s->commit_failed = err != GW_OK;
    }
    if (err == GW_OK) {
        metric_add(METRIC_COMMITS, 1);
        return GW_OK;
    }
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    s->is_stale = true;
    note_error(s, err);
    metric_add(METRIC_COMMIT_FAILURES, 1);
    return err;
}

enum gw_err store_set_meta(struct store *s, const char *key, int64_t value)
{
    return db_run(s->db, &s->sql->meta, "INSERT OR REPLACE INTO meta (key, value) VALUES (?, ?)",
                  "si", key, value);
}
