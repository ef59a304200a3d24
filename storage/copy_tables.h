/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of a copy: `main` is the copy, `src` the database. Only for copy.c. */
#ifndef SENSORGW_STORAGE_COPY_TABLES_H
#define SENSORGW_STORAGE_COPY_TABLES_H

#include "storage/copy.h"
#include "storage/db.h"

struct copy {
    const struct copy_request *request;
    sqlite3 *db;
    bool hold; /* all in one transaction */
    struct {
        int64_t reading_us, minute_us, hour_us;
    } cut;
    int64_t committed, tail; /* at the beginning: see copy.c */
    uint64_t rows;           /* of all tables, so far */
    uint64_t readings;       /* of these */
};

/* Makes all objects of a type ("table", "index", …); with the tables comes the version. */
enum gw_err copy_schema(struct copy *c, const char *type);

/* The large tables up to the cuts, in a transaction a slice unless `hold`. */
enum gw_err copy_slices(struct copy *c);

/* The large tables from the cuts on. */
enum gw_err copy_tails(struct copy *c);

/* All other tables; after the large ones. */
enum gw_err copy_small_tables(struct copy *c);

#endif
