/* SPDX-License-Identifier: Apache-2.0 */
/* The thread: when the batch is due, and what is done between two batches. */
#include "storage/writer_parts.h"

#include <stdlib.h>
#include <string.h>

#define DEFAULT_BATCH 16384
#define MAINTAIN_US US_PER_SECOND
#define REST_US (2 * US_PER_MS) /* between looks at the queue: waking costs more than a record */

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

    if (wait > WRITER_BEAT_US)
        wait = WRITER_BEAT_US;
    /* Rounded up, so that the last fraction of a millisecond is slept, not spun. */
    return wait > 0 ? (int)((wait + US_PER_MS - 1) / US_PER_MS) : 0;
}

/* GW_ECLOSED once nothing will come any more. */
static enum gw_err collect(struct writer *w)
{
    size_t got = 0;

    if (w->count == w->options.batch && (w->failing_since_us != 0 || w->is_full))
        writer_face_full_batch(w);
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
    writer_beat();
}

/* The queue is drained: what is left is written, or given up in time. */
static void finish(struct writer *w)
{
    do {
        writer_flush(w);
        writer_beat();
        if (w->count == 0)
            return;
        clock_sleep_us(WRITER_RETRY_MIN_US);
    } while (clock_mono_us() < atomic_load(&w->give_up_us));
    if (w->count > 0)
        writer_give_up(w);
}

static void run(void *arg)
{
    struct writer *w = arg;

    while (collect(w) != GW_ECLOSED) {
        writer_beat();
        if (is_due(w))
            writer_flush(w);
        writer_tell_not_durable(w);
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
    w->writes = calloc(WRITER_WRITES, sizeof(*w->writes));
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
    if (w->result_count < WRITER_RESULTS) {
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
    if (w->write_count < WRITER_WRITES) {
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
