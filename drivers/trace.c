/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/trace.h"

#include "gateway/core/clock.h"

#include <stdlib.h>
#include <string.h>

#define KEEP_US (10 * US_PER_SECOND)

void trace_init(struct trace *t)
{
    pthread_mutex_init(&t->lock, NULL);
    t->frames = NULL;
    t->count = 0;
    atomic_init(&t->until_us, INT64_MIN);
}

void trace_fini(struct trace *t)
{
    free(t->frames);
    pthread_mutex_destroy(&t->lock);
}

void trace_add(struct trace *t, bool sent, const uint8_t *bytes, size_t n)
{
    if (clock_mono_us() > atomic_load_explicit(&t->until_us, memory_order_relaxed))
        return;
    pthread_mutex_lock(&t->lock);
    if (t->frames) {
        struct trace_frame *f = &t->frames[t->count++ % TRACE_FRAMES];
        *f = (struct trace_frame){
            .number = t->count, .time_us = clock_wall_us(), .sent = sent, .length = (uint16_t)n};
        memcpy(f->bytes, bytes, n < TRACE_BYTES ? n : TRACE_BYTES);
    }
    pthread_mutex_unlock(&t->lock);
}

size_t trace_read(struct trace *t, uint64_t after, struct trace_frame *out, size_t max)
{
    size_t n = 0;

    atomic_store(&t->until_us, clock_mono_us() + KEEP_US);
    pthread_mutex_lock(&t->lock);
    if (!t->frames)
        t->frames = calloc(TRACE_FRAMES, sizeof(*t->frames));
    uint64_t oldest = t->count > TRACE_FRAMES ? t->count - TRACE_FRAMES : 0;
    for (uint64_t i = after > oldest ? after : oldest; t->frames && i < t->count && n < max; i++)
        out[n++] = t->frames[i % TRACE_FRAMES];
    pthread_mutex_unlock(&t->lock);
    return n;
}
