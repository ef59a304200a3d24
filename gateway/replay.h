/* SPDX-License-Identifier: Apache-2.0 */
/* The rules over readings of the past, or invented ones, on a clock that follows the readings: what
 * transitions they would have made. Nothing is stored or published. One thread. */
#ifndef SENSORGW_GATEWAY_REPLAY_H
#define SENSORGW_GATEWAY_REPLAY_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/reading.h"
#include "gateway/core/record.h"
#include "gateway/core/sensor.h"

#include <stdint.h>

struct alert_book;
struct replay;

/* Each transition, in order; borrowed for the call. */
typedef void replay_fn(void *arg, const struct sensor *s, const struct alert_change *change);

/* Borrows config. The first reading starts the clock, from which `stale` counts, too. */
enum gw_err replay_create(struct replay **out, const struct config *config, replay_fn *fn,
                          void *arg);
void replay_destroy(struct replay *p); /* NULL is ok */

/* Judges a reading at its time; the clock runs up to it second by second, and never back: a reading
 * of the past is judged at the clock's time. unit: of a sensor that the configuration does not
 * name. r->sensor is set here. GW_EFULL: no room for one more sensor. */
enum gw_err replay_reading(struct replay *p, const char *sensor, const char *unit,
                           struct reading *r);

/* Those of the configuration, and what the data name beyond. Borrowed. */
struct sensor_table *replay_sensors(struct replay *p);

/* Lets the clock run to that time (UTC µs). */
void replay_until(struct replay *p, int64_t time_us);

/* For tests: the wall clock is that far ahead of the one that runs evenly, from now on. */
void replay_step(struct replay *p, int64_t us);
/* For tests: a gateway that ends and starts again. The new book's ids begin at next_id; the caller
 * restores into it what was active. */
enum gw_err replay_restart(struct replay *p, int64_t next_id);
struct alert_book *replay_book(struct replay *p);
/* The two clocks. */
int64_t replay_mono_us(const struct replay *p);
int64_t replay_wall_us(const struct replay *p);

#endif
