/* SPDX-License-Identifier: Apache-2.0 */
/* Threads: named, with all signals blocked, created and joined by whoever owns the struct. */
#ifndef SENSORGW_CORE_THREAD_H
#define SENSORGW_CORE_THREAD_H

#include "gateway/core/err.h"
#include "gateway/core/heartbeat.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct thread {
    pthread_t id;
    bool running; /* started and not yet joined; the owner's, not the thread's */
    struct heartbeat beat;
};

/* Starts fn(arg) in a thread whose name (cut to 15 bytes) shows in top and in the log. All signals
 * are blocked in it: only main takes signals. t stays where it is until the thread is joined.
 * GW_ESYS when the system has no more threads. */
enum gw_err thread_start(struct thread *t, const char *name, void (*fn)(void *), void *arg);

/* Waits for its end; does nothing for one that was never started or is joined already. */
void thread_join(struct thread *t);

/* The calling thread comes by here again within that time, unless it hangs (heartbeat.h). Nothing
 * for a thread that thread_start() did not make. */
void thread_promise(int64_t within_us);

/* What a thread promises that waits for nothing slow: a loaded machine, a blocked log. */
#define THREAD_PATIENCE_US INT64_C(10000000)
/* The same when it looks up a host, or waits for a slow disk. */
#define THREAD_SLOW_US INT64_C(120000000)

/* A flag that a thread can wait on: how sleeping threads are told to stop. */
struct stop_flag {
    pthread_mutex_t lock;
    pthread_cond_t wake; /* on CLOCK_MONOTONIC */
    bool stop;           /* guarded by lock */
};

void stop_flag_init(struct stop_flag *f);
void stop_flag_fini(struct stop_flag *f);
void stop_flag_raise(struct stop_flag *f); /* wakes every waiter; idempotent */
bool stop_flag_raised(struct stop_flag *f);
/* Sleeps at most `us` µs; true when the flag is raised. */
bool stop_flag_wait(struct stop_flag *f, int64_t us);

/* pthread_cond_init on CLOCK_MONOTONIC. */
void cond_init_monotonic(pthread_cond_t *cond);

#endif
