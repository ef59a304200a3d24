/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/requests.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/core/thread.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 32 /* requests; what is beyond is dropped and counted */
#define HANDLERS_MAX 32
#define TICK_US (500 * US_PER_MS)

struct handler {
    struct requests *requests;
    char filter[REQUEST_TOPIC_SIZE];
    const char *ignore;
    request_fn *fn;
    void *arg;
    unsigned subscription;
    bool subscribed;
};

struct waiting {
    struct request request;
    const struct handler *handler;
};

struct requests {
    struct mqtt_client *client;
    struct handler
        handlers[HANDLERS_MAX]; /* of who starts it: each is complete before it is subscribed */
    size_t handler_count;
    bool started; /* of who starts it, as are the handlers */
    struct thread thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* guarded by lock */
    struct waiting waiting[WAITING_MAX];
    size_t first, count;
    uint64_t dropped; /* since it was last said */
    bool stop;
};

/* --- Paho's thread --- */

static bool is_ignored(const struct handler *h, const struct mqtt_message *m)
{
    size_t length = h->ignore ? strlen(h->ignore) : 0;

    return length > 0 && m->topic_length > length &&
           m->topic[m->topic_length - length - 1] == '/' &&
           strcmp(m->topic + m->topic_length - length, h->ignore) == 0;
}

static void on_message(void *arg, const struct mqtt_message *m)
{
    const struct handler *h = arg;
    struct requests *r = h->requests;

    if (m->topic_length >= REQUEST_TOPIC_SIZE || is_ignored(h, m))
        return;
    pthread_mutex_lock(&r->lock);
    if (r->count < WAITING_MAX) {
        struct waiting *w = &r->waiting[(r->first + r->count++) % WAITING_MAX];
        w->handler = h;
        memcpy(w->request.topic, m->topic, m->topic_length + 1);
        w->request.length = m->length;
        w->request.retained = m->retained;
        memcpy(w->request.payload, m->payload,
               m->length < REQUEST_PAYLOAD_MAX ? m->length : REQUEST_PAYLOAD_MAX);
        pthread_cond_signal(&r->changed);
    } else {
        r->dropped++;
    }
    pthread_mutex_unlock(&r->lock);
}

/* --- its own thread --- */

/* False when it must stop. */
static bool next_request(struct requests *r, struct waiting *out, uint64_t *dropped)
{
    struct timespec deadline = clock_deadline(TICK_US);

    pthread_mutex_lock(&r->lock);
    while (!r->stop && r->count == 0) {
        thread_promise(THREAD_SLOW_US); /* carrying one out may wait for a line */
        pthread_cond_timedwait(&r->changed, &r->lock, &deadline);
        deadline = clock_deadline(TICK_US);
    }
    bool go_on = !r->stop;
    if (go_on) {
        *out = r->waiting[r->first];
        r->first = (r->first + 1) % WAITING_MAX;
        r->count--;
        *dropped = r->dropped;
        r->dropped = 0;
    }
    pthread_mutex_unlock(&r->lock);
    return go_on;
}

static void run(void *arg)
{
    struct requests *r = arg;
    struct waiting w;
    uint64_t dropped;

    while (next_request(r, &w, &dropped)) {
        if (dropped > 0) {
            metric_add(METRIC_REQUESTS_DROPPED, (int64_t)dropped);
            log_warning("%llu requests over MQTT dropped: they come faster than they can be "
                        "carried out",
                        (unsigned long long)dropped);
        }
        w.handler->fn(w.handler->arg, &w.request);
    }
}

/* --- life --- */

enum gw_err requests_create(struct requests **out, struct mqtt_client *client)
{
    struct requests *r = calloc(1, sizeof(*r));

    if (!r)
        return GW_ENOMEM;
    r->client = client;
    pthread_mutex_init(&r->lock, NULL);
    cond_init_monotonic(&r->changed);
    *out = r;
    return GW_OK;
}

static enum gw_err subscribe(struct handler *h)
{
    enum gw_err err =
        mqtt_client_subscribe(h->requests->client, h->filter, 0, on_message, h, &h->subscription);

    h->subscribed = err == GW_OK;
    return err;
}

enum gw_err requests_add(struct requests *r, const char *filter, const char *ignore, request_fn *fn,
                         void *arg)
{
    if (r->handler_count == HANDLERS_MAX)
        return GW_EFULL;
    struct handler *h = &r->handlers[r->handler_count++];
    *h = (struct handler){.requests = r, .ignore = ignore, .fn = fn, .arg = arg};
    snprintf(h->filter, sizeof(h->filter), "%s", filter);
    return r->started ? subscribe(h) : GW_OK;
}

enum gw_err requests_start(struct requests *r)
{
    enum gw_err err = GW_OK;

    for (size_t i = 0; err == GW_OK && i < r->handler_count; i++)
        err = subscribe(&r->handlers[i]);
    if (err != GW_OK || r->handler_count == 0)
        return err;
    err = thread_start(&r->thread, "requests", run, r);
    r->started = err == GW_OK;
    return err;
}

void requests_stop(struct requests *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < r->handler_count; i++) {
        if (r->handlers[i].subscribed)
            mqtt_client_unsubscribe(r->client, r->handlers[i].subscription);
    }
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    thread_join(&r->thread);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
