/* SPDX-License-Identifier: Apache-2.0 */
/* The database, as an interface: SQLite today. The writing store is one connection that belongs to
 * one thread (the writer); whoever asks questions opens a reader of their own (storage/query.h).
 * Schema: storage/README.md. */
#ifndef SENSORGW_STORAGE_STORE_H
#define SENSORGW_STORAGE_STORE_H

#include "gateway/core/err.h"
#include "gateway/core/ledger.h"
#include "gateway/core/record.h"
#include "gateway/core/sensor.h"
#include "gateway/core/timesync.h"
#include "gateway/core/write_event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

struct store_options {
    const char *path;             /* the database file; its folder must exist or be creatable */
    struct sensor_table *sensors; /* borrowed: names behind the indices in records */
    const char *const *sources; /* borrowed: names behind sensor.source, and of the ledger's rows */
    struct ledger *ledger;      /* borrowed: what each commit saves; NULL: nothing */
    int64_t raw_us, minute_us, hour_us; /* retention by table; 0: for ever */
    int64_t max_size;                   /* bytes; oldest raw readings go first; 0: no limit */
    int64_t min_free; /* bytes, at most a tenth of the file system: see store_has_room(); 0: none */
    /* How the clock of the machine is; with it readings wait for their time while the clock is not
     * set (storage/undated.c). NULL: the clock is believed. */
    void (*timesync)(struct timesync *out);
    int64_t earliest_us; /* UTC: a clock that is earlier is certainly not set */
    int64_t log_limit;   /* bytes of the log that a reader may make it grow to; 0: 256 MiB */
};

/* Opens or creates the database for writing, migrates it, takes the lock that keeps a second
 * gateway out (GW_EBUSY: one has it), and brings the roll-ups up to date. One that is damaged is
 * renamed to <path>.corrupt-<UTC time> and a new one is begun; GW_ENOTDB, GW_EFOREIGN: the file
 * never was a database of ours, and is left as it is; GW_EINVAL: it is of a newer version;
 * GW_EACCES, GW_ENOSPC, GW_EIO: it cannot be opened. The log says what to do. */
enum gw_err store_open(struct store **out, const struct store_options *options);

/* Rolls up, marks a clean stop, checkpoints and closes; NULL is ok. */
void store_close(struct store *s);

/* Commits all n records in one transaction, with the ledger's figures: all durable, or none (then
 * the caller keeps them and may try again). *duplicates: readings whose (time, sensor) was stored
 * already, left out. Alert transitions become rows of `alert` and `alert_event` (the outbox). n = 0
 * with nothing to mark or to note is no transaction. */
enum gw_err store_append(struct store *s, const struct record *records, size_t n,
                         uint64_t *duplicates);

/* False while no readings should be appended: less than half of min_free is free on the file
 * system, or a reader has made the log too long. Alert transitions alone may still be appended.
 * Below min_free itself store_maintain() removes the oldest readings so that new ones take their
 * place. Looks at the file system every two seconds at most; to be called before every append. */
bool store_has_room(struct store *s);

/* Notes that the broker has taken an outbox row, or refused it for good; goes into the next
 * transaction. */
struct outbox_result {
    int64_t seq;
    bool delivered;  /* false: dead letter */
    int reason_code; /* MQTT 5 reason code, or −1 for one of our own */
    bool amends;     /* a dead letter was delivered after all */
};
enum gw_err store_outbox_done(struct store *s, const struct outbox_result *results, size_t n);

/* Sensors that were set, or were not; copied, and part of the next transaction. GW_EFULL: the store
 * fails, and too many wait. */
enum gw_err store_note_writes(struct store *s, const struct write_event *events, size_t n);

/* Housekeeping in a small slice (about 50 ms, twice that at most unless the disk is slower than
 * ever before): closes minutes and hours before wall_us into the roll-ups, removes what retention
 * no longer keeps. *more: there is work left, call again soon. Deletes nothing by age while the
 * clock looks wrong: more than a day past the last time that it looked right, until it has held for
 * a day of running. */
enum gw_err store_maintain(struct store *s, int64_t wall_us, bool *more);

/* The number that the next raised alert gets (stable, never given out twice by this database). */
int64_t store_next_alert_id(struct store *s);
/* Eight hexadecimal digits that were drawn when the database was created: makes alert ids unique
 * across databases. */
const char *store_instance(const struct store *s);

/* Borrowed for the call; change->sensor is SENSOR_NONE when the table has no sensor of that name.
 */
typedef void store_change_fn(void *arg, const struct alert_change *change, const char *sensor_name);

/* Alerts raised and not yet cleared, oldest first. change->state: acknowledged, else escalated if
 * it ever was, else raised; time_us: when subscribers were last told of it, 0: withheld so far. */
enum gw_err store_active_alerts(struct store *s, store_change_fn *each, void *arg);
/* Sensors of the table that ever had a good value. */
enum gw_err store_seen_sensors(struct store *s, void (*each)(void *arg, uint32_t sensor),
                               void *arg);
/* Rules and sensors that are shelved, also those whose time is over: SHELF_PUT until until_us. */
enum gw_err store_shelves(struct store *s, store_change_fn *each, void *arg);
/* Ends one of these; not while they are asked for. */
enum gw_err store_drop_shelf(struct store *s, const char *sensor_name, const char *rule);

#endif
