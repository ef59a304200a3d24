/* SPDX-License-Identifier: Apache-2.0 */
/* The alert book: which rules watch which sensor, and the state of each. Kept per lane, so that a
 * worker needs no lock: only the worker of a lane calls eval and tick for it. */
#ifndef SENSORGW_GATEWAY_ALERT_H
#define SENSORGW_GATEWAY_ALERT_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/reading.h"
#include "gateway/core/record.h"
#include "gateway/core/sensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct alert_book;

/* Binds the configuration's rules to the sensors that are in the table now; others are bound when
 * they are first seen. Borrows config and sensors. first_id: what the next raised alert is called.
 * now_mono_us: `stale` counts from here. */
enum gw_err alert_book_create(struct alert_book **out, const struct config *config,
                              struct sensor_table *sensors, size_t lanes, int64_t first_id,
                              int64_t now_mono_us);
void alert_book_destroy(struct alert_book *b);

/* Takes over an alert that was active when the gateway last stopped, so that it is not raised a
 * second time. Before the workers start. GW_ENOENT: no rule of this configuration watches that
 * sensor under that name any more (the caller clears it). */
enum gw_err alert_book_restore(struct alert_book *b, const struct alert_change *change,
                               const char *sensor_name);

/* Judges a reading by all rules of its sensor. Returns owned: the transitions that it causes, or
 * NULL. */
struct alert_change *alert_book_eval(struct alert_book *b, size_t lane, const struct reading *r,
                                     int64_t now_mono_us);

/* Lets time pass for all sensors of the lane. Returns owned: the transitions that are due now, or
 * NULL. */
struct alert_change *alert_book_tick(struct alert_book *b, size_t lane, int64_t now_mono_us,
                                     int64_t now_wall_us);

/* Alerts raised and not cleared, all lanes. Any thread. */
size_t alert_book_active(const struct alert_book *b);

#endif
