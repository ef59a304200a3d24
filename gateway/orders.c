/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/orders.h"

#include "gateway/core/clock.h"
#include "gateway/core/thread.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

/* Freed by the giver when it waited for the answer, else by the taker. */
struct entry {
    struct entry *next;
    struct order order;
    bool awaited, answered;
    enum gw_err result;
    char why[ORDER_WHY_SIZE];
};

struct orders {
    atomic_size_t count;

    pthread_mutex_t lock;
    pthread_cond_t answered;
    /* guarded by lock */
    struct entry *first, **end;

    struct entry *taken; /* the taker's own */
};

struct orders *orders_create(void)
{
    struct orders *o = calloc(1, sizeof(*o));

    if (!o)
        return NULL;
    pthread_mutex_init(&o->lock, NULL);
    cond_init_monotonic(&o->answered);
    o->end = &o->first;
    return o;
}

void orders_destroy(struct orders *o)
{
    if (!o)
        return;
    while (o->first) {
        struct entry *next = o->first->next;
        free(o->first);
        o->first = next;
    }
    pthread_cond_destroy(&o->answered);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

/* With the lock; true when there is an answer. */
static bool await_locked(struct orders *o, struct entry *e, int64_t wait_us)
{
    struct timespec deadline = clock_deadline(wait_us);

    while (!e->answered) {
        if (pthread_cond_timedwait(&o->answered, &o->lock, &deadline) != 0)
            break;
    }
    e->awaited = false;
    return e->answered;
}

enum gw_err orders_give(struct orders *o, const struct order *order, int64_t wait_us,
                        char why[ORDER_WHY_SIZE])
{
    struct entry *e = calloc(1, sizeof(*e));
    enum gw_err result = GW_OK;

    if (!e)
        return GW_ENOMEM;
    e->order = *order;
    e->awaited = wait_us > 0;
    pthread_mutex_lock(&o->lock);
    bool full = atomic_load(&o->count) >= ORDERS_MAX;
    bool is_mine = full; /* to be freed here */
    if (full) {
        result = GW_EFULL;
    } else {
        *o->end = e;
        o->end = &e->next;
        atomic_fetch_add(&o->count, 1);
        if (wait_us > 0) {
            is_mine = await_locked(o, e, wait_us);
            result = is_mine ? e->result : GW_ETIMEDOUT;
        }
    }
    pthread_mutex_unlock(&o->lock);
    if (why && is_mine && !full)
        snprintf(why, ORDER_WHY_SIZE, "%s", e->why);
    if (is_mine)
        free(e);
    return result;
}

const struct order *orders_take(struct orders *o)
{
    if (atomic_load(&o->count) == 0)
        return NULL;
    pthread_mutex_lock(&o->lock);
    struct entry *e = o->first;
    if (e) {
        o->first = e->next;
        atomic_fetch_sub(&o->count, 1);
    }
    if (!o->first)
        o->end = &o->first;
    pthread_mutex_unlock(&o->lock);
    o->taken = e;
    return e ? &e->order : NULL;
}

void orders_answer(struct orders *o, enum gw_err result, const char *why)
{
    struct entry *e = o->taken;

    assert(e);
    o->taken = NULL;
    pthread_mutex_lock(&o->lock);
    e->result = result;
    snprintf(e->why, sizeof(e->why), "%s", why);
    e->answered = true;
    bool awaited = e->awaited;
    pthread_cond_broadcast(&o->answered);
    pthread_mutex_unlock(&o->lock);
    if (!awaited)
        free(e);
}
