/* SPDX-License-Identifier: Apache-2.0 */
/* A client of the stream: what it is told, and when it comes and goes. */
#include "gateway/http/events_parts.h"
#include "gateway/json.h"
#include "gateway/live.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RETRY_S 10
#define READINGS 64 /* in one event */
#define BLOCK 4096  /* that the library asks for at once */

/* --- what a client is told --- */

bool events_has_news_locked(const struct events_client *c)
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
static char *alert_text(struct events_client *c)
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
static char *readings_text(struct events_client *c)
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
static char *next_text(struct events_client *c)
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

static ssize_t send_some(struct events_client *c, char *out, size_t max)
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
static bool suspend(struct events_client *c)
{
    pthread_mutex_lock(&c->hub->lock);
    bool rest = !events_has_news_locked(c);
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
    struct events_client *c = arg;

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
    struct events_client *c = arg;
    struct events *e = c->hub;

    pthread_mutex_lock(&e->lock);
    struct events_client **at = &e->clients;
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

static bool admit(struct events *e, struct events_client *c)
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

static void refuse(struct http_reply *out)
{
    char error[80];

    snprintf(error, sizeof(error), "all %d streams of events are taken", EVENTS_CLIENTS);
    reply_error(out, MHD_HTTP_SERVICE_UNAVAILABLE, error,
                "close another window that shows this page, or ask /api/v1/sensors now and then");
    out->retry_s = RETRY_S;
}

void events_join(struct events *e, const struct http_request *r, struct http_reply *out)
{
    struct events_client *c = calloc(1, sizeof(*c));

    if (c)
        *c = (struct events_client){.hub = e, .connection = r->connection, .position = UINT32_MAX};
    if (!c || !admit(e, c)) {
        free(c);
        refuse(out);
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
