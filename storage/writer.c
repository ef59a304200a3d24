/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/writer.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/core/thread.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_BATCH 16384
#define WRITES 256   /* sensors that were set, likewise */
#define RESULTS 1024 /* answers of the broker that wait for a transaction */
#define BEAT_US (250 * US_PER_MS)
#define MAINTAIN_US US_PER_SECOND
#define RETRY_MIN_US (50 * US_PER_MS)
#define RETRY_MAX_US (5 * US_PER_SECOND)
#define DROP_PATIENCE_US US_PER_SECOND /* of failure, before readings are dropped */

#define CHANGES_AT_ONCE 64 /* records with transitions stored alone, in one transaction */

#define REST_US (2 * US_PER_MS) /* between looks at the queue: waking costs more than a record */

struct writer {
    /* set once */
    struct writer_options options;
    struct thread thread;

    /* atomic */
    atomic_bool healthy;
    _Atomic int64_t give_up_us; /* monotonic: no more tries after this; INT64_MAX while running */

    pthread_mutex_t lock;
    struct outbox_result results[RESULTS]; /* guarded by lock */
    size_t result_count;                   /* guarded by lock */
    struct write_event *writes;            /* guarded by lock; WRITES of them */
    size_t write_count;                    /* guarded by lock */

    /* the thread's own */
    struct record *batch;
    size_t count;
    size_t told;         /* records [0, told) have had their on_not_durable */
    bool has_changes;    /* some record of the batch has transitions */
    int64_t flush_at_us; /* monotonic; INT64_MAX: nothing to write */
    int64_t flushed_us;  /* last early flush */
    size_t lost;         /* readings dropped since the last good flush */
    int64_t next_lost_log_us;
    bool is_full;             /* readings are kept back: there is no room for them */
    int64_t failing_since_us; /* 0: the last try went well */
    int64_t retry_us;         /* present back-off */
    int64_t retry_at_us;
    int64_t maintain_at_us;
};

/* A worn card may keep a commit waiting for long. */
static void beat(void)
{
    thread_promise(THREAD_SLOW_US);
}

static void count_lost(struct writer *w, const struct record *r)
{
    if (r->has_reading)
        ledger_drop(w->options.ledger, r->reading.source,
                    w->is_full ? DROP_DISK_FULL : DROP_STORE_FAILED, 1);
}

/* The store takes nothing and the batch is full: the older half gives up its readings, never its
 * alert transitions. */
static void make_room(struct writer *w)
{
    size_t half = w->count / 2, kept = 0, told = 0, lost = 0;

    for (size_t i = 0; i < w->count; i++) {
        struct record *r = &w->batch[i];
        if (i < half) {
            count_lost(w, r);
            lost += r->has_reading;
            r->has_reading = false;
        }
        if (!r->has_reading && !r->changes)
            continue;
        told += i < w->told;
        w->batch[kept++] = *r;
    }
    w->count = kept;
    w->told = told;
    w->lost += lost;
    if (clock_mono_us() < w->next_lost_log_us)
        return;
    w->next_lost_log_us = clock_mono_us() + US_PER_MINUTE;
    log_error("database: %s: %zu readings dropped so far",
              w->is_full ? "no room on the disk" : "it still fails", w->lost);
}

/* After WRITER_PATIENCE_US of failure alerts go out without waiting for the store any longer. */
static void tell_not_durable(struct writer *w)
{
    if (w->failing_since_us == 0 || clock_mono_us() - w->failing_since_us < WRITER_PATIENCE_US)
        return;
    for (; w->told < w->count; w->told++) {
        for (const struct alert_change *c = w->batch[w->told].changes; c; c = c->next) {
            metric_add(METRIC_ALERTS_NOT_DURABLE, 1);
            if (w->options.on_not_durable)
                w->options.on_not_durable(w->options.arg, c);
        }
    }
}

static void take_results(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    enum gw_err err = store_outbox_done(w->options.store, w->results, w->result_count);
    if (err == GW_OK)
        w->result_count = 0;
    if (store_note_writes(w->options.store, w->writes, w->write_count) == GW_OK)
        w->write_count = 0;
    pthread_mutex_unlock(&w->lock);
}

static void note_failure(struct writer *w, enum gw_err err, int64_t started_us)
{
    w->is_full = err == GW_ENOSPC;
    if (w->failing_since_us == 0) {
        w->failing_since_us = started_us;
        w->retry_us = RETRY_MIN_US;
        atomic_store(&w->healthy, false);
        log_error("database: a batch of %zu could not be stored (%s): it is kept and tried again",
                  w->count, gw_strerror(err));
    } else {
        w->retry_us = w->retry_us * 2 < RETRY_MAX_US ? w->retry_us * 2 : RETRY_MAX_US;
    }
    w->retry_at_us = clock_mono_us() + w->retry_us;
}

static void note_success(struct writer *w)
{
    if (w->failing_since_us != 0)
        log_info("database: storing again after %.1f s",
                 (double)(clock_mono_us() - w->failing_since_us) / 1e6);
    w->failing_since_us = 0;
    w->retry_at_us = 0;
    if (w->lost > 0)
        log_error("database: %zu readings were dropped meanwhile", w->lost);
    w->lost = 0;
    w->next_lost_log_us = 0;
    w->is_full = false;
    atomic_store(&w->healthy, true);
}

/* There is no room for readings: the transitions of the batch are stored, the readings wait. */
static enum gw_err store_changes(struct writer *w, bool *has_events)
{
    struct record some[CHANGES_AT_ONCE];
    size_t from[CHANGES_AT_ONCE], n = 0;
    enum gw_err err = GW_OK;

    for (size_t i = 0; i <= w->count && err == GW_OK; i++) {
        if (i < w->count && w->batch[i].changes) {
            some[n] = (struct record){.changes = w->batch[i].changes};
            from[n++] = i;
        }
        if (n == 0 || (n < CHANGES_AT_ONCE && i < w->count))
            continue;
        if ((err = store_append(w->options.store, some, n, NULL)) != GW_OK)
            return err;
        for (size_t k = 0; k < n; k++) {
            alert_change_free(w->batch[from[k]].changes);
            w->batch[from[k]].changes = NULL;
        }
        n = 0;
        *has_events = true;
    }
    return err;
}

static void flush_changes(struct writer *w)
{
    int64_t now = clock_mono_us();
    bool has_events = false;

    take_results(w);
    enum gw_err err = store_changes(w, &has_events);
    if (err == GW_OK)
        err = store_append(w->options.store, NULL, 0, NULL); /* results of the outbox */
    beat();
    if (has_events && w->options.on_outbox)
        w->options.on_outbox(w->options.arg);
    if (err != GW_OK) {
        note_failure(w, err, now);
        tell_not_durable(w);
        return;
    }
    w->failing_since_us = 0;
    w->is_full = true;
    w->has_changes = false;
    w->retry_at_us = now + WRITER_EARLY_FLUSH_US;
    atomic_store(&w->healthy, false);
}

static void store_batch(struct writer *w)
{
    int64_t started = clock_mono_us();
    uint64_t duplicates;
    bool has_events = false;

    take_results(w);
    enum gw_err err = store_append(w->options.store, w->batch, w->count, &duplicates);
    beat();
    if (err != GW_OK) {
        note_failure(w, err, started);
        tell_not_durable(w);
        return;
    }
    note_success(w);
    for (size_t i = 0; i < w->count; i++) {
        has_events = has_events || w->batch[i].changes;
        alert_change_free(w->batch[i].changes);
    }
    if (w->has_changes)
        w->flushed_us = started;
    w->count = w->told = 0;
    w->has_changes = false;
    w->flush_at_us = INT64_MAX;
    if (has_events && w->options.on_outbox)
        w->options.on_outbox(w->options.arg);
}

static void flush(struct writer *w)
{
    if (store_has_room(w->options.store))
        store_batch(w);
    else
        flush_changes(w);
}

static bool has_results(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    bool some = w->result_count > 0 || w->write_count > 0;
    pthread_mutex_unlock(&w->lock);
    return some;
}

/* When the batch must be written, given what has just come. */
static void schedule(struct writer *w, size_t from)
{
    int64_t now = clock_mono_us();

    if (w->flush_at_us == INT64_MAX && (w->count > 0 || has_results(w)))
        w->flush_at_us = now + w->options.flush_us;
    for (size_t i = from; i < w->count && !w->has_changes; i++)
        w->has_changes = w->batch[i].changes != NULL;
    int64_t early = w->flushed_us + WRITER_EARLY_FLUSH_US;
    if (w->has_changes && w->flush_at_us > early)
        w->flush_at_us = early;
    if (w->count == w->options.batch)
        w->flush_at_us = now;
}

static bool is_due(const struct writer *w)
{
    int64_t now = clock_mono_us();

    return now >= w->flush_at_us && now >= w->retry_at_us;
}

static int until_next(const struct writer *w)
{
    int64_t due = w->flush_at_us > w->retry_at_us ? w->flush_at_us : w->retry_at_us;
    int64_t wait = due - clock_mono_us();

    if (wait > BEAT_US)
        wait = BEAT_US;
    /* Rounded up, so that the last fraction of a millisecond is slept, not spun. */
    return wait > 0 ? (int)((wait + US_PER_MS - 1) / US_PER_MS) : 0;
}

static void give_up(struct writer *w)
{
    size_t changes = 0;

    for (size_t i = 0; i < w->count; i++) {
        count_lost(w, &w->batch[i]);
        for (const struct alert_change *c = w->batch[i].changes; c; c = c->next)
            changes++;
        alert_change_free(w->batch[i].changes);
    }
    log_error("database still fails at the end: %zu records are lost, with %zu alert transitions",
              w->count, changes);
    w->count = w->told = 0;
    w->has_changes = false;
}

/* A full batch that cannot be written: for a moment everybody waits, then readings make way. */
static void face_full_batch(struct writer *w)
{
    int64_t now = clock_mono_us();

    if (now >= atomic_load(&w->give_up_us))
        give_up(w);
    else if (w->failing_since_us == 0 || now - w->failing_since_us >= DROP_PATIENCE_US)
        make_room(w);
    if (w->count == w->options.batch)
        clock_sleep_us(w->retry_at_us - now < BEAT_US ? w->retry_at_us - now : BEAT_US);
}

/* GW_ECLOSED once nothing will come any more. */
static enum gw_err collect(struct writer *w)
{
    size_t got = 0;

    if (w->count == w->options.batch && (w->failing_since_us != 0 || w->is_full))
        face_full_batch(w);
    size_t from = w->count, room = w->options.batch - from;
    if (room == 0)
        return GW_OK;
    enum gw_err err = queue_pop(w->options.records, 0, w->batch + from, room, until_next(w), &got);
    w->count += got;
    schedule(w, from);
    if (err == GW_OK && until_next(w) > 1)
        clock_sleep_us(REST_US);
    return err == GW_ECLOSED ? GW_ECLOSED : GW_OK;
}

static void maintain(struct writer *w)
{
    int64_t now = clock_mono_us();
    bool more = false;

    if (now < w->maintain_at_us || w->failing_since_us != 0)
        return;
    enum gw_err err = store_maintain(w->options.store, clock_wall_us(), &more);
    w->maintain_at_us = err == GW_OK && more ? now : now + MAINTAIN_US;
    beat();
}

/* The queue is drained: what is left is written, or given up in time. */
static void finish(struct writer *w)
{
    do {
        flush(w);
        beat();
        if (w->count == 0)
            return;
        clock_sleep_us(RETRY_MIN_US);
    } while (clock_mono_us() < atomic_load(&w->give_up_us));
    if (w->count > 0)
        give_up(w);
}

static void run(void *arg)
{
    struct writer *w = arg;

    while (collect(w) != GW_ECLOSED) {
        beat();
        if (is_due(w))
            flush(w);
        tell_not_durable(w);
        maintain(w);
    }
    finish(w);
}

static void destroy(struct writer *w)
{
    pthread_mutex_destroy(&w->lock);
    free(w->batch);
    free(w->writes);
    free(w);
}

enum gw_err writer_start(struct writer **out, const struct writer_options *options)
{
    struct writer *w = calloc(1, sizeof(*w));

    if (!w)
        return GW_ENOMEM;
    w->options = *options;
    if (w->options.batch == 0)
        w->options.batch = DEFAULT_BATCH;
    w->flush_at_us = INT64_MAX;
    pthread_mutex_init(&w->lock, NULL);
    atomic_init(&w->healthy, true);
    atomic_init(&w->give_up_us, INT64_MAX);
    w->batch = calloc(w->options.batch, sizeof(*w->batch));
    w->writes = calloc(WRITES, sizeof(*w->writes));
    enum gw_err err =
        w->batch && w->writes ? thread_start(&w->thread, "writer", run, w) : GW_ENOMEM;
    if (err != GW_OK) {
        destroy(w);
        return err;
    }
    *out = w;
    return GW_OK;
}

enum gw_err writer_outbox_done(struct writer *w, const struct outbox_result *result)
{
    enum gw_err err = GW_EFULL;

    pthread_mutex_lock(&w->lock);
    if (w->result_count < RESULTS) {
        w->results[w->result_count++] = *result;
        err = GW_OK;
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

enum gw_err writer_note_write(struct writer *w, const struct write_event *event)
{
    enum gw_err err = GW_EFULL;

    pthread_mutex_lock(&w->lock);
    if (w->write_count < WRITES) {
        w->writes[w->write_count++] = *event;
        err = GW_OK;
    }
    pthread_mutex_unlock(&w->lock);
    return err;
}

bool writer_healthy(struct writer *w)
{
    return atomic_load(&w->healthy);
}

void writer_stop(struct writer *w, int64_t give_up_us)
{
    if (!w)
        return;
    atomic_store(&w->give_up_us, clock_mono_us() + give_up_us);
    queue_close(w->options.records);
    thread_join(&w->thread);
    destroy(w);
}
