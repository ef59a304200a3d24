/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of the records that the writer holds: stored, kept for another try, or dropped in
 * part when there are too many. */
#include "storage/writer_parts.h"

#include "gateway/core/log.h"
#include "gateway/core/metrics.h"

#define RETRY_MAX_US (5 * US_PER_SECOND)
#define DROP_PATIENCE_US US_PER_SECOND /* of failure, before readings are dropped */
#define CHANGES_AT_ONCE 64 /* records with transitions stored alone, in one transaction */

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

void writer_tell_not_durable(struct writer *w)
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
        w->retry_us = WRITER_RETRY_MIN_US;
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
    writer_beat();
    if (has_events && w->options.on_outbox)
        w->options.on_outbox(w->options.arg);
    if (err != GW_OK) {
        note_failure(w, err, now);
        writer_tell_not_durable(w);
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
    writer_beat();
    if (err != GW_OK) {
        note_failure(w, err, started);
        writer_tell_not_durable(w);
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

void writer_flush(struct writer *w)
{
    if (store_has_room(w->options.store))
        store_batch(w);
    else
        flush_changes(w);
}

void writer_give_up(struct writer *w)
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

void writer_face_full_batch(struct writer *w)
{
    int64_t now = clock_mono_us();

    if (now >= atomic_load(&w->give_up_us))
        writer_give_up(w);
    else if (w->failing_since_us == 0 || now - w->failing_since_us >= DROP_PATIENCE_US)
        make_room(w);
    if (w->count == w->options.batch)
        clock_sleep_us(w->retry_at_us - now < WRITER_BEAT_US ? w->retry_at_us - now
                                                             : WRITER_BEAT_US);
}
