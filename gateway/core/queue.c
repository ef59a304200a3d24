/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/queue.h"

#include "gateway/core/clock.h"
#include "gateway/core/thread.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* Lanes stand in cache lines of their own: their locks are taken by different workers. */
struct lane {
    _Alignas(64) pthread_mutex_t lock;
    pthread_cond_t not_empty, not_full;

    /* set once */
    unsigned char *ring;

    /* guarded by lock */
    size_t head; /* index of the oldest item */
    size_t count;
    size_t high_water;
    unsigned pushers; /* threads that wait for room */
    bool popper;      /* the consumer waits for an item */
    bool closed;
};

struct queue {
    size_t lane_count;
    size_t capacity; /* items per lane */
    size_t item_size;
    struct lane lanes[];
};

static enum gw_err lane_init(struct lane *lane, size_t bytes)
{
    lane->ring = malloc(bytes);
    if (!lane->ring)
        return GW_ENOMEM;
    pthread_mutex_init(&lane->lock, NULL);
    cond_init_monotonic(&lane->not_empty);
    cond_init_monotonic(&lane->not_full);
    return GW_OK;
}

static void lane_fini(struct lane *lane)
{
    if (!lane->ring)
        return;
    pthread_cond_destroy(&lane->not_full);
    pthread_cond_destroy(&lane->not_empty);
    pthread_mutex_destroy(&lane->lock);
    free(lane->ring);
}

enum gw_err queue_create(struct queue **out, size_t lanes, size_t capacity, size_t item_size)
{
    if (lanes == 0 || capacity == 0 || item_size == 0)
        return GW_EINVAL;
    size_t bytes = sizeof(struct queue) + lanes * sizeof(struct lane);
    struct queue *q = aligned_alloc(64, (bytes + 63) / 64 * 64);
    if (!q)
        return GW_ENOMEM;
    memset(q, 0, bytes);
    q->lane_count = lanes;
    q->capacity = capacity;
    q->item_size = item_size;
    for (size_t i = 0; i < lanes; i++) {
        if (lane_init(&q->lanes[i], capacity * item_size) != GW_OK) {
            queue_destroy(q);
            return GW_ENOMEM;
        }
    }
    *out = q;
    return GW_OK;
}

void queue_destroy(struct queue *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->lane_count; i++)
        lane_fini(&q->lanes[i]);
    free(q);
}

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Copies as much of the n items as there is room for. */
static size_t put_locked(struct queue *q, struct lane *lane, const void *items, size_t n)
{
    size_t take = smaller(n, q->capacity - lane->count);
    size_t tail = (lane->head + lane->count) % q->capacity;
    size_t first = smaller(take, q->capacity - tail);

    memcpy(lane->ring + tail * q->item_size, items, first * q->item_size);
    memcpy(lane->ring, (const unsigned char *)items + first * q->item_size,
           (take - first) * q->item_size);
    lane->count += take;
    if (lane->count > lane->high_water)
        lane->high_water = lane->count;
    if (take > 0 && lane->popper)
        pthread_cond_signal(&lane->not_empty);
    return take;
}

static size_t get_locked(struct queue *q, struct lane *lane, void *out, size_t max)
{
    size_t take = smaller(max, lane->count);
    size_t first = smaller(take, q->capacity - lane->head);

    memcpy(out, lane->ring + lane->head * q->item_size, first * q->item_size);
    memcpy((unsigned char *)out + first * q->item_size, lane->ring, (take - first) * q->item_size);
    lane->head = (lane->head + take) % q->capacity;
    lane->count -= take;
    if (take > 0 && lane->pushers > 0)
        pthread_cond_broadcast(&lane->not_full);
    return take;
}

/* False: the deadline has passed. Without a deadline it waits until it is woken. */
static bool wait_locked(struct lane *lane, pthread_cond_t *cond, const struct timespec *deadline)
{
    if (!deadline)
        return pthread_cond_wait(cond, &lane->lock) == 0;
    return pthread_cond_timedwait(cond, &lane->lock, deadline) != ETIMEDOUT;
}

size_t queue_try_push(struct queue *q, size_t lane_index, const void *items, size_t n)
{
    assert(lane_index < q->lane_count);
    struct lane *lane = &q->lanes[lane_index];

    pthread_mutex_lock(&lane->lock);
    size_t done = lane->closed ? 0 : put_locked(q, lane, items, n);
    pthread_mutex_unlock(&lane->lock);
    return done;
}

enum gw_err queue_push(struct queue *q, size_t lane_index, const void *items, size_t n,
                       int timeout_ms, size_t *pushed)
{
    assert(lane_index < q->lane_count);
    struct lane *lane = &q->lanes[lane_index];
    struct timespec deadline = clock_deadline(timeout_ms * US_PER_MS);
    bool in_time = timeout_ms != 0;
    size_t done = 0;

    pthread_mutex_lock(&lane->lock);
    for (;;) {
        if (lane->closed)
            break;
        done += put_locked(q, lane, (const unsigned char *)items + done * q->item_size, n - done);
        if (done == n || !in_time)
            break;
        lane->pushers++;
        in_time = wait_locked(lane, &lane->not_full, timeout_ms < 0 ? NULL : &deadline);
        lane->pushers--;
    }
    bool closed = lane->closed;
    pthread_mutex_unlock(&lane->lock);

    if (pushed)
        *pushed = done;
    if (done == n)
        return GW_OK;
    return closed ? GW_ECLOSED : GW_ETIMEDOUT;
}

enum gw_err queue_pop(struct queue *q, size_t lane_index, void *out, size_t max, int timeout_ms,
                      size_t *count)
{
    assert(lane_index < q->lane_count && max > 0);
    struct lane *lane = &q->lanes[lane_index];
    struct timespec deadline = clock_deadline(timeout_ms * US_PER_MS);
    bool in_time = timeout_ms != 0;

    pthread_mutex_lock(&lane->lock);
    while (lane->count == 0 && !lane->closed && in_time) {
        lane->popper = true;
        in_time = wait_locked(lane, &lane->not_empty, timeout_ms < 0 ? NULL : &deadline);
        lane->popper = false;
    }
    size_t taken = get_locked(q, lane, out, max);
    bool closed = lane->closed;
    pthread_mutex_unlock(&lane->lock);

    *count = taken;
    if (taken > 0)
        return GW_OK;
    return closed ? GW_ECLOSED : GW_ETIMEDOUT;
}

void queue_close(struct queue *q)
{
    for (size_t i = 0; i < q->lane_count; i++) {
        struct lane *lane = &q->lanes[i];
        pthread_mutex_lock(&lane->lock);
        lane->closed = true;
        pthread_cond_broadcast(&lane->not_empty);
        pthread_cond_broadcast(&lane->not_full);
        pthread_mutex_unlock(&lane->lock);
    }
}

size_t queue_lanes(const struct queue *q)
{
    return q->lane_count;
}

size_t queue_capacity(const struct queue *q)
{
    return q->lane_count * q->capacity;
}

size_t queue_depth(struct queue *q)
{
    size_t depth = 0;

    for (size_t i = 0; i < q->lane_count; i++) {
        pthread_mutex_lock(&q->lanes[i].lock);
        depth += q->lanes[i].count;
        pthread_mutex_unlock(&q->lanes[i].lock);
    }
    return depth;
}

size_t queue_high_water(struct queue *q)
{
    size_t most = 0;

    for (size_t i = 0; i < q->lane_count; i++) {
        pthread_mutex_lock(&q->lanes[i].lock);
        if (q->lanes[i].high_water > most)
            most = q->lanes[i].high_water;
        pthread_mutex_unlock(&q->lanes[i].lock);
    }
    return most;
}
