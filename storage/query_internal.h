/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the reading side share. Nobody outside this folder includes it. */
#ifndef SENSORGW_STORAGE_QUERY_INTERNAL_H
#define SENSORGW_STORAGE_QUERY_INTERNAL_H

#include "storage/db.h"
#include "storage/query.h"

#include <sys/stat.h>

struct query {
    char *path;
    sqlite3 *db;
    struct stat file;
    char instance[16];
    int version;         /* of the schema: a file that no newer gateway has opened yet is behind */
    int64_t deadline_us; /* monotonic; 0: none */
};

/* To be called first by every question: opens the database again when the gateway has begun a new
 * file at the path. */
enum gw_err query_refresh(struct query *q);

/* GW_EINVAL, and the log says what to do, when the schema is older than that. */
enum gw_err query_needs(const struct query *q, int version);

/* The coarsest table whose rows fit into buckets of that length (1 µs or more). */
enum resolution query_coarsest_exact(int64_t every_us);

/* GW_ENOENT: no sensor of that name. */
enum gw_err query_sensor_id(struct query *q, const char *name, int64_t *id);

#endif
