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

/* GW_ENOENT: no such file; GW_ECORRUPT: damaged, or empty; GW_ENOTDB, GW_EFOREIGN: no database of
 * sensorgw (not logged); GW_EINVAL: from a newer version. The log says what and how to mend it. A
 * file of an older version is read as it is. */
enum gw_err query_open(struct query **out, const char *path);
void query_close(struct query *q);
/* From now on its questions end with GW_ETIMEDOUT once us µs are over; 0: they may take as long as
 * they want, as at first. */
void query_limit(struct query *q, int64_t us);

struct latest_row {
    const char *sensor, *unit, *source, *device;
    double value;    /* NAN unless good */
    int64_t integer; /* with is_integer: the exact value */
    bool is_integer;
    unsigned quality;
    int64_t time_us; /* 0: never seen */
};
/* The newest reading of each sensor whose name is, or matches, the shell pattern (NULL: all), by
 * name. */
enum gw_err query_latest(struct query *q, const char *glob,
                         bool (*each)(void *arg, const struct latest_row *row), void *arg);

/* Sensors, the last seen first, that have readings in the present history, or an alert that is
 * active. was_good: ever, as far as the history tells. */
enum gw_err query_recent_sensors(struct query *q,
                                 bool (*each)(void *arg, const char *name, bool was_good),
                                 void *arg);

enum resolution { RESOLUTION_RAW, RESOLUTION_MINUTE, RESOLUTION_HOUR }; /* the table that answers */
const char *resolution_name(enum resolution r);

struct history_request {
    const char *sensor;
    int64_t since_us, until_us; /* since ≤ time < until, UTC µs */
    int64_t every_us;           /* length of a bucket; 0: each reading as stored */
    bool last;                  /* buckets: look up the last value too, which costs a little */
};
struct history_row {
    int64_t time_us; /* of the reading, or the start of the bucket */
    double value;    /* the reading, or the bucket's average; NAN: none */
    int64_t integer; /* single readings, with is_integer: the exact value */
    bool is_integer;
    double min, max;
    double last;      /* if asked for; NAN: the readings themselves are gone already */
    uint64_t count;   /* good readings: 0 or 1 for a single reading, never 0 for a bucket */
    unsigned quality; /* single readings only */
};
/* Readings of one sensor, oldest first. Buckets stand on whole multiples of every_us since the
 * epoch, empty ones are left out; they come from raw readings, minutes or hours, whichever is
 * coarsest and still exact for every_us, or the only one that still reaches back to since_us.
 * GW_ENOENT: no such sensor. */
enum gw_err query_history(struct query *q, const struct history_request *request,
                          bool (*each)(void *arg, const struct history_row *row), void *arg);

struct readings_request {
    const char *sensors;        /* a shell pattern; NULL: all */
    int64_t since_us, until_us; /* since ≤ time < until, UTC µs */
    bool (*each)(void *arg, const struct latest_row *row);
    bool (*between)(void *arg, double done); /* after each slice: how much is done (0 … 1) */
    void *arg;
};
/* All readings in the order of time. They are read into memory in slices, each in a short
 * transaction of its own, and given away outside of it: however slow the caller is, it holds up
 * nothing. What is stored meanwhile may be among them or not. */
enum gw_err query_readings(struct query *q, const struct readings_request *request);

/* A sensor's line for a chart. */
struct series_point {
    int64_t time_us;      /* of the reading, or the start of the bucket */
    double min, max, avg; /* NAN in a gap */
    uint64_t count;       /* good readings; 0: from here to the next point there is no good data */
};
struct series {
    struct series_point *points; /* oldest first, at most as many as asked for */
    size_t count;
    int64_t every_us;           /* a point's length; 0: each is one reading */
    enum resolution resolution; /* where retention has removed such rows, coarser ones are used */
};
/* Good readings with since ≤ time < until, brought down to at most max_points (2 or more): as they
 * are if they are few enough, else in buckets of a round length. A gap is a time without a good
 * reading of more than three times what is usual between two. *out is written on success only, and
 * ended with series_fini(). GW_ENOENT: no such sensor. */
enum gw_err query_series(struct query *q, const char *sensor, int64_t since_us, int64_t until_us,
                         size_t max_points, struct series *out);
void series_fini(struct series *s);

/* The averages of all sensors' minutes from since_us on that are closed. */
enum gw_err query_minutes(struct query *q, int64_t since_us,
                          bool (*each)(void *arg, const char *sensor, int64_t minute_us,
                                       double average),
                          void *arg);

/* Which alerts; all zero: all of them. */
struct alert_filter {
    const char *sensor, *rule;    /* shell patterns */
    const char *state, *severity; /* as in the row */
    bool active;                  /* not yet cleared */
    int64_t since_us, until_us; /* any part of raised … cleared lies in since ≤ time < until */
    size_t limit;               /* the newest ones */
};
struct alert_row {
    int64_t id;
    const char *instance; /* the database's; "<instance>-<id>" is the id in MQTT messages */
    const char *sensor, *unit, *rule, *severity, *state;
    double value, limit;                       /* at the last transition; NAN: none */
    int64_t raised_us, changed_us, cleared_us; /* cleared: 0 while active */
    const char *reason;                        /* "high", "never_seen", …; "" for an old one */
    const char *acknowledged_by;               /* "" when nobody said who */
    int64_t acknowledged_us;                   /* 0: not, or not since it got worse */
    int64_t shelved_until_us;                  /* of its rule and sensor; 0: not shelved */
};
/* Alerts, newest first. */
enum gw_err query_alerts(struct query *q, const struct alert_filter *filter,
                         bool (*each)(void *arg, const struct alert_row *row), void *arg);

/* Which writes; all zero: all of them. */
struct write_filter {
    const char *sensor; /* shell pattern */
    bool failed;        /* only those refused or failed */
    int64_t since_us;
    size_t limit; /* the newest ones */
};
struct write_row {
    int64_t time_us;
    const char *sensor, *unit;            /* unit "" for a sensor that there is not */
    double value, read_back;              /* NAN: not understood; nothing read back */
    const char *origin, *request, *error; /* "" for none */
};
/* Sensors that were set, or were asked to be, newest first. */
enum gw_err query_writes(struct query *q, const struct write_filter *filter,
                         bool (*each)(void *arg, const struct write_row *row), void *arg);

struct outbox_row {
    int64_t seq, alert_id;
    const char *instance;
    const char *sensor, *unit, *rule, *severity, *state;
    double value, limit;
    int64_t time_us, since_us, until_us;
    const char *reason, *who, *comment; /* "" for none */
    uint32_t repeat;
    bool is_undated; /* time_us is of a clock that is not set */
};
/* Outbox rows not yet delivered or dead, with seq > after, in order, at most `limit`. */
enum gw_err query_outbox(struct query *q, int64_t after, size_t limit,
                         bool (*each)(void *arg, const struct outbox_row *row), void *arg);
/* The first row with seq > after that was given up although it is the newest of its sensor and
 * rule: what the broker keeps of them is older. Not one whose topic no broker would take. */
enum gw_err query_dead_last(struct query *q, int64_t after,
                            bool (*each)(void *arg, const struct outbox_row *row), void *arg);
/* The first row with seq > after that was delivered and is the newest of an active alert: what the
 * broker keeps of it, unless it has forgotten. */
enum gw_err query_told_last(struct query *q, int64_t after,
                            bool (*each)(void *arg, const struct outbox_row *row), void *arg);
enum gw_err query_outbox_depth(struct query *q, uint64_t *rows);
/* The same rows whether delivered or not: what happened after `after`. */
enum gw_err query_events(struct query *q, int64_t after, size_t limit,
                         bool (*each)(void *arg, const struct outbox_row *row), void *arg);
/* The newest row's seq; 0: there is none. */
enum gw_err query_last_event(struct query *q, int64_t *seq);

struct undelivered_row {
    int64_t seq, alert_id;
    const char *instance;
    const char *sensor, *rule, *severity, *state;
    int64_t time_us;
    int64_t failed_us; /* given up then; 0: it waits for the broker */
    int reason_code;   /* of one given up: MQTT 5; -1: the connection was lost each time;
                        * -2: no broker would take its topic */
};
/* Transitions that the broker did not take, or not yet, newest first. limit 0: all. */
enum gw_err query_undelivered(struct query *q, size_t limit,
                              bool (*each)(void *arg, const struct undelivered_row *row),
                              void *arg);

struct store_facts {
    uint64_t readings, sensors, alerts, bytes; /* rows; size of the database file */
    int64_t oldest_us, newest_us;              /* of the readings; 0: none */
};
/* Counts all rows: takes time on a large file. */
enum gw_err query_facts(struct query *q, struct store_facts *out);

/* Names of known sensors that are like this one, for "did you mean"; NULL: none. Returns owned. */
char *query_suggest(struct query *q, const char *sensor);

#endif
