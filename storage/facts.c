/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/facts.h"

#include "gateway/core/clock.h"
#include "storage/query_internal.h"
#include "storage/schema.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_US (2 * US_PER_SECOND) /* for each question */
#define COUNTED_MAX "1000000"           /* rows; counting more would take too long on an SD card */

#define TIME(us) "strftime('%Y-%m-%dT%H:%M:%SZ', " us " / 1000000, 'unixepoch')"

struct listing {
    struct query *q;
    void (*each)(void *arg, const char *name, const char *value);
    void *arg;
};

static const struct {
    const char *name, *sql; /* each row is a fact, its columns beside each other */
} questions[] = {
    {"schema version", "PRAGMA user_version"},
    {"journal mode", "PRAGMA journal_mode"},
    {"page size", "PRAGMA page_size"},
    {"pages", "PRAGMA page_count"},
    {"pages unused", "PRAGMA freelist_count"},
    {"auto-vacuum", "PRAGMA auto_vacuum"},
    {"oldest reading", "SELECT " TIME("min(time)") " FROM reading"},
    {"newest reading", "SELECT " TIME("max(time)") " FROM reading"},
    {"last whole check after an unclean stop",
     "SELECT " TIME("value") " FROM meta WHERE key = 'checked_at'"},
    {"notes", "SELECT key, value FROM meta ORDER BY key"},
    {"alert transitions that wait for the broker",
     "SELECT count(*) FROM alert_event WHERE " SCHEMA_OUTBOX},
    {"alert transitions given up",
     "SELECT count(*), coalesce(" TIME("max(failed_at)") ", '') FROM alert_event"
                                                         " WHERE failed_at IS NOT NULL"},
    {"alerts not cleared", "SELECT count(*) FROM alert WHERE cleared_at IS NULL"},
    {"run (version, start, last commit, end, commits)",
     "SELECT id, version, " TIME("started_at") ", " TIME("last_commit_at") ", coalesce(" TIME(
         "ended_at") ", 'no end'), commits FROM run ORDER BY id DESC LIMIT 20"},
    {"books (run, source, what, readings)",
     "SELECT run_id, source, what, readings FROM ledger WHERE run_id > "
     "(SELECT max(id) - 3 FROM run) ORDER BY run_id DESC, source, what"},
};

static void tell_row(struct listing *l, const char *name, sqlite3_stmt *st)
{
    char text[1024];
    size_t n = 0;

    text[0] = '\0';
    for (int i = 0; i < sqlite3_column_count(st) && n < sizeof(text); i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "", db_text(st, i));
    l->each(l->arg, name, text);
}

/* SQLite's errors are facts here and not logged. */
static void ask(struct listing *l, const char *name, const char *sql)
{
    sqlite3_stmt *st = NULL;
    int rc, rows = 0;

    query_limit(l->q, PATIENCE_US);
    rc = sqlite3_prepare_v2(l->q->db, sql, -1, &st, NULL);
    while (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        tell_row(l, name, st);
        rows++;
        rc = SQLITE_OK;
    }
    if (rc == SQLITE_INTERRUPT)
        l->each(l->arg, name, "(takes too long to find out)");
    else if (rc != SQLITE_OK && rc != SQLITE_DONE)
        l->each(l->arg, name, sqlite3_errmsg(l->q->db));
    else if (rows == 0)
        l->each(l->arg, name, "none");
    sqlite3_finalize(st);
}

static void count_rows(struct listing *l, const char *table)
{
    char name[64];
    char *sql = sqlite3_mprintf("SELECT iif(n < " COUNTED_MAX ", n, n || ' or more') FROM (SELECT "
                                "count(*) AS n FROM (SELECT 1 FROM \"%w\" LIMIT " COUNTED_MAX "))",
                                table);

    snprintf(name, sizeof(name), "rows of %.50s", table);
    if (sql)
        ask(l, name, sql);
    sqlite3_free(sql);
}

static void count_tables(struct listing *l)
{
    char tables[64][64];
    size_t n = 0;
    sqlite3_stmt *st = NULL;

    if (sqlite3_prepare_v2(l->q->db,
                           "SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name", -1,
                           &st, NULL) == SQLITE_OK) {
        while (n < 64 && sqlite3_step(st) == SQLITE_ROW)
            snprintf(tables[n++], sizeof(tables[0]), "%s", db_text(st, 0));
    }
    sqlite3_finalize(st);
    for (size_t i = 0; i < n; i++)
        count_rows(l, tables[i]);
}

static void file_sizes(struct listing *l, const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    static const char *const names[] = {"size of the file", "size of its log (-wal)",
                                        "size of the log's index (-shm)"};
    char file[4096], value[32];
    struct stat st;

    for (size_t i = 0; i < 3; i++) {
        snprintf(file, sizeof(file), "%s%s", path, ends[i]);
        if (stat(file, &st) != 0)
            continue;
        snprintf(value, sizeof(value), "%" PRId64, (int64_t)st.st_size);
        l->each(l->arg, names[i], value);
    }
}

static void library(struct listing *l)
{
    const char *option;

    l->each(l->arg, "SQLite", sqlite3_libversion());
    l->each(l->arg, "SQLite's source", sqlite3_sourceid());
    for (int i = 0; (option = sqlite3_compileoption_get(i)) != NULL; i++)
        l->each(l->arg, "SQLite's option", option);
}

enum gw_err facts_list(const char *path,
                       void (*each)(void *arg, const char *name, const char *value), void *arg)
{
    struct listing l = {.each = each, .arg = arg};
    enum gw_err err = query_open(&l.q, path);

    file_sizes(&l, path);
    for (size_t i = 0; err == GW_OK && i < sizeof(questions) / sizeof(questions[0]); i++)
        ask(&l, questions[i].name, questions[i].sql);
    if (err == GW_OK)
        count_tables(&l);
    library(&l);
    query_close(l.q);
    return err;
}
