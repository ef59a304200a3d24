/* SPDX-License-Identifier: Apache-2.0 */
/* The last frames on a line, kept only while somebody looks at them. */
#ifndef SENSORGW_DRIVERS_TRACE_H
#define SENSORGW_DRIVERS_TRACE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TRACE_BYTES 260 /* of a frame; the rest is cut */
#define TRACE_FRAMES 128

struct trace_frame {
    uint64_t number; /* 1, 2, 3 … on this line */
    int64_t time_us; /* UTC */
    bool sent;
    uint16_t length;
    uint8_t bytes[TRACE_BYTES];
};

struct trace {
    pthread_mutex_t lock;
    struct trace_frame *frames; /* guarded by lock; a ring, NULL until somebody looks */
    uint64_t count;             /* guarded by lock */
    _Atomic int64_t until_us;   /* monotonic: not kept beyond */
};

void trace_init(struct trace *t);
void trace_fini(struct trace *t);

/* By whoever uses the line. */
void trace_add(struct trace *t, bool sent, const uint8_t *bytes, size_t n);

/* Copies up to `max` frames with numbers above `after`, oldest first; how many. Keeps frames for
 * the next ten seconds, so whoever wants to go on looking comes again before. Any thread. */
size_t trace_read(struct trace *t, uint64_t after, struct trace_frame *out, size_t max);

#endif
