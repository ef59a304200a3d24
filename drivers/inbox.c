/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/inbox.h"

#include "gateway/core/clock.h"
#include "gateway/core/thread.h"

#include <errno.h>
#include <stddef.h>

void inbox_init(struct inbox *in)
{
    *in = (struct inbox){0};
    pthread_mutex_init(&in->lock, NULL);
    cond_init_monotonic(&in->changed);
}

void inbox_fini(struct inbox *in)
{
    pthread_cond_destroy(&in->changed);
    pthread_mutex_destroy(&in->lock);
}

void inbox_close(struct inbox *in)
{
    pthread_mutex_lock(&in->lock);
    in->closed = true;
    pthread_cond_broadcast(&in->changed);
    pthread_mutex_unlock(&in->lock);
}

bool inbox_closed(struct inbox *in)
{
    pthread_mutex_lock(&in->lock);
    bool closed = in->closed;
    pthread_mutex_unlock(&in->lock);
    return closed;
}

bool inbox_wait(struct inbox *in, int64_t us)
{
    struct timespec deadline = clock_deadline(us);

    pthread_mutex_lock(&in->lock);
    while (!in->closed && !in->first) {
        if (pthread_cond_timedwait(&in->changed, &in->lock, &deadline) == ETIMEDOUT)
            break;
    }
    bool closed = in->closed;
    pthread_mutex_unlock(&in->lock);
    return closed;
}

static struct task *take(struct inbox *in)
{
    struct task *t = in->closed ? NULL : in->first;

    if (t) {
        in->first = t->next;
        t->begun = true;
    }
    return t;
}

void inbox_run(struct inbox *in)
{
    struct task *t;

    pthread_mutex_lock(&in->lock);
    while ((t = take(in))) {
        pthread_mutex_unlock(&in->lock);
        t->run(t);
        pthread_mutex_lock(&in->lock);
        t->done = true;
        pthread_cond_broadcast(&in->changed);
    }
    pthread_mutex_unlock(&in->lock);
}

static void put(struct inbox *in, struct task *t)
{
    t->next = NULL;
    t->begun = t->done = false;
    if (in->first)
        in->last->next = t;
    else
        in->first = t;
    in->last = t;
    pthread_cond_broadcast(&in->changed);
}

static void take_back(struct inbox *in, const struct task *t)
{
    struct task *before = NULL;

    for (struct task *i = in->first; i != t; i = i->next)
        before = i;
    if (before)
        before->next = t->next;
    else
        in->first = t->next;
    if (in->last == t)
        in->last = before;
}

enum gw_err inbox_call(struct inbox *in, struct task *t, int64_t timeout_us)
{
    struct timespec deadline = clock_deadline(timeout_us);
    enum gw_err err = GW_OK;

    pthread_mutex_lock(&in->lock);
    if (in->closed) {
        pthread_mutex_unlock(&in->lock);
        return GW_ECLOSED;
    }
    put(in, t);
    while (!t->done) {
        int late = t->begun ? pthread_cond_wait(&in->changed, &in->lock)
                            : pthread_cond_timedwait(&in->changed, &in->lock, &deadline);
        if (!t->begun && (in->closed || late == ETIMEDOUT)) {
            take_back(in, t);
            err = in->closed ? GW_ECLOSED : GW_ETIMEDOUT;
            break;
        }
    }
    pthread_mutex_unlock(&in->lock);
    return err;
}
