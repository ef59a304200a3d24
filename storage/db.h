/* SPDX-License-Identifier: Apache-2.0 */
/* A thin layer over sqlite3: errors are translated and logged here, once, with SQLite's own text.
 * A connection belongs to one thread. */
#ifndef SENSORGW_STORAGE_DB_H
#define SENSORGW_STORAGE_DB_H

#include "gateway/core/err.h"

#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>

/* sqlite3_open_v2() with the default VFS; like there *out is to be closed even after an error. */
int db_open(const char *path, sqlite3 **out, int flags);

/* Translates a result code and logs it with `what` was being done. */
enum gw_err db_error(sqlite3 *db, int code, const char *what);

/* Runs statements that give no rows. */
enum gw_err db_exec(sqlite3 *db, const char *sql);

/* Prepares *st when it is NULL, to be kept until the connection is closed; else resets it. */
enum gw_err db_prepare(sqlite3 *db, sqlite3_stmt **st, const char *sql);

/* Prepares (see db_prepare) and binds one argument for each letter of `types`: i int64_t, f double
 * (NULL when not finite), s const char * (borrowed until the next use; NULL is NULL). */
enum gw_err db_bind(sqlite3 *db, sqlite3_stmt **st, const char *sql, const char *types, ...);

/* The next row; *row false: there is none, and the statement is reset. */
enum gw_err db_step(sqlite3_stmt *st, bool *row);

/* Steps through a statement without rows, and resets it. */
enum gw_err db_finish(sqlite3_stmt *st);

/* db_bind and db_finish in one. */
enum gw_err db_run(sqlite3 *db, sqlite3_stmt **st, const char *sql, const char *types, ...);

/* First column of the first row of a statement used once; unchanged when there is no row or the
 * column is NULL. */
enum gw_err db_int64(sqlite3 *db, const char *sql, int64_t *out);

/* A column as text, "" for NULL; valid until the statement moves. */
const char *db_text(sqlite3_stmt *st, int column);
/* A column as a double, NAN for NULL. */
double db_double(sqlite3_stmt *st, int column);

/* Binds a number, or NULL when it is not finite. */
int db_bind_number(sqlite3_stmt *st, int index, double value);

/* Finalizes every statement of the connection and closes it; NULL is ok. */
void db_close(sqlite3 *db);

#endif
