/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/thread.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

struct start {
    void (*fn)(void *);
    void *arg;
    struct heartbeat *beat;
    char name[16];
};

static _Thread_local struct heartbeat *own_beat;

static void *run(void *arg)
{
    struct start start = *(struct start *)arg;

    free(arg);
    pthread_setname_np(pthread_self(), start.name);
    own_beat = start.beat;
    start.fn(start.arg);
    heartbeat_rest(start.beat);
    return NULL;
}

enum gw_err thread_start(struct thread *t, const char *name, void (*fn)(void *), void *arg)
{
    struct start *start = malloc(sizeof(*start));
    sigset_t all, before;

    if (!start)
        return GW_ENOMEM;
    start->fn = fn;
    start->arg = arg;
    start->beat = &t->beat;
    snprintf(start->name, sizeof(start->name), "%s", name);

    heartbeat_add(&t->beat, name);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int err = pthread_create(&t->id, NULL, run, start);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (err != 0) {
        log_error("cannot start thread %s: %s", name, log_errno(err));
        heartbeat_remove(&t->beat);
        free(start);
        return GW_ESYS;
    }
    t->running = true;
    return GW_OK;
}

void thread_join(struct thread *t)
{
    if (!t->running)
        return;
    pthread_join(t->id, NULL);
    heartbeat_remove(&t->beat);
    t->running = false;
}

void thread_promise(int64_t within_us)
{
    if (own_beat)
        heartbeat_promise(own_beat, within_us);
}

void cond_init_monotonic(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

void stop_flag_init(struct stop_flag *f)
{
    pthread_mutex_init(&f->lock, NULL);
    cond_init_monotonic(&f->wake);
    f->stop = false;
}

void stop_flag_fini(struct stop_flag *f)
{
    pthread_cond_destroy(&f->wake);
    pthread_mutex_destroy(&f->lock);
}

void stop_flag_raise(struct stop_flag *f)
{
    pthread_mutex_lock(&f->lock);
    f->stop = true;
    pthread_cond_broadcast(&f->wake);
    pthread_mutex_unlock(&f->lock);
}

bool stop_flag_raised(struct stop_flag *f)
{
    pthread_mutex_lock(&f->lock);
    bool stop = f->stop;
    pthread_mutex_unlock(&f->lock);
    return stop;
}

bool stop_flag_wait(struct stop_flag *f, int64_t us)
{
    struct timespec deadline = clock_deadline(us);

    pthread_mutex_lock(&f->lock);
    while (!f->stop) {
        if (pthread_cond_timedwait(&f->wake, &f->lock, &deadline) == ETIMEDOUT)
            break;
    }
    bool stop = f->stop;
    pthread_mutex_unlock(&f->lock);
    return stop;
}
