/* SPDX-License-Identifier: Apache-2.0 */
/* Is the database sound? Reads every page of it, read-only, while the gateway may be writing. */
#ifndef SENSORGW_STORAGE_VERIFY_H
#define SENSORGW_STORAGE_VERIFY_H

#include "gateway/core/err.h"

#include <stdbool.h>
#include <stdint.h>

struct verify_request {
    const char *path;
    bool quick; /* indexes are not compared with their tables */
    /* How much is done (0 … 1), now and then; false: stop. */
    bool (*progress)(void *arg, double done);
    void (*problem)(void *arg, const char *text); /* SQLite's own words, borrowed */
    void *arg;
};
struct verify_result {
    uint64_t problems; /* 0: sound; at most 100 are told */
    uint64_t pages, page_size;
    int schema;
};

/* The check sees the database as it is at one moment, so the gateway's log grows while it lasts.
 * GW_ECLOSED: stopped by the caller. Other errors as query_open(), and are logged. */
enum gw_err verify_database(const struct verify_request *request, struct verify_result *out);

#endif
