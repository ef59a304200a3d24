/* SPDX-License-Identifier: Apache-2.0 */
/* Signs of life. A thread promises to come by again within so much time, before it does something
 * that may take as long; whoever watches asks which promises are broken. So each thread itself
 * knows how long it may be silent: a worker a moment, a source that looks up a host minutes.
 * Threads of gateway/core/thread.h have one by themselves: thread_promise(). */
#ifndef SENSORGW_CORE_HEARTBEAT_H
#define SENSORGW_CORE_HEARTBEAT_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HEARTBEAT_NAME_SIZE 32

struct heartbeat {
    char name[HEARTBEAT_NAME_SIZE]; /* set once */
    bool is_vital;                  /* set once */
    _Atomic int64_t due_us;         /* monotonic: the promise; INT64_MAX: at rest */
    struct heartbeat *next;         /* guarded by the list's lock */
};

/* Puts it, at rest, on the list of those that are watched. Copies the name; borrows h until
 * heartbeat_remove(). Any thread, as all below. */
void heartbeat_add(struct heartbeat *h, const char *name);
/* The same for one without which the gateway still does its work: that it hangs is told, and no
 * reason to start the gateway anew. */
void heartbeat_add_minor(struct heartbeat *h, const char *name);
void heartbeat_remove(struct heartbeat *h); /* one that was never added is ok */

/* The next promise comes within that time. */
void heartbeat_promise(struct heartbeat *h, int64_t within_us);
/* Nothing is promised: it waits for work for as long as it takes. */
void heartbeat_rest(struct heartbeat *h);

struct heartbeat_view {
    char name[HEARTBEAT_NAME_SIZE];
    bool is_vital;
    int64_t due_us; /* monotonic; INT64_MAX: at rest */
};
/* Copies at most `max` of those whose promise ran out before now_us; returns how many there are.
 * INT64_MAX as now_us: all but those at rest. */
size_t heartbeat_late(int64_t now_us, struct heartbeat_view *out, size_t max);
/* How many of them are vital. */
size_t heartbeat_late_vital(int64_t now_us);

#endif
