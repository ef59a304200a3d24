/* SPDX-License-Identifier: Apache-2.0 */
/* A stream whose client has all there is, is suspended (libmicrohttpd's word: it costs a socket and
 * no thread); the thread here looks four times a second which have news, and resumes those. */
#include "gateway/http/events.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/thread.h"
#include "gateway/json.h"
#include "gateway/live.h"
#include "gateway/message.h"
#include "storage/query.h"
#include "version.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TICK_US (250 * US_PER_MS)
#define BEAT_US (5 * US_PER_SECOND) /* a comment, so that both sides notice a dead connection */
#define READINGS 64                 /* in one event */
#define BLOCK 4096                  /* that the library asks for at once */

struct client {
    struct events *hub;
    struct MHD_Connection *connection;
    struct client *next; /* guarded by the hub's lock */
    bool suspended;      /* guarded by the hub's lock */

    /* what it has been told */
    bool greeted;
    uint64_t alerts, beats;
    uint64_t version;  /* of the live values */
    uint64_t target;   /* that it will have when the pass over the sensors is through */
    uint32_t position; /* of the pass: next sensor; UINT32_MAX: none is under way */

    /* being sent */
    char *text;
    size_t length, sent;
};

struct events {
    struct http_options options; /* set once */
    struct thread thread;

    /* the thread's own */
    struct query *query;
    int64_t last_seq;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* guarded by lock */
    bool closing, stored; /* stored: there are transitions to read */
    struct client *clients;
    size_t count;
    uint64_t version; /* of the live values, as of the last tick */
    uint64_t beats;
    int64_t next_beat_us;
    char *ring[EVENTS_RING]; /* transitions as JSON; [n % EVENTS_RING] is the n-th */
    uint64_t alerts;         /* so far */
};

/* --- what a client is told --- */

static bool has_news_locked(const struct client *c)
{
    const struct events *e = c->hub;

    return e->closing || !c->greeted || c->alerts != e->alerts || c->version != e->version ||
           c->position != UINT32_MAX || c->beats != e->beats;
}

static char *event_text(const char *event, char *json)
{
    char *text = NULL;

    if (json && asprintf(&text, "event: %s\ndata: %s\n\n", event, json) < 0)
        text = NULL;
    free(json);
    return text;
}

static char *greeting(const struct events *e)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "gateway", e->options.config->gateway.name);
    cJSON_AddStringToObject(o, "version", SENSORGW_VERSION);
    return event_text("hello", json_print(o));
}

/* The next transition, or word that some are gone. */
static char *alert_text(struct client *c)
{
    struct events *e = c->hub;
    char *json;

    pthread_mutex_lock(&e->lock);
    bool is_behind = e->alerts - c->alerts > EVENTS_RING;
    json = is_behind ? strdup("{}") : strdup(e->ring[c->alerts % EVENTS_RING]);
    c->alerts = is_behind ? e->alerts : c->alerts + 1;
    pthread_mutex_unlock(&e->lock);
    return event_text(is_behind ? "resync" : "alert", json);
}

static cJSON *reading_json(const struct events *e, const struct reading *r)
{
    const struct sensor *s = sensor_table_get(e->options.sensors, r->sensor);
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "sensor", s ? s->name : "");
    json_add_reading(o, r);
    return o;
}

/* The next part of the pass over the sensors; NULL: nothing in it was new. */
static char *readings_text(struct client *c)
{
    struct reading readings[READINGS];
    size_t n = live_since(c->hub->options.live, c->version, &c->position, readings, READINGS);
    cJSON *list = n ? cJSON_CreateArray() : NULL;

    for (size_t i = 0; i < n; i++)
        cJSON_AddItemToArray(list, reading_json(c->hub, &readings[i]));
    if (c->position == UINT32_MAX)
        c->version = c->target;
    return n ? event_text("readings", json_print(list)) : NULL;
}

/* Makes the next text; NULL: nothing to say at the moment. */
static char *next_text(struct client *c)
{
    struct events *e = c->hub;

    if (!c->greeted) {
        c->greeted = true;
        return greeting(e);
    }
    pthread_mutex_lock(&e->lock);
    bool alert = c->alerts != e->alerts, beat = c->beats != e->beats;
    if (c->position == UINT32_MAX && c->version != e->version) {
        c->position = 0;
        c->target = e->version;
    }
    c->beats = e->beats;
    pthread_mutex_unlock(&e->lock);
    if (alert)
        return alert_text(c);
    while (c->position != UINT32_MAX) {
        char *text = readings_text(c);
        if (text)
            return text;
    }
    return beat ? strdup(": beat\n\n") : NULL;
}

static ssize_t send_some(struct client *c, char *out, size_t max)
{
    size_t n = c->length - c->sent < max ? c->length - c->sent : max;

    memcpy(out, c->text + c->sent, n);
    c->sent += n;
    if (c->sent == c->length) {
        free(c->text);
        c->text = NULL;
    }
    return (ssize_t)n;
}

/* True: nothing can be said until the thread resumes the connection. */
static bool suspend(struct client *c)
{
    pthread_mutex_lock(&c->hub->lock);
    bool rest = !has_news_locked(c);
    if (rest) {
        c->suspended = true;
        MHD_suspend_connection(c->connection);
    }
    pthread_mutex_unlock(&c->hub->lock);
    return rest;
}

static bool is_closing(struct events *e)
{
    pthread_mutex_lock(&e->lock);
    bool closing = e->closing;
    pthread_mutex_unlock(&e->lock);
    return closing;
}

/* MHD_ContentReaderCallback: what the stream goes on with. */
static ssize_t on_read(void *arg, uint64_t position, char *out, size_t max)
{
    struct client *c = arg;

    (void)position;
    if (is_closing(c->hub))
        return MHD_CONTENT_READER_END_OF_STREAM;
    if (!c->text) {
        c->text = next_text(c);
        c->length = c->text ? strlen(c->text) : 0;
        c->sent = 0;
    }
    if (c->text)
        return send_some(c, out, max);
    suspend(c);
    return 0; /* the library asks again, at once or when resumed */
}

/* --- coming and going --- */

static void on_gone(void *arg)
{
    struct client *c = arg;
    struct events *e = c->hub;

    pthread_mutex_lock(&e->lock);
    struct client **at = &e->clients;
    while (*at && *at != c)
        at = &(*at)->next;
    if (*at) {
        *at = c->next;
        e->count--;
    }
    pthread_mutex_unlock(&e->lock);
    free(c->text);
    free(c);
}

static bool admit(struct events *e, struct client *c)
{
    pthread_mutex_lock(&e->lock);
    bool ok = e->count < EVENTS_CLIENTS && !e->closing;
    if (ok) {
        c->next = e->clients;
        c->alerts = e->alerts;
        c->beats = e->beats;
        e->clients = c;
        if (e->count++ == 0)
            pthread_cond_signal(&e->changed);
    }
    pthread_mutex_unlock(&e->lock);
    return ok;
}

void events_join(struct events *e, const struct http_request *r, struct http_reply *out)
{
    struct client *c = calloc(1, sizeof(*c));

    if (c)
        *c = (struct client){.hub = e, .connection = r->connection, .position = UINT32_MAX};
    if (!c || !admit(e, c)) {
        free(c);
        reply_error(
            out, MHD_HTTP_SERVICE_UNAVAILABLE, "too many listen to events already",
            "close another window that shows this page, or ask /api/v1/sensors now and then");
        return;
    }
    out->stream = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, on_read, c, on_gone);
    if (!out->stream) {
        on_gone(c);
        return;
    }
    out->status = MHD_HTTP_OK;
    MHD_add_response_header(out->stream, MHD_HTTP_HEADER_CONTENT_TYPE, "text/event-stream");
    MHD_add_response_header(out->stream, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(out->stream, "X-Accel-Buffering", "no"); /* nginx in between */
}

/* --- alerts --- */

static void add_alert(struct events *e, const struct alert_message *m)
{
    char topic[TOPIC_SIZE];
    char *text = message_transition(e->options.config, m, topic);

    if (!text)
        return;
    pthread_mutex_lock(&e->lock);
    char **place = &e->ring[e->alerts % EVENTS_RING];
    free(*place);
    *place = text;
    e->alerts++;
    pthread_mutex_unlock(&e->lock);
}

void events_alert_now(struct events *e, const struct alert_change *change, const char *instance)
{
    const struct sensor *s = sensor_table_get(e->options.sensors, change->sensor);

    add_alert(e, &(struct alert_message){
                     .state = alert_state_name(change->state),
                     .severity = severity_name(change->severity),
                     .sensor = s ? s->name : "",
                     .unit = s ? s->unit : "",
                     .rule = change->rule,
                     .value = change->value,
                     .limit = change->limit,
                     .since_us = change->since_us,
                     .reason = alert_reason_name(change->reason),
                     .who = change->who,
                     .comment = change->comment,
                     .until_us = change->until_us,
                     .repeat = change->repeat,
                     .time_us = change->time_us,
                     .instance = instance,
                     .alert_id = change->alert_id,
                     .durable = false,
                 });
}

static bool each_stored(void *arg, const struct outbox_row *row)
{
    struct events *e = arg;

    e->last_seq = row->seq;
    add_alert(e, &(struct alert_message){
                     .state = row->state,
                     .severity = row->severity,
                     .sensor = row->sensor,
                     .unit = row->unit,
                     .rule = row->rule,
                     .value = row->value,
                     .limit = row->limit,
                     .since_us = row->since_us,
                     .reason = row->reason,
                     .who = row->who,
                     .comment = row->comment,
                     .until_us = row->until_us,
                     .repeat = row->repeat,
                     .time_us = row->time_us,
                     .instance = row->instance,
                     .alert_id = row->alert_id,
                     .seq = row->seq,
                     .durable = true,
                 });
    return true;
}

/* What is told is what is stored, as with the broker. False: it could not be read now. */
static bool read_stored(struct events *e)
{
    if (!e->query && query_open(&e->query, e->options.config->storage.path) != GW_OK)
        return false;
    int64_t before;
    do {
        before = e->last_seq;
        if (query_events(e->query, before, EVENTS_RING, each_stored, e) != GW_OK)
            return false;
    } while (e->last_seq != before);
    return true;
}

void events_wake(struct events *e)
{
    pthread_mutex_lock(&e->lock);
    e->stored = true;
    pthread_cond_signal(&e->changed);
    pthread_mutex_unlock(&e->lock);
}

/* --- the thread --- */

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
    for (struct client *c = e->clients; c; c = c->next) {
        if (c->suspended && has_news_locked(c)) {
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
        bool failed = stored && !read_stored(e);
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
