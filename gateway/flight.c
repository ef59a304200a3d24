/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/flight.h"

#include "gateway/core/clock.h"

void flight_init(struct flight *f)
{
    *f = (struct flight){.state = FLIGHT_NONE};
    pthread_mutex_init(&f->lock, NULL);
}

void flight_destroy(struct flight *f)
{
    pthread_mutex_destroy(&f->lock);
}

static void enter(struct flight *f, enum flight_state state)
{
    pthread_mutex_lock(&f->lock);
    f->state = state;
    pthread_mutex_unlock(&f->lock);
}

void flight_begin(struct flight *f)
{
    enter(f, FLIGHT_SENT);
}

void flight_end(struct flight *f)
{
    enter(f, FLIGHT_NONE);
}

void flight_answer(struct flight *f, int reason)
{
    pthread_mutex_lock(&f->lock);
    if (f->state == FLIGHT_SENT) {
        f->state = FLIGHT_ANSWERED;
        f->reason = reason;
        f->answered_us = clock_mono_us();
    }
    pthread_mutex_unlock(&f->lock);
}

enum flight_state flight_look(struct flight *f)
{
    pthread_mutex_lock(&f->lock);
    enum flight_state state = f->state;
    pthread_mutex_unlock(&f->lock);
    return state;
}

int flight_take(struct flight *f, int64_t *answered_us)
{
    pthread_mutex_lock(&f->lock);
    int reason = f->reason;
    if (answered_us)
        *answered_us = f->answered_us;
    f->state = FLIGHT_NONE;
    pthread_mutex_unlock(&f->lock);
    return reason;
}
