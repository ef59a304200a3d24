/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/http.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/http/asset.h"
#include "gateway/http/events.h"
#include "gateway/http/guard.h"
#include "gateway/http/internal.h"
#include "gateway/http/metrics_page.h"
#include "gateway/http/pulse.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS READERS /* so that each finds a connection to the database */
_Static_assert(THREADS <= PULSES, "each has its pulse");
#define CONNECTIONS 48 /* a browser takes six, one of them for events */
#define CONNECTION_TIMEOUT_S 10
#define NO_DESCRIPTOR_US (200 * US_PER_MS)
#define CONNECTION_MEMORY 16384 /* bytes; a longer request header is refused by the library */

#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "               \
    "frame-ancestors 'none'"

/* --- pages --- */

/* False: they are not known now. */
bool http_count_alerts(struct http *h, struct alert_counts *out)
{
    struct query *q;

    if (readers_take(h->readers, &q) != GW_OK)
        return false;
    enum gw_err err = alert_counts_query(q, clock_wall_us(), out);
    readers_give(h->readers, q);
    return err == GW_OK;
}

static void get_metrics(struct http *h, const struct http_request *r, struct http_reply *out)
{
    struct gateway_status status;
    struct alert_counts alerts;
    size_t length = 0;

    (void)r;
    h->options.status(h->options.arg, &status);
    bool counted = http_count_alerts(h, &alerts);
    char *page = metrics_page(&h->options, &status, counted ? &alerts : NULL, &length);
    reply_text(out, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", page, length);
}

/* 503 when the gateway itself does not work; what is wrong around it is told with a 200. As text,
 * or as JSON for who asks for that. */
static void get_healthz(struct http *h, const struct http_request *r, struct http_reply *out)
{
    const char *accept = request_header(r, MHD_HTTP_HEADER_ACCEPT);
    bool json = accept && strstr(accept, "application/json");
    struct health_report report;
    char *text = NULL;
    size_t length = 0;

    h->options.health(h->options.arg, &report);
    FILE *f = json ? NULL : open_memstream(&text, &length);
    if (f) {
        health_write_text(&report, f);
        fclose(f);
    } else if (json && (text = health_json(&report))) {
        length = strlen(text);
    }
    reply_text(out, health_is_bad(&report) ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
               json ? "application/json" : "text/plain; charset=utf-8", text, length);
}

static bool is_get(const struct http_request *r)
{
    return strcmp(r->method, MHD_HTTP_METHOD_GET) == 0 ||
           strcmp(r->method, MHD_HTTP_METHOD_HEAD) == 0;
}

static void handle(struct http *h, const struct http_request *r, struct http_reply *out)
{
    static const struct {
        const char *path;
        void (*get)(struct http *h, const struct http_request *r, struct http_reply *out);
    } pages[] = {{"/metrics", get_metrics}, {"/healthz", get_healthz}};

    if (strncmp(r->path, "/api/", 5) == 0) {
        api_handle(h, r, out);
        return;
    }
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (strcmp(r->path, pages[i].path) == 0 && is_get(r)) {
            pages[i].get(h, r, out);
            return;
        }
        if (strcmp(r->path, pages[i].path) == 0) {
            reply_error(out, MHD_HTTP_METHOD_NOT_ALLOWED, "this can only be read", "use GET");
            out->allow = "GET, HEAD";
            return;
        }
    }
    reply_error(out, MHD_HTTP_NOT_FOUND, "there is no such page",
                "here are /, /api/v1/openapi.json, /metrics and /healthz");
}

/* A reload may replace the plant meanwhile: a request sees the one that it found. */
static void handle_now(struct http *h, const struct http_request *r, struct http_reply *out)
{
    struct plant *plant = h->options.plants ? plants_hold(h->options.plants) : NULL;
    /* Not `daemon`: a first request may come before it is known. */
    struct http now = {.options = h->options, .readers = h->readers, .events = h->events};

    if (plant) {
        now.options.config = plant->config;
        now.options.sources = plant->sources;
    }
    handle(&now, r, out);
    if (plant)
        plants_release(h->options.plants, plant);
}

/* --- replies --- */

static void add_common_headers(struct MHD_Response *response)
{
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Content-Security-Policy", POLICY);
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
}

static enum MHD_Result queue(struct MHD_Connection *c, unsigned status, struct MHD_Response *r)
{
    if (!r)
        return MHD_NO;
    add_common_headers(r);
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

/* Takes what the reply owns. */
static enum MHD_Result send_reply(struct MHD_Connection *c, struct http_reply *reply)
{
    struct MHD_Response *r = reply->stream;

    if (!r && !reply->text)
        return MHD_NO;
    if (!r) {
        r = MHD_create_response_from_buffer(reply->length, reply->text, MHD_RESPMEM_MUST_FREE);
        if (!r) {
            free(reply->text);
            return MHD_NO;
        }
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
        MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    }
    if (reply->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (reply->allow)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, reply->allow);
    return queue(c, reply->status, r);
}

/* The page is asked for anew each time, and sent when it has changed. */
static enum MHD_Result send_asset(const struct http_request *request, const struct asset *a)
{
    const char *known = request_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH);
    bool is_known = known && strstr(known, a->etag);
    struct MHD_Response *r = MHD_create_response_from_buffer(
        is_known ? 0 : a->length, (void *)(uintptr_t)a->data, MHD_RESPMEM_PERSISTENT);

    if (!r)
        return MHD_NO;
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    MHD_add_response_header(r, MHD_HTTP_HEADER_ETAG, a->etag);
    if (a->is_gzip)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    return queue(request->connection, is_known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, r);
}

static enum MHD_Result answer(struct http *h, const struct http_request *r)
{
    const struct asset *asset = is_get(r) ? asset_find(r->path) : NULL;
    struct http_reply reply = {0};

    if (r->body_too_long)
        reply_error(&reply, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long",
                    "at most 4096 bytes are taken");
    else if (asset)
        return send_asset(r, asset);
    else
        handle_now(h, r, &reply);
    return send_reply(r->connection, &reply);
}

/* --- requests --- */

/* The library decodes the path, after which a slash in a sensor's name looks like any other: what
 * was sent is kept before that. */
static void *on_uri(void *arg, const char *uri, struct MHD_Connection *c)
{
    struct http_request *r = calloc(1, sizeof(*r));

    (void)arg;
    if (!r)
        return NULL;
    r->connection = c;
    r->path = strndup(uri, strcspn(uri, "?"));
    return r;
}

static void on_completed(void *arg, struct MHD_Connection *c, void **request,
                         enum MHD_RequestTerminationCode how)
{
    struct http_request *r = *request;

    (void)arg;
    (void)c;
    (void)how;
    if (r)
        free(r->path);
    free(r);
    *request = NULL;
}

static void keep_body(struct http_request *r, const char *body, size_t size)
{
    if (size > HTTP_BODY_MAX - r->body_length) {
        r->body_too_long = true;
        return;
    }
    memcpy(r->body + r->body_length, body, size);
    r->body_length += size;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **request)
{
    struct http *h = arg;
    struct http_request *r = *request;
    struct http_reply refusal = {0};

    (void)url;
    (void)version;
    if (!r || !r->path)
        return MHD_NO;
    if (!r->method) { /* first the headers alone: only a refusal is answered before the body */
        r->method = method;
        bool is_page = is_get(r) && asset_find(r->path);
        return guard_admits(&h->options.config->http, r, is_page, &refusal)
                   ? MHD_YES
                   : send_reply(c, &refusal);
    }
    if (*body_size > 0) {
        keep_body(r, body, *body_size);
        *body_size = 0;
        return MHD_YES;
    }
    size_t place = pulse_enter(h->pulse);
    enum MHD_Result result = answer(h, r);
    pulse_leave(h->pulse, place);
    return result;
}

/* --- start and stop --- */

static void on_library_log(void *arg, const char *format, va_list args)
{
    char text[200];

    (void)arg;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the library's own text */
    vsnprintf(text, sizeof(text), format, args);
#pragma GCC diagnostic pop
    text[strcspn(text, "\n")] = '\0';
    log_debug("http: %s", text);
    if (!strstr(format, "busy waiting"))
        return;
    /* It has no descriptor for a connection, and would try again at once and without end. */
    log_warning("http: no file descriptor is left for a connection");
    clock_sleep_us(NO_DESCRIPTOR_US);
}

static enum gw_err listen_on(struct http *h, const struct addrinfo *address)
{
    unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG |
                     MHD_ALLOW_SUSPEND_RESUME;

    if (address->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    errno = 0;
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
        MHD_OPTION_SOCK_ADDR, address->ai_addr, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_THREAD_POOL_SIZE, THREADS,
        MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_END);
    if (h->daemon)
        return GW_OK;
    int error = errno;
    log_error("http: cannot listen on %s port %d: %s; choose another http.listen, or `http: off`",
              h->options.config->http.host, h->options.config->http.port,
              error ? strerror(error) : "the server does not start");
    return error == EADDRINUSE ? GW_EBUSY : error == EACCES ? GW_EACCES : GW_ESYS;
}

static enum gw_err resolve(const struct http_section *section, struct addrinfo **addresses)
{
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    char port[12];

    snprintf(port, sizeof(port), "%d", section->port);
    int failed = getaddrinfo(section->host, port, &hints, addresses);
    if (!failed)
        return GW_OK;
    log_error("http: cannot listen on %s: %s", section->host, gai_strerror(failed));
    return GW_ENOENT;
}

enum gw_err http_start(struct http **out, const struct http_options *options)
{
    struct addrinfo *addresses = NULL;
    struct http *h = calloc(1, sizeof(*h));
    enum gw_err err;

    if (!h)
        return GW_ENOMEM;
    h->options = *options;
    h->pulse = calloc(1, sizeof(*h->pulse));
    if (!h->pulse) {
        free(h);
        return GW_ENOMEM;
    }
    pulse_init(h->pulse);
    if ((err = resolve(&options->config->http, &addresses)) == GW_OK &&
        (err = readers_create(&h->readers, options->config->storage.path)) == GW_OK &&
        (err = events_create(&h->events, options)) == GW_OK)
        err = listen_on(h, addresses);
    if (addresses)
        freeaddrinfo(addresses);
    if (err != GW_OK) {
        http_stop(h);
        return err;
    }
    *out = h;
    log_info("http: listening on %s port %u", options->config->http.host, http_port(h));
    return GW_OK;
}

unsigned http_port(const struct http *h)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(h->daemon, MHD_DAEMON_INFO_BIND_PORT);

    return info ? info->port : 0;
}

void http_stop(struct http *h)
{
    if (!h)
        return;
    events_close(h->events); /* the library must not be stopped while a connection is suspended */
    if (h->daemon)
        MHD_stop_daemon(h->daemon);
    events_destroy(h->events);
    readers_destroy(h->readers);
    pulse_fini(h->pulse);
    free(h->pulse);
    free(h);
}

void http_alerts(struct http *h)
{
    events_wake(h->events);
}

void http_alert_now(struct http *h, const struct alert_change *change, const char *instance)
{
    events_alert_now(h->events, change, instance);
}
