/* SPDX-License-Identifier: Apache-2.0 */
/* A copy of the database, whole or of a span of time, made while the gateway writes. It is read in
 * slices, each a short transaction of its own, so that the gateway's log can be taken over between
 * them; what makes one consistent state of it is in copy.c. */
#ifndef SENSORGW_STORAGE_COPY_H
#define SENSORGW_STORAGE_COPY_H

#include "gateway/core/err.h"

#include <stdbool.h>
#include <stdint.h>

struct copy_request {
    const char *source;
    const char
        *target; /* a file that is empty or does not exist; when it fails the caller removes it */
    int64_t since_us, until_us; /* since ≤ time < until, UTC µs; both 0: everything */
    /* Called between slices: how much is done (0 … 1), how many rows were copied; false: stop. */
    bool (*progress)(void *arg, double done, uint64_t rows);
    void *arg;
};

/* Copies tables, indexes and views, whoever made them. The whole database: exactly as it is at one
 * moment near the end. A span: its readings; minutes and hours that lie in it as a whole; alerts
 * that touch it, with their transitions; runs that touch it, with their ledgers; all sensors. The
 * copy is one file without a log, not synced to the disk. *readings: how many are in it, those that
 * wait for their time included. GW_ECLOSED: stopped by the caller. Errors are logged. */
enum gw_err copy_database(const struct copy_request *request, uint64_t *readings);

#endif
