/* SPDX-License-Identifier: Apache-2.0 */
/* The shared queue beside the least that any queue must do: copying the items through memory under
 * an uncontended mutex, one lock for each item or for each batch. */
#include "gateway/core/queue.h"
#include "gateway/core/reading.h"
#include "gateway/core/thread.h"
#include "tests/bench/bench.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#define ITEMS 4000000
#define BATCH 256
#define CAPACITY 65536

static const struct {
    const char *name;
    size_t producers, lanes, push, pop;
} cases[] = {
    {"1 producer, 1 lane, one at a time", 1, 1, 1, 1},
    {"1 producer, 1 lane, popped in batches", 1, 1, 1, BATCH},
    {"1 producer, 1 lane, batches both ways", 1, 1, BATCH, BATCH},
    {"4 producers, 2 lanes, popped in batches", 4, 2, 1, BATCH},
    {"4 producers, 2 lanes, batches both ways", 4, 2, BATCH, BATCH},
};

struct side {
    struct queue *queue;
    struct thread thread;
    size_t lane, batch, items;
};

static void produce(void *arg)
{
    struct side *s = arg;
    struct reading batch[BATCH] = {{0}};

    for (size_t left = s->items; left > 0;) {
        size_t n = left < s->batch ? left : s->batch;
        if (queue_push(s->queue, s->lane, batch, n, QUEUE_FOREVER, NULL) != GW_OK)
            abort();
        left -= n;
    }
}

static void consume(void *arg)
{
    struct side *s = arg;
    struct reading batch[BATCH];
    size_t n;

    while (queue_pop(s->queue, s->lane, batch, s->batch, QUEUE_FOREVER, &n) == GW_OK)
        s->items += n;
}

/* Items per second. */
static double through_queue(size_t i)
{
    struct side producers[8] = {{0}}, consumers[4] = {{0}};
    struct queue *q;
    size_t got = 0;

    if (queue_create(&q, cases[i].lanes, CAPACITY / cases[i].lanes, sizeof(struct reading)))
        abort();
    double start = bench_now();
    for (size_t k = 0; k < cases[i].lanes; k++) {
        consumers[k] = (struct side){.queue = q, .lane = k, .batch = cases[i].pop};
        thread_start(&consumers[k].thread, "consumer", consume, &consumers[k]);
    }
    for (size_t k = 0; k < cases[i].producers; k++) {
        producers[k] = (struct side){.queue = q,
                                     .lane = k % cases[i].lanes,
                                     .batch = cases[i].push,
                                     .items = ITEMS / cases[i].producers};
        thread_start(&producers[k].thread, "producer", produce, &producers[k]);
    }
    for (size_t k = 0; k < cases[i].producers; k++)
        thread_join(&producers[k].thread);
    queue_close(q);
    for (size_t k = 0; k < cases[i].lanes; k++) {
        thread_join(&consumers[k].thread);
        got += consumers[k].items;
    }
    double seconds = bench_now() - start;
    queue_destroy(q);
    if (got != ITEMS) {
        fprintf(stderr, "lost items: %zu of %d came out\n", got, ITEMS);
        exit(1);
    }
    return ITEMS / seconds;
}

/* In and out of a ring by one thread: two locks and two copies for each batch. */
static double bare_ring(size_t batch)
{
    static struct reading ring[BATCH];
    struct reading in[BATCH] = {{0}}, out[BATCH];
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    double start = bench_now();

    for (size_t i = 0; i < ITEMS; i += batch) {
        in[0].time_us = (int64_t)i;
        pthread_mutex_lock(&lock);
        memcpy(ring, in, batch * sizeof(in[0]));
        pthread_mutex_unlock(&lock);
        pthread_mutex_lock(&lock);
        memcpy(out, ring, batch * sizeof(out[0]));
        pthread_mutex_unlock(&lock);
        if (out[0].time_us != (int64_t)i)
            abort();
    }
    return ITEMS / (bench_now() - start);
}

static double median_of(double (*run)(size_t), size_t arg)
{
    double values[BENCH_RUNS];

    for (size_t i = 0; i < BENCH_RUNS; i++)
        values[i] = run(arg);
    return bench_median(values, BENCH_RUNS);
}

int main(void)
{
    double one = median_of(bare_ring, 1), many = median_of(bare_ring, BATCH);

    printf("queue: %d items of %zu bytes, median of %d runs\n", ITEMS, sizeof(struct reading),
           BENCH_RUNS);
    printf("  %-42s %7.1f M items/s\n", "raw limit: 1 thread, one at a time", one / 1e6);
    printf("  %-42s %7.1f M items/s\n", "raw limit: 1 thread, batches of 256", many / 1e6);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        double rate = median_of(through_queue, i);
        double limit = cases[i].push > 1 ? many : one;
        printf("  %-42s %7.1f M items/s, %.2f of the raw limit\n", cases[i].name, rate / 1e6,
               rate / limit);
    }
    return 0;
}
