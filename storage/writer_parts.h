/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the writer share: writer.c, the thread and when it does what, and
 * writer_batch.c, what becomes of the records it holds. */
#ifndef SENSORGW_STORAGE_WRITER_PARTS_H
#define SENSORGW_STORAGE_WRITER_PARTS_H

#include "gateway/core/clock.h"
#include "gateway/core/thread.h"
#include "storage/writer.h"

#include <pthread.h>
#include <stdatomic.h>

#define WRITER_RESULTS 1024 /* answers of the broker that wait for a transaction */
#define WRITER_WRITES 256   /* sensors that were set, likewise */
#define WRITER_RETRY_MIN_US (50 * US_PER_MS)
#define WRITER_BEAT_US (250 * US_PER_MS)

struct writer {
    /* set once */
    struct writer_options options;
    struct thread thread;

    /* atomic */
    atomic_bool healthy;
    _Atomic int64_t give_up_us; /* monotonic: no more tries after this; INT64_MAX while running */

    pthread_mutex_t lock;
    struct outbox_result results[WRITER_RESULTS]; /* guarded by lock */
    size_t result_count;                          /* guarded by lock */
    struct write_event *writes;                   /* guarded by lock; WRITER_WRITES of them */
    size_t write_count;                           /* guarded by lock */

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
static inline void writer_beat(void)
{
    thread_promise(THREAD_SLOW_US);
}

/* writer_batch.c; all in the writer's thread */

/* Stores the batch, or keeps it and says when to try again. Without room on the disk its
 * transitions alone are stored, and the readings wait. */
void writer_flush(struct writer *w);
/* A full batch that cannot be written: for a moment everybody waits, then readings make way. */
void writer_face_full_batch(struct writer *w);
/* After WRITER_PATIENCE_US of failure alerts go out without waiting for the store any longer. */
void writer_tell_not_durable(struct writer *w);
/* No more tries: what is left is lost, and counted. */
void writer_give_up(struct writer *w);

#endif
