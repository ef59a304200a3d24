/* SPDX-License-Identifier: Apache-2.0 */
/* How slices become one consistent state: the three large tables grow at the end of time. So what
 * lies before a cut in the recent past is copied in slices, and all the rest, which is little, in
 * one last transaction. Only a reading that arrives very late, or a correction of times, changes
 * what lies before the cut. The ledger tells: it counts each stored reading. If the rows after the
 * cut have not grown by what the ledger counted, all is copied again in a single transaction. */
#include "storage/copy.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "storage/copy_tables.h"
#include "storage/query.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MARGIN_US (2 * US_PER_MINUTE) /* readings under way are no older than this, as a rule */
#define BUSY_TIMEOUT_MS 10000

/* The same size of pages and the same vacuum as the gateway's, so that it can go on with the copy.
 * No journal, no sync: a copy that was interrupted is thrown away. */
static const char pragmas[] = "PRAGMA main.page_size = 4096;"
                              "PRAGMA main.auto_vacuum = INCREMENTAL;"
                              "PRAGMA main.journal_mode = OFF;"
                              "PRAGMA main.synchronous = OFF;"
                              "PRAGMA main.locking_mode = EXCLUSIVE;"
                              "PRAGMA main.cache_size = -4096;"
                              "PRAGMA temp_store = MEMORY;";

/* A URI of SQLite: what would end the path is written in hexadecimal. */
static bool source_uri(const char *path, char *out, size_t size)
{
    size_t n = (size_t)snprintf(out, size, "file:");

    for (; *path && n + 4 < size; path++) {
        bool plain = *path != '%' && *path != '?' && *path != '#';
        n += (size_t)snprintf(out + n, size - n, plain ? "%c" : "%%%02X", (unsigned char)*path);
    }
    if (*path || n + sizeof("?mode=ro") > size)
        return false;
    strcpy(out + n, "?mode=ro");
    return true;
}

static enum gw_err open_both(struct copy *c)
{
    char uri[4096];
    sqlite3_stmt *st = NULL;
    int rc =
        db_open(c->request->target, &c->db,
                SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_URI);
    if (rc != SQLITE_OK)
        return db_error(c->db, rc, c->request->target);
    sqlite3_extended_result_codes(c->db, 1);
    sqlite3_busy_timeout(c->db, BUSY_TIMEOUT_MS);
    if (!source_uri(c->request->source, uri, sizeof(uri)))
        return GW_EINVAL;
    enum gw_err err = db_exec(c->db, pragmas);
    if (err == GW_OK)
        err = db_run(c->db, &st, "ATTACH ? AS src", "s", uri);
    sqlite3_finalize(st);
    return err;
}

static enum gw_err number(struct copy *c, const char *sql, int64_t bound, int64_t *out)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    enum gw_err err = db_prepare(c->db, &st, sql);

    if (err == GW_OK && sqlite3_bind_parameter_count(st) > 0)
        sqlite3_bind_int64(st, 1, bound);
    if (err == GW_OK)
        err = db_step(st, &row);
    if (row && sqlite3_column_type(st, 0) != SQLITE_NULL)
        *out = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return err;
}

/* What must agree before and after: readings ever stored, and rows after the cut. */
static enum gw_err count_source(struct copy *c, int64_t *committed, int64_t *tail)
{
    enum gw_err err =
        number(c, "SELECT sum(readings) FROM src.ledger WHERE what = 'committed'", 0, committed);

    if (err == GW_OK)
        err =
            number(c, "SELECT count(*) FROM src.reading WHERE time >= ?", c->cut.reading_us, tail);
    return err;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Where the rest begins: rows before are not expected to change any more. */
static enum gw_err choose_cuts(struct copy *c)
{
    int64_t newest = 0, minute, hour;
    enum gw_err err = number(c, "SELECT max(time) FROM src.reading", 0, &newest);

    if (err != GW_OK)
        return err;
    c->cut.reading_us = newest - MARGIN_US;
    minute = hour = c->cut.reading_us;
    if ((err = number(c, "SELECT min(start) FROM src.rollup_pending WHERE span = 60000000", 0,
                      &minute)) != GW_OK ||
        (err = number(c, "SELECT min(start) FROM src.rollup_pending WHERE span = 3600000000", 0,
                      &hour)) != GW_OK)
        return err;
    c->cut.minute_us = least(minute, c->cut.reading_us);
    c->cut.hour_us = least(hour, c->cut.minute_us);
    return GW_OK;
}

static enum gw_err plan(struct copy *c)
{
    enum gw_err err = copy_schema(c, "table");

    if (err == GW_OK)
        err = choose_cuts(c);
    return err == GW_OK ? count_source(c, &c->committed, &c->tail) : err;
}

/* *same: what was copied before this transaction is what it would copy now. */
static enum gw_err compare(struct copy *c, bool *same)
{
    int64_t committed = 0, tail = 0;
    enum gw_err err = count_source(c, &committed, &tail);

    *same = committed - c->committed == tail - c->tail;
    return err;
}

static enum gw_err copy_rest(struct copy *c, bool *same)
{
    enum gw_err err;

    if ((err = compare(c, same)) != GW_OK || !*same)
        return err;
    if ((err = copy_tails(c)) != GW_OK || (err = copy_small_tables(c)) != GW_OK ||
        (err = copy_schema(c, "index")) != GW_OK || (err = copy_schema(c, "view")) != GW_OK)
        return err;
    return copy_schema(c, "trigger");
}

static enum gw_err in_transaction(struct copy *c, enum gw_err (*work)(struct copy *c))
{
    enum gw_err err = c->hold ? GW_OK : db_exec(c->db, "BEGIN");

    if (err == GW_OK)
        err = work(c);
    if (err == GW_OK && !c->hold)
        err = db_exec(c->db, "COMMIT");
    return err;
}

static enum gw_err copy_all(struct copy *c, bool *same)
{
    enum gw_err err = c->hold ? db_exec(c->db, "BEGIN") : GW_OK;

    if (err == GW_OK)
        err = in_transaction(c, plan);
    if (err == GW_OK)
        err = copy_slices(c);
    if (err == GW_OK && !c->hold)
        err = db_exec(c->db, "BEGIN");
    if (err == GW_OK)
        err = copy_rest(c, same);
    return err == GW_OK ? db_exec(c->db, "COMMIT") : err;
}

static enum gw_err attempt(const struct copy_request *request, bool hold, bool *same,
                           uint64_t *readings)
{
    struct copy c = {.request = request, .hold = hold};
    enum gw_err err = open_both(&c);

    *same = true;
    if (err == GW_OK)
        err = copy_all(&c, same);
    db_close(c.db);
    *readings = c.readings;
    return err;
}

enum gw_err copy_database(const struct copy_request *request, uint64_t *readings)
{
    struct query *q;
    bool same;
    enum gw_err err = query_open(&q, request->source); /* explains what is wrong with it */

    if (err != GW_OK)
        return err;
    query_close(q);
    if ((err = attempt(request, false, &same, readings)) != GW_OK || same)
        return err;
    log_info("database: older readings came in while it was copied: it is copied again at one go");
    if (truncate(request->target, 0) != 0)
        return GW_EIO;
    return attempt(request, true, &same, readings);
}
