/* SPDX-License-Identifier: Apache-2.0 */
/* When is what due: periodic items, and among those that are due the one with the earliest deadline
 * first, which is when it is due again. Pure: knows no clock. One thread. */
#ifndef SENSORGW_DRIVERS_SCHEDULE_H
#define SENSORGW_DRIVERS_SCHEDULE_H

#include "gateway/core/err.h"

#include <stddef.h>
#include <stdint.h>

struct schedule;

/* Room for `capacity` items. */
enum gw_err schedule_create(struct schedule **out, size_t capacity);
void schedule_destroy(struct schedule *s);

/* Adds item `id` (the caller's number), due first at first_us and then every period_us. */
enum gw_err schedule_add(struct schedule *s, uint32_t id, int64_t first_us, int64_t period_us);

/* When the next item is due, in the past when one waits to be taken; INT64_MAX when there is none.
 */
int64_t schedule_next(const struct schedule *s);

/* Takes the most urgent of the items that are due by now_us, and plans its next time one period on.
 * Periods that have passed altogether are skipped, not caught up, and counted in *skipped.
 * GW_ENOENT when nothing is due. */
enum gw_err schedule_take(struct schedule *s, int64_t now_us, uint32_t *id, uint64_t *skipped);

/* Moves an item's next time (back-off of a mute device). */
void schedule_defer(struct schedule *s, uint32_t id, int64_t next_us);

/* How long item number n of many may wait for its first time, so that they do not all come at once:
 * spread evenly over its period, but over no more than five seconds. 0 for the first. */
int64_t schedule_phase(size_t n, int64_t period_us);

#endif
