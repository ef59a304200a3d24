/* SPDX-License-Identifier: Apache-2.0 */
/* A bounded FIFO in lanes, with many producers and one consumer per lane. The producer chooses the
 * lane; the gateway always takes the same lane for the same sensor, so a sensor's items leave in
 * the order in which they came. Items are plain memory, copied in and out; neither side keeps a
 * pointer. Capacity is shared by no one: each lane has its own ring, so one stuck consumer cannot
 * fill the others. */
#ifndef SENSORGW_CORE_QUEUE_H
#define SENSORGW_CORE_QUEUE_H

#include "gateway/core/err.h"

#include <stddef.h>
#include <stdint.h>

struct queue;

#define QUEUE_FOREVER                                                                              \
    (-1) /* as a timeout_ms: until there is room or an item, or the queue is closed */

/* `lanes` rings of `capacity` items each, of item_size bytes. All memory is taken here. */
enum gw_err queue_create(struct queue **out, size_t lanes, size_t capacity, size_t item_size);
void queue_destroy(struct queue *q); /* no thread may be inside; NULL is ok */

/* Appends as many of the n items as fit and says how many; never waits (Paho's callback). 0 once
 * closed. */
size_t queue_try_push(struct queue *q, size_t lane, const void *items, size_t n);

/* Appends all n items, in order and with no other producer's between those that go in at once,
 * waiting at most timeout_ms for room. GW_ETIMEDOUT or GW_ECLOSED: *pushed of them went in. pushed
 * may be NULL. */
enum gw_err queue_push(struct queue *q, size_t lane, const void *items, size_t n, int timeout_ms,
                       size_t *pushed);

/* Takes up to max items of one lane, waiting at most timeout_ms for the first. GW_ETIMEDOUT when
 * none came; GW_ECLOSED once closed and empty. */
enum gw_err queue_pop(struct queue *q, size_t lane, void *out, size_t max, int timeout_ms,
                      size_t *count);

/* Refuses pushes from now on and wakes every waiter; what is inside can still be popped.
 * Idempotent. */
void queue_close(struct queue *q);

size_t queue_lanes(const struct queue *q);
size_t queue_capacity(const struct queue *q); /* of all lanes together */
size_t queue_depth(struct queue *q);          /* items inside now, all lanes */
size_t queue_high_water(struct queue *q);     /* the most that one lane ever held */

#endif
