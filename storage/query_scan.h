/* SPDX-License-Identifier: Apache-2.0 */
/* One sensor's readings out of one table. Readings and minutes are keyed by time first, so that
 * writing spares the SD card; here is what makes them quick to read for one sensor. */
#ifndef SENSORGW_STORAGE_QUERY_SCAN_H
#define SENSORGW_STORAGE_QUERY_SCAN_H

#include "storage/query_internal.h"

/* A reading, or what a minute or an hour holds. */
struct scan_row {
    enum resolution level;
    int64_t start_us;
    double min, max, sum; /* NAN: a bad reading */
    uint64_t count;       /* good readings; 0 for a bad reading only */
    /* of a reading */
    int64_t integer; /* with is_integer: the exact value */
    bool is_integer;
    unsigned quality;
};

/* A row of `reading`, packed for lists. */
struct scan_reading {
    int64_t time_us;
    union {
        double value; /* NAN: bad */
        int64_t integer;
    };
    bool is_integer;
    uint8_t quality;
};
/* What every statement about readings selects of them, from its first column on. */
#define SCAN_READING "time, value, quality"

/* When a sensor's next reading is to be expected; only makes the search faster, never different. */
struct rhythm {
    int64_t last_us;              /* its last reading; 0: not known */
    int64_t period_us, window_us; /* 0: not known yet */
};

struct scan {
    /* set by the caller */
    struct query *query;
    int64_t sensor_id;
    bool bad_too;                                        /* readings: not the good ones only */
    bool (*each)(void *arg, const struct scan_row *row); /* false: enough */
    void *arg;

    bool stopped;
    int64_t sensors; /* 0: this and the next line are not looked up yet */
    int64_t oldest_us, newest_us, minute_pruned_us, bad_counted_us;
    struct rhythm rhythm;
    sqlite3_stmt *raw, *first, *minute, *minute_count, *pending, *hour, *last;
};

/* Length of a level's rows, µs; 1 for readings. */
int64_t scan_span(enum resolution level);

/* Rows that start in [from, to), in order. */
enum gw_err scan_rows(struct scan *s, enum resolution level, int64_t from, int64_t to);

/* The same for readings that lie in whole minutes, among those of many sensors. */
enum gw_err scan_by_rhythm(struct scan *s, int64_t from, int64_t to);
/* Readings in [from, to), one by one. */
enum gw_err scan_plainly(struct scan *s, int64_t from, int64_t to);
void scan_take_reading(sqlite3_stmt *st, struct scan_reading *out);
void scan_give_reading(struct scan *s, const struct scan_reading *r);
/* How many readings the scan wants of that minute, according to its roll-up; *known false: it has
 * none yet, or no longer, or is of a time in which bad readings were not counted. */
enum gw_err scan_count(struct scan *s, int64_t minute, uint64_t *count, bool *known);

/* The last value of what a row stands for; NAN when its readings are gone. */
enum gw_err scan_last(struct scan *s, enum resolution level, int64_t start_us, double *out);

void scan_fini(struct scan *s);

#endif
