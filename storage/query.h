/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to the database: read-only connections, safe while the gateway runs and after it has
 * stopped. Each belongs to one thread. Row pointers are borrowed for the callback. A callback that
 * returns false ends the query. */
#ifndef SENSORGW_STORAGE_QUERY_H
#define SENSORGW_STORAGE_QUERY_H

#include "gateway/core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct query;

/* GW_ENOENT: no such file; GW_ECORRUPT: not a sensorgw database, or one from a newer version. The
 * log says what and how to mend it. */
enum gw_err query_open(struct query **out, const char *path);
void query_close(struct query *q);

struct latest_row {
    const char *sensor, *unit, *source, *device;
    double value;    /* NAN unless good */
    int64_t integer; /* with is_integer: the exact value */
    bool is_integer;
    unsigned quality;
    int64_t time_us; /* 0: never seen */
};
/* The newest reading of each sensor whose name matches the glob (NULL: all), by name. */
enum gw_err query_latest(struct query *q, const char *glob,
                         bool (*each)(void *arg, const struct latest_row *row), void *arg);

struct history_row {
    int64_t time_us;  /* of the reading, or the start of the bucket */
    double value;     /* the reading, or the bucket's average; NAN: none */
    double min, max;  /* buckets only */
    uint64_t count;   /* good readings in the bucket; 1 for a single reading */
    unsigned quality; /* single readings only */
};
/* Readings of one sensor with since ≤ time < until (UTC µs), oldest first: every_us 0 gives each as
 * stored, else buckets of that length on whole multiples of it since the epoch, empty ones left
 * out, from raw readings, minutes or hours, whichever is coarsest and still exact for every_us, or
 * the only one that still reaches back to `since`. GW_ENOENT: no such sensor. */
enum gw_err query_history(struct query *q, const char *sensor, int64_t since_us, int64_t until_us,
                          int64_t every_us, bool (*each)(void *arg, const struct history_row *row),
                          void *arg);

struct alert_row {
    int64_t id;
    const char *instance; /* the database's; "<instance>-<id>" is the id in MQTT messages */
    const char *sensor, *unit, *rule, *severity, *state;
    double value, limit;                       /* at the last transition; NAN: none */
    int64_t raised_us, changed_us, cleared_us; /* cleared: 0 while active */
};
/* Alerts, newest first; only those not yet cleared when `active`. limit 0: all. */
enum gw_err query_alerts(struct query *q, bool active, size_t limit,
                         bool (*each)(void *arg, const struct alert_row *row), void *arg);

struct outbox_row {
    int64_t seq, alert_id;
    const char *instance;
    const char *sensor, *unit, *rule, *severity, *state;
    double value, limit;
    int64_t time_us, since_us;
};
/* Outbox rows not yet delivered or dead, with seq > after, in order, at most `limit`. */
enum gw_err query_outbox(struct query *q, int64_t after, size_t limit,
                         bool (*each)(void *arg, const struct outbox_row *row), void *arg);
enum gw_err query_outbox_depth(struct query *q, uint64_t *rows);

struct store_facts {
    uint64_t readings, sensors, alerts, bytes; /* rows; size of the database file */
    int64_t oldest_us, newest_us;              /* of the readings; 0: none */
};
/* Counts all rows: takes time on a large file. */
enum gw_err query_facts(struct query *q, struct store_facts *out);

/* Names of known sensors that are like this one, for "did you mean"; NULL: none. Returns owned. */
char *query_suggest(struct query *q, const char *sensor);

#endif
