/* SPDX-License-Identifier: Apache-2.0 */
/* One sensor's good readings out of one table. Readings and minutes are keyed by time first, so
 * that writing spares the SD card; here is what makes them quick to read for one sensor. */
#ifndef SENSORGW_STORAGE_QUERY_SCAN_H
#define SENSORGW_STORAGE_QUERY_SCAN_H

#include "storage/query_internal.h"

/* A reading, or what a minute or an hour holds. */
struct scan_row {
    enum resolution level;
    int64_t start_us;
    double min, max, sum;
    uint64_t count; /* never 0 */
};

struct scan {
    /* set by the caller */
    struct query *query;
    int64_t sensor_id;
    bool (*each)(void *arg, const struct scan_row *row); /* false: enough */
    void *arg;

    bool stopped;
    sqlite3_stmt *raw, *minute, *minute_before, *hour, *last;
};

/* Length of a level's rows, µs; 1 for readings. */
int64_t scan_span(enum resolution level);

/* Rows that start in [from, to), in order. */
enum gw_err scan_rows(struct scan *s, enum resolution level, int64_t from, int64_t to);

/* The last value of what a row stands for; NAN when its readings are gone. */
enum gw_err scan_last(struct scan *s, enum resolution level, int64_t start_us, double *out);

void scan_fini(struct scan *s);

#endif
