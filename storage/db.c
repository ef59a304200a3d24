/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/db.h"

#include "gateway/core/log.h"
#include "storage/shorttime.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stddef.h>

int db_open(const char *path, sqlite3 **out, int flags)
{
    shorttime_mend();
    return sqlite3_open_v2(path, out, flags, NULL);
}

static enum gw_err translate(sqlite3 *db, int code)
{
    int sys = db ? sqlite3_system_errno(db) : 0;

    switch (code & 0xff) {
    case SQLITE_FULL:
        return GW_ENOSPC;
    case SQLITE_IOERR:
        return sys == ENOSPC || sys == EDQUOT ? GW_ENOSPC : GW_EIO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return GW_ECORRUPT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return GW_EBUSY;
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return GW_EACCES;
    case SQLITE_NOMEM:
        return GW_ENOMEM;
    case SQLITE_INTERRUPT:
        return GW_ETIMEDOUT; /* by our own progress handler */
    default:
        return GW_ESYS;
    }
}

enum gw_err db_error(sqlite3 *db, int code, const char *what)
{
    enum gw_err err = translate(db, code);
    int sys = db ? sqlite3_system_errno(db) : 0;

    if (err != GW_ETIMEDOUT)
        log_error(
            "database: %s: %s (SQLite %d%s%s)", what, db ? sqlite3_errmsg(db) : "out of memory",
            db ? sqlite3_extended_errcode(db) : code, sys ? ", " : "", sys ? log_errno(sys) : "");
    return err;
}

enum gw_err db_exec(sqlite3 *db, const char *sql)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? GW_OK : db_error(db, rc, sql);
}

enum gw_err db_prepare(sqlite3 *db, sqlite3_stmt **st, const char *sql)
{
    if (*st) {
        sqlite3_reset(*st);
        return GW_OK;
    }
    int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, st, NULL);
    return rc == SQLITE_OK ? GW_OK : db_error(db, rc, sql);
}

int db_bind_number(sqlite3_stmt *st, int index, double value)
{
    return isfinite(value) ? sqlite3_bind_double(st, index, value) : sqlite3_bind_null(st, index);
}

static int bind_one(sqlite3_stmt *st, int index, char type, va_list *args)
{
    switch (type) {
    case 'i':
        return sqlite3_bind_int64(st, index, va_arg(*args, int64_t));
    case 'f':
        return db_bind_number(st, index, va_arg(*args, double));
    case 's':
        return sqlite3_bind_text(st, index, va_arg(*args, const char *), -1, SQLITE_STATIC);
    default:
        return SQLITE_MISUSE; /* a letter that db_bind does not know */
    }
}

static enum gw_err bind_list(sqlite3 *db, sqlite3_stmt **st, const char *sql, const char *types,
                             va_list *args)
{
    enum gw_err err = db_prepare(db, st, sql);
    if (err != GW_OK)
        return err;
    for (int i = 0; types[i]; i++) {
        int rc = bind_one(*st, i + 1, types[i], args);
        if (rc != SQLITE_OK)
            return db_error(db, rc, sql);
    }
    return GW_OK;
}

enum gw_err db_bind(sqlite3 *db, sqlite3_stmt **st, const char *sql, const char *types, ...)
{
    va_list args;

    va_start(args, types);
    enum gw_err err = bind_list(db, st, sql, types, &args);
    va_end(args);
    return err;
}

enum gw_err db_step(sqlite3_stmt *st, bool *row)
{
    int rc = sqlite3_step(st);

    *row = rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        return GW_OK;
    enum gw_err err =
        rc == SQLITE_DONE ? GW_OK : db_error(sqlite3_db_handle(st), rc, sqlite3_sql(st));
    sqlite3_reset(st);
    return err;
}

enum gw_err db_finish(sqlite3_stmt *st)
{
    bool row = true;
    enum gw_err err = GW_OK;

    while (err == GW_OK && row)
        err = db_step(st, &row);
    return err;
}

enum gw_err db_run(sqlite3 *db, sqlite3_stmt **st, const char *sql, const char *types, ...)
{
    va_list args;

    va_start(args, types);
    enum gw_err err = bind_list(db, st, sql, types, &args);
    va_end(args);
    return err == GW_OK ? db_finish(*st) : err;
}

enum gw_err db_int64(sqlite3 *db, const char *sql, int64_t *out)
{
    sqlite3_stmt *st = NULL;
    bool row = false;
    enum gw_err err = db_prepare(db, &st, sql);

    if (err == GW_OK)
        err = db_step(st, &row);
    if (row && sqlite3_column_type(st, 0) != SQLITE_NULL)
        *out = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return err;
}

const char *db_text(sqlite3_stmt *st, int column)
{
    const unsigned char *text = sqlite3_column_text(st, column);

    return text ? (const char *)text : "";
}

double db_double(sqlite3_stmt *st, int column)
{
    return sqlite3_column_type(st, column) == SQLITE_NULL ? (double)NAN
                                                          : sqlite3_column_double(st, column);
}

void db_close(sqlite3 *db)
{
    sqlite3_stmt *st;

    if (!db)
        return;
    while ((st = sqlite3_next_stmt(db, NULL)) != NULL)
        sqlite3_finalize(st);
    sqlite3_close(db);
}
