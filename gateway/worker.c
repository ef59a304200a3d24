/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/worker.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/record.h"
#include "gateway/core/thread.h"

#include <stdio.h>
#include <stdlib.h>

#define BATCH 256
#define TICK_US (200 * US_PER_MS)
#define REST_US                                                                                    \
    (1 * US_PER_MS) /* waking costs more than a reading: what comes meanwhile is a batch */

struct worker {
    const struct worker_options *options;
    size_t lane;
    struct thread thread;

    /* the thread's own */
    int64_t next_tick_us;
    struct reading readings[BATCH];
    struct record records[BATCH];
};

struct worker_pool {
    struct worker_options options;
    size_t count;
    struct worker workers[];
};

/* Counts and frees what the writer will never get. */
static void give_up(const struct worker_options *o, struct record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (records[i].has_reading)
            ledger_drop(o->ledger, records[i].reading.source, DROP_STORE_FAILED, 1);
        if (records[i].changes)
            log_error("alert of rule %s is lost: the store did not take it before the end",
                      records[i].changes->rule);
        alert_change_free(records[i].changes);
    }
}

static void hand_over(struct worker *w, size_t n)
{
    size_t done = 0;

    while (done < n) {
        size_t pushed = 0;
        enum gw_err err =
            queue_push(w->options->records, 0, w->records + done, n - done, 1000, &pushed);
        done += pushed;
        thread_promise(THREAD_PATIENCE_US); /* the writer may be slow; it is watched itself */
        if (err == GW_ECLOSED)
            break;
    }
    if (done < n)
        give_up(w->options, w->records + done, n - done);
}

static void process(struct worker *w, size_t n)
{
    const struct worker_options *o = w->options;
    int64_t now = clock_mono_us();

    for (size_t i = 0; i < n; i++) {
        w->records[i] = (struct record){
            .reading = w->readings[i],
            .changes = alert_book_eval(o->alerts, w->lane, &w->readings[i], now),
            .has_reading = true,
        };
    }
    live_update(o->live, w->readings, n);
    if (o->on_readings)
        o->on_readings(o->arg, w->readings, n);
    hand_over(w, n);
}

static void tick(struct worker *w)
{
    int64_t now = clock_mono_us();

    thread_promise(THREAD_PATIENCE_US);
    if (now < w->next_tick_us && !alert_book_rebinds(w->options->alerts, w->lane))
        return;
    w->next_tick_us = now + TICK_US;
    struct alert_change *changes =
        alert_book_tick(w->options->alerts, w->lane, now, clock_wall_us());
    if (!changes)
        return;
    w->records[0] = (struct record){.changes = changes};
    hand_over(w, 1);
}

static void run(void *arg)
{
    struct worker *w = arg;

    for (;;) {
        size_t n = 0;
        enum gw_err err = queue_pop(w->options->readings, w->lane, w->readings, BATCH,
                                    (int)(TICK_US / US_PER_MS), &n);
        if (err == GW_ECLOSED)
            return;
        if (n > 0)
            process(w, n);
        tick(w);
        if (n > 0 && n < BATCH)
            clock_sleep_us(REST_US);
    }
}

enum gw_err workers_start(struct worker_pool **out, const struct worker_options *options)
{
    size_t count = queue_lanes(options->readings);
    struct worker_pool *p = calloc(1, sizeof(*p) + count * sizeof(p->workers[0]));
    if (!p)
        return GW_ENOMEM;
    p->options = *options;
    p->count = count;
    for (size_t i = 0; i < count; i++) {
        struct worker *w = &p->workers[i];
        char name[16];
        w->options = &p->options;
        w->lane = i;
        snprintf(name, sizeof(name), "worker-%u", (unsigned)i % 1000);
        if (thread_start(&w->thread, name, run, w) != GW_OK) {
            queue_close(options->readings);
            workers_join(p);
            return GW_ESYS;
        }
    }
    *out = p;
    return GW_OK;
}

void workers_join(struct worker_pool *p)
{
    if (!p)
        return;
    for (size_t i = 0; i < p->count; i++)
        thread_join(&p->workers[i].thread);
    free(p);
}
