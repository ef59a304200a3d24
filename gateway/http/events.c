/* SPDX-License-Identifier: Apache-2.0 */
/* A stream whose client has all there is, is suspended (libmicrohttpd's word: it costs a socket and
 * no thread); the thread here looks four times a second which have news, and resumes those. */
#include "gateway/http/events_parts.h"

#include "gateway/core/clock.h"
#include "gateway/live.h"
#include "storage/query.h"

#include <stdlib.h>

#define TICK_US (250 * US_PER_MS)
#define BEAT_US (5 * US_PER_SECOND) /* a comment, so that both sides notice a dead connection */

void events_wake(struct events *e)
{
    pthread_mutex_lock(&e->lock);
    e->stored = true;
    pthread_cond_signal(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

static void wait_locked(struct events *e)
{
    struct timespec until = clock_deadline(TICK_US);

    if (e->closing || e->stored)
        return;
    if (e->count > 0)
        pthread_cond_timedwait(&e->changed, &e->lock, &until);
    else
        pthread_cond_wait(&e->changed, &e->lock);
}

static void resume_locked(struct events *e)
{
    int64_t now = clock_mono_us();

    e->version = live_version(e->options.live);
    if (now >= e->next_beat_us) {
        e->next_beat_us = now + BEAT_US;
        e->beats++;
    }
    for (struct events_client *c = e->clients; c; c = c->next) {
        if (c->suspended && events_has_news_locked(c)) {
            c->suspended = false;
            MHD_resume_connection(c->connection);
        }
    }
}

static void run(void *arg)
{
    struct events *e = arg;
    bool go_on = true;

    while (go_on) {
        pthread_mutex_lock(&e->lock);
        wait_locked(e);
        bool stored = e->stored;
        e->stored = false;
        pthread_mutex_unlock(&e->lock);
        bool failed = stored && !events_read_stored(e);
        pthread_mutex_lock(&e->lock);
        resume_locked(e);
        go_on = !e->closing;
        pthread_mutex_unlock(&e->lock);
        if (failed) { /* again, but not at once */
            clock_sleep_us(TICK_US);
            events_wake(e);
        }
    }
}

/* Only what happens from now on is told. */
static void skip_past(struct events *e)
{
    if (query_open(&e->query, e->options.config->storage.path) == GW_OK)
        query_last_event(e->query, &e->last_seq);
}

enum gw_err events_create(struct events **out, const struct http_options *options)
{
    struct events *e = calloc(1, sizeof(*e));

    if (!e)
        return GW_ENOMEM;
    e->options = *options;
    pthread_mutex_init(&e->lock, NULL);
    cond_init_monotonic(&e->changed);
    skip_past(e);
    if (thread_start(&e->thread, "http-events", run, e) != GW_OK) {
        events_destroy(e);
        return GW_ESYS;
    }
    *out = e;
    return GW_OK;
}

void events_close(struct events *e)
{
    if (!e)
        return;
    pthread_mutex_lock(&e->lock);
    e->closing = true;
    pthread_cond_signal(&e->changed);
    pthread_mutex_unlock(&e->lock);
    thread_join(&e->thread); /* it has resumed them all */
}

void events_destroy(struct events *e)
{
    if (!e)
        return;
    query_close(e->query);
    for (size_t i = 0; i < EVENTS_RING; i++)
        free(e->ring[i]);
    pthread_cond_destroy(&e->changed);
    pthread_mutex_destroy(&e->lock);
    free(e);
}
