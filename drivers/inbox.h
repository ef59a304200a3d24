/* SPDX-License-Identifier: Apache-2.0 */
/* How other threads get something done in a source's own thread, which alone may use its line:
 * they put a task into its inbox and wait; the thread runs it between two requests. The same place
 * wakes a thread that sleeps, and tells it to stop. */
#ifndef SENSORGW_DRIVERS_INBOX_H
#define SENSORGW_DRIVERS_INBOX_H

#include "gateway/core/err.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* Lives with the caller of inbox_call(); may be the first member of something larger. */
struct task {
    void (*run)(struct task *t); /* in the thread that owns the inbox */
    struct task *next;
    bool begun, done;
};

struct inbox {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* on CLOCK_MONOTONIC */
    /* guarded by lock */
    struct task *first, *last;
    bool closed;
};

void inbox_init(struct inbox *in);
void inbox_fini(struct inbox *in);

/* Wakes the owner and refuses tasks from now on; those not begun are given back. Idempotent. */
void inbox_close(struct inbox *in);
bool inbox_closed(struct inbox *in);

/* The owner: waits for a task or for the end, at most `us` µs; true when closed. */
bool inbox_wait(struct inbox *in, int64_t us);
/* The owner: runs what waits. No lock is held meanwhile. */
void inbox_run(struct inbox *in);

/* Any other thread: has the task run, and returns when it is done. GW_ETIMEDOUT: the owner did not
 * get to it in time, and will not run it; GW_ECLOSED: it will not either. */
enum gw_err inbox_call(struct inbox *in, struct task *t, int64_t timeout_us);

#endif
