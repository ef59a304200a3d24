/* SPDX-License-Identifier: Apache-2.0 */
/* The alert book: which rules watch which sensor, and the state of each. Kept per lane, so that a
 * worker needs no lock: only the worker of a lane calls eval and tick for it. What people order
 * (acknowledge, shelve) is handed to the worker that has the state, and carried out in its next
 * tick; its transitions go to the writer like any other. */
#ifndef SENSORGW_GATEWAY_ALERT_H
#define SENSORGW_GATEWAY_ALERT_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/reading.h"
#include "gateway/core/record.h"
#include "gateway/core/sensor.h"
#include "gateway/orders.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct alert_book;

/* Binds the configuration's rules to the sensors that are in the table now; others are bound when
 * they are first seen. Becomes an owner of the configuration; borrows sensors. first_id: what the
 * next raised alert is called. now_mono_us: `stale` counts from here. */
enum gw_err alert_book_create(struct alert_book **out, const struct config *config,
                              struct sensor_table *sensors, size_t lanes, int64_t first_id,
                              int64_t now_mono_us);
void alert_book_destroy(struct alert_book *b);

/* Takes over what was when the gateway last stopped, before the workers start: an active alert
 * (store_active_alerts()), so that it is not raised a second time, or a shelf (store_shelves()).
 * GW_ENOENT: no rule of this configuration watches that sensor under that name any more (the caller
 * clears it). */
enum gw_err alert_book_restore(struct alert_book *b, const struct alert_change *change,
                               const char *sensor_name, int64_t now_mono_us, int64_t now_wall_us);

/* The sensor had a good value in an earlier run (store_seen_sensors()): if it is mute now it went
 * silent, and is not one never seen. Before the workers start. */
void alert_book_seen(struct alert_book *b, uint32_t sensor);

/* Judges a reading by all rules of its sensor. Returns owned: the transitions that it causes, or
 * NULL. */
struct alert_change *alert_book_eval(struct alert_book *b, size_t lane, const struct reading *r,
                                     int64_t now_mono_us);

/* Lets time pass for all sensors of the lane, and carries out what was ordered. Returns owned: the
 * transitions that are due now, or NULL. */
struct alert_change *alert_book_tick(struct alert_book *b, size_t lane, int64_t now_mono_us,
                                     int64_t now_wall_us);

/* The rules of another configuration take the place of those in force, for all sensors that are in
 * the table and not gone: each lane moves over in its next tick. Alerts and shelves go on where the
 * rule's name, its kind and the sensor are the same; a rule that changed judges the last value at
 * once; what no rule watches any more is cleared, and told. Becomes an owner of the configuration.
 * Waits up to wait_us until all lanes have moved. GW_ETIMEDOUT: they will, but a slow store keeps
 * one. GW_ENOMEM: all stays. One thread at a time; any. */
enum gw_err alert_book_rebind(struct alert_book *b, const struct config *config, int64_t wait_us);
/* Whether a tick would move the lane: worth one before its time. The lane's worker. */
bool alert_book_rebinds(const struct alert_book *b, size_t lane);

/* Alerts raised and not cleared, all lanes. Any thread. */
size_t alert_book_active(const struct alert_book *b);

/* What somebody orders; texts are copied, and cut to what there is room for. */
struct alert_command {
    enum alert_verb verb;
    const char *sensor, *rule; /* full name; name of the rule */
    int64_t shelve_us;         /* ALERT_SHELVE: for how long, ALERT_SHELVE_MAX_US at most */
    const char *who, *comment; /* NULL for none */
};
#define ALERT_SHELVE_MAX_US (INT64_C(365) * 86400 * 1000000)

/* Has it carried out, and waits up to wait_us for that; 0: does not wait, and the log has what goes
 * wrong. GW_OK: done (or ordered, without waiting); GW_ENOENT: no such sensor, or no such rule
 * watches it, or there is nothing to acknowledge or unshelve; GW_EINVAL: no time to shelve it for;
 * GW_EFULL: too many at once; GW_ETIMEDOUT: it is ordered, but the worker is kept by a slow store.
 * `why` (may be NULL) says it in words, unless GW_OK. Any thread; wait only where blocking is
 * allowed. */
enum gw_err alert_book_command(struct alert_book *b, const struct alert_command *c, int64_t wait_us,
                               char why[ORDER_WHY_SIZE]);

/* The limits that the configuration's rules have for a sensor, for lines in a chart. */
struct alert_limit {
    const char *rule; /* borrowed from the configuration */
    enum severity severity;
    bool is_low;
    double value; /* in the sensor's unit */
};
/* Up to max of them, high and low ones only. Returns how many there are. Any thread. */
size_t alert_limits(const struct config *config, const char *sensor, struct alert_limit *out,
                    size_t max);

#endif
