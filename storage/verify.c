/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/verify.h"

#include "storage/query_internal.h"
#include "storage/schema.h"

#include <string.h>

#define OPS_A_LOOK 5000 /* steps of SQLite's machine between two calls of progress */

struct check {
    const struct verify_request *request;
    sqlite3 *db;
    int64_t pages;
    bool stopped;
};

/* Each page is read once or little more, so what has been read tells how far it is. */
static double part_done(const struct check *c)
{
    int read = 0, highest;

    sqlite3_db_status(c->db, SQLITE_DBSTATUS_CACHE_MISS, &read, &highest, 0);
    double part = c->pages > 0 ? (double)read / (double)c->pages : 0;
    return part < 0.99 ? part : 0.99;
}

static int look(void *arg)
{
    struct check *c = arg;

    c->stopped = !c->request->progress(c->request->arg, part_done(c));
    return c->stopped;
}

static enum gw_err each_problem(struct check *c, sqlite3_stmt *st, uint64_t *problems)
{
    int rc;

    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *text = db_text(st, 0);
        if (strcmp(text, "ok") == 0)
            continue;
        ++*problems;
        c->request->problem(c->request->arg, text);
    }
    if (rc == SQLITE_DONE)
        return GW_OK;
    if (rc == SQLITE_INTERRUPT && c->stopped)
        return GW_ECLOSED;
    enum gw_err err = db_error(c->db, rc, "integrity check");
    if (err != GW_ECORRUPT)
        return err;
    ++*problems; /* so damaged that the check itself could not go on */
    c->request->problem(c->request->arg, sqlite3_errmsg(c->db));
    return GW_OK;
}

static enum gw_err check_pages(struct check *c, uint64_t *problems)
{
    sqlite3_stmt *st = NULL;
    enum gw_err err =
        db_prepare(c->db, &st, c->request->quick ? "PRAGMA quick_check" : "PRAGMA integrity_check");

    if (err == GW_OK) {
        if (c->request->progress)
            sqlite3_progress_handler(c->db, OPS_A_LOOK, look, c);
        err = each_problem(c, st, problems);
        sqlite3_progress_handler(c->db, 0, NULL, NULL);
    }
    sqlite3_finalize(st);
    return err;
}

enum gw_err verify_database(const struct verify_request *request, struct verify_result *out)
{
    struct check c = {.request = request};
    struct verify_result result = {0};
    int64_t page_size = 0;
    struct query *q;
    enum gw_err err = query_open(&q, request->path);

    if (err != GW_OK)
        return err;
    c.db = q->db;
    if ((err = schema_check(q->db, &result.schema)) == GW_OK &&
        (err = db_int64(q->db, "PRAGMA page_count", &c.pages)) == GW_OK &&
        (err = db_int64(q->db, "PRAGMA page_size", &page_size)) == GW_OK)
        err = check_pages(&c, &result.problems);
    query_close(q);
    if (err != GW_OK)
        return err;
    result.pages = (uint64_t)c.pages;
    result.page_size = (uint64_t)page_size;
    *out = result;
    return GW_OK;
}
