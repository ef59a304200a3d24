/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/clock.h"
#include "gateway/core/queue.h"
#include "gateway/core/reading.h"
#include "gateway/core/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static struct queue *queue_of(size_t lanes, size_t capacity)
{
    struct queue *q = NULL;

    assert_int_equal(queue_create(&q, lanes, capacity, sizeof(int)), GW_OK);
    return q;
}

static void pops_in_order_across_the_end_of_the_ring(void **state)
{
    struct queue *q = queue_of(1, 5);
    int out[8];
    size_t n;
    int next_in = 0, next_out = 0;

    (void)state;
    for (int round = 0; round < 20; round++) {
        for (int i = 0; i < 3; i++, next_in++)
            assert_int_equal(queue_try_push(q, 0, &next_in, 1), 1);
        assert_int_equal(queue_pop(q, 0, out, 8, 0, &n), GW_OK);
        assert_int_equal(n, 3);
        for (size_t i = 0; i < n; i++)
            assert_int_equal(out[i], next_out++);
    }
    queue_destroy(q);
}

static void try_push_takes_what_fits(void **state)
{
    struct queue *q = queue_of(1, 4);
    int items[6] = {1, 2, 3, 4, 5, 6}, out[6];
    size_t n;

    (void)state;
    assert_int_equal(queue_try_push(q, 0, items, 6), 4);
    assert_int_equal(queue_try_push(q, 0, items, 1), 0);
    assert_int_equal(queue_depth(q), 4);
    assert_int_equal(queue_high_water(q), 4);
    assert_int_equal(queue_pop(q, 0, out, 6, 0, &n), GW_OK);
    assert_int_equal(n, 4);
    assert_memory_equal(out, items, 4 * sizeof(int));
    queue_destroy(q);
}

static void push_times_out_with_what_went_in(void **state)
{
    struct queue *q = queue_of(1, 2);
    int items[3] = {1, 2, 3};
    size_t pushed;
    int64_t before = clock_mono_us();

    (void)state;
    assert_int_equal(queue_push(q, 0, items, 3, 30, &pushed), GW_ETIMEDOUT);
    assert_int_equal(pushed, 2);
    assert_true(clock_mono_us() - before >= 30 * US_PER_MS);
    queue_destroy(q);
}

static void pop_times_out_when_nothing_comes(void **state)
{
    struct queue *q = queue_of(2, 2);
    int out;
    size_t n;

    (void)state;
    assert_int_equal(queue_pop(q, 1, &out, 1, 10, &n), GW_ETIMEDOUT);
    assert_int_equal(n, 0);
    queue_destroy(q);
}

static void lanes_do_not_share_room(void **state)
{
    struct queue *q = queue_of(2, 1);
    int item = 7;

    (void)state;
    assert_int_equal(queue_try_push(q, 0, &item, 1), 1);
    assert_int_equal(queue_try_push(q, 0, &item, 1), 0);
    assert_int_equal(queue_try_push(q, 1, &item, 1), 1);
    assert_int_equal(queue_capacity(q), 2);
    queue_destroy(q);
}

static void closed_queue_drains_and_then_says_so(void **state)
{
    struct queue *q = queue_of(1, 4);
    int item = 7, out;
    size_t n;

    (void)state;
    queue_try_push(q, 0, &item, 1);
    queue_close(q);
    queue_close(q);
    assert_int_equal(queue_try_push(q, 0, &item, 1), 0);
    assert_int_equal(queue_push(q, 0, &item, 1, QUEUE_FOREVER, &n), GW_ECLOSED);
    assert_int_equal(n, 0);
    assert_int_equal(queue_pop(q, 0, &out, 1, QUEUE_FOREVER, &n), GW_OK);
    assert_int_equal(out, 7);
    assert_int_equal(queue_pop(q, 0, &out, 1, QUEUE_FOREVER, &n), GW_ECLOSED);
    queue_destroy(q);
}

static void refuses_a_size_of_nothing(void **state)
{
    struct queue *q = NULL;

    (void)state;
    assert_int_equal(queue_create(&q, 0, 1, 1), GW_EINVAL);
    assert_int_equal(queue_create(&q, 1, 0, 1), GW_EINVAL);
    assert_null(q);
    queue_destroy(NULL);
}

/* --- waiters woken by close --- */

struct waiter {
    struct queue *q;
    size_t lane;
    int push; /* push or pop */
    _Atomic int result;
};

static void wait_in_queue(void *arg)
{
    struct waiter *w = arg;
    int item = 1;
    size_t n;

    if (w->push)
        w->result = (int)queue_push(w->q, w->lane, &item, 1, QUEUE_FOREVER, &n);
    else
        w->result = (int)queue_pop(w->q, w->lane, &item, 1, QUEUE_FOREVER, &n);
}

static void close_wakes_everyone(void **state)
{
    enum { WAITERS = 8 };
    struct queue *q = queue_of(WAITERS, 1);
    struct waiter waiters[WAITERS];
    struct thread threads[WAITERS] = {0};
    int item = 1;

    (void)state;
    for (size_t i = 0; i < WAITERS; i++) {
        waiters[i] = (struct waiter){.q = q, .lane = i, .push = i % 2, .result = -1};
        if (waiters[i].push) /* its lane is full */
            assert_int_equal(queue_try_push(q, i, &item, 1), 1);
        assert_int_equal(thread_start(&threads[i], "waiter", wait_in_queue, &waiters[i]), GW_OK);
    }
    clock_sleep_us(20 * US_PER_MS); /* most of them are inside by now; all must end in any case */
    queue_close(q);
    for (size_t i = 0; i < WAITERS; i++) {
        thread_join(&threads[i]);
        assert_int_equal(waiters[i].result, GW_ECLOSED);
    }
    queue_destroy(q);
}

/* --- many producers and consumers: nothing lost, nothing twice, order per sensor kept --- */

enum {
    PRODUCERS = 4,
    LANES = 3,
    SENSORS_EACH = 5,
    SENSORS = PRODUCERS * SENSORS_EACH,
    PER_SENSOR = 100000, /* 2 million readings in all */
};

struct crowd {
    struct queue *q;
    atomic_uint next_producer;
    atomic_uint next_consumer;
    atomic_ullong lost_order;
    atomic_ullong consumed;
};

/* Each producer owns some sensors and numbers their readings; every third push is a try-push that
 * it repeats. */
static void produce(void *arg)
{
    struct crowd *c = arg;
    unsigned me = atomic_fetch_add(&c->next_producer, 1);

    for (int64_t i = 0; i < PER_SENSOR; i++) {
        for (unsigned s = 0; s < SENSORS_EACH; s++) {
            struct reading r = {.time_us = i, .sensor = me * SENSORS_EACH + s};
            size_t lane = r.sensor % LANES;
            if (i % 3 == 0) {
                while (queue_try_push(c->q, lane, &r, 1) == 0)
                    clock_sleep_us(50);
            } else if (queue_push(c->q, lane, &r, 1, QUEUE_FOREVER, NULL) != GW_OK) {
                return;
            }
        }
    }
}

static void consume(void *arg)
{
    struct crowd *c = arg;
    unsigned lane = atomic_fetch_add(&c->next_consumer, 1);
    int64_t expected[SENSORS] = {0};
    struct reading batch[64];
    size_t n;

    while (queue_pop(c->q, lane, batch, 64, QUEUE_FOREVER, &n) == GW_OK) {
        for (size_t i = 0; i < n; i++) {
            if (batch[i].time_us != expected[batch[i].sensor]++)
                atomic_fetch_add(&c->lost_order, 1);
        }
        atomic_fetch_add(&c->consumed, n);
    }
    for (unsigned s = 0; s < SENSORS; s++) {
        if (s % LANES == lane && expected[s] != PER_SENSOR)
            atomic_fetch_add(&c->lost_order, 1);
    }
}

static void millions_keep_their_order_and_none_is_lost_or_doubled(void **state)
{
    struct crowd c = {0};
    struct thread producers[PRODUCERS] = {0}, consumers[LANES] = {0};

    (void)state;
    assert_int_equal(queue_create(&c.q, LANES, 256, sizeof(struct reading)), GW_OK);
    for (int i = 0; i < LANES; i++)
        assert_int_equal(thread_start(&consumers[i], "consumer", consume, &c), GW_OK);
    for (int i = 0; i < PRODUCERS; i++)
        assert_int_equal(thread_start(&producers[i], "producer", produce, &c), GW_OK);
    for (int i = 0; i < PRODUCERS; i++)
        thread_join(&producers[i]);
    queue_close(c.q);
    for (int i = 0; i < LANES; i++)
        thread_join(&consumers[i]);
    assert_int_equal(c.lost_order, 0);
    assert_int_equal(c.consumed, (unsigned long long)SENSORS * PER_SENSOR);
    queue_destroy(c.q);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pops_in_order_across_the_end_of_the_ring),
        cmocka_unit_test(try_push_takes_what_fits),
        cmocka_unit_test(push_times_out_with_what_went_in),
        cmocka_unit_test(pop_times_out_when_nothing_comes),
        cmocka_unit_test(lanes_do_not_share_room),
        cmocka_unit_test(closed_queue_drains_and_then_says_so),
        cmocka_unit_test(refuses_a_size_of_nothing),
        cmocka_unit_test(close_wakes_everyone),
        cmocka_unit_test(millions_keep_their_order_and_none_is_lost_or_doubled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
