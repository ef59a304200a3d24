/* SPDX-License-Identifier: Apache-2.0 */
/* What the library calls: from a connection to a request to a reply. */
#include "gateway/http/serve.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/http/guard.h"
#include "gateway/http/internal.h"
#include "gateway/http/pulse.h"
#include "gateway/http/seats.h"
#include "gateway/http/send.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define THREADS READERS /* so that each finds a connection to the database */
_Static_assert(THREADS <= PULSES, "each has its pulse");
/* Of one thread: it goes on accepting until the seats are full, though others have none. */
_Static_assert(SEATS_ROOM / THREADS > SEATS, "a newcomer gets in when all seats are taken");
#define SILENCE_S 10
#define NO_DESCRIPTOR_US (200 * US_PER_MS)
#define CONNECTION_MEMORY 16384 /* bytes; a longer request header is refused by the library */

/* --- connections --- */

static struct seat *seat_of(struct MHD_Connection *c)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    return info ? info->socket_context : NULL;
}

static void on_connection(void *arg, struct MHD_Connection *c, void **seat,
                          enum MHD_ConnectionNotificationCode what)
{
    struct http *h = arg;

    if (what == MHD_CONNECTION_NOTIFY_CLOSED) {
        seats_leave(h->seats, *seat);
        return;
    }
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *from =
        MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (!fd)
        return;
    *seat = seats_take(h->seats, fd->connect_fd, from ? from->client_addr : NULL);
    if (!*seat)
        shutdown(fd->connect_fd, SHUT_RDWR);
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
    r->url_too_long = strlen(uri) > HTTP_URL_MAX;
    r->path = strdup(r->url_too_long ? "" : uri);
    r->query = r->path ? strchr(r->path, '?') : NULL;
    if (r->query)
        *r->query++ = '\0';
    return r;
}

static void on_completed(void *arg, struct MHD_Connection *c, void **request,
                         enum MHD_RequestTerminationCode how)
{
    const struct http *h = arg;
    struct http_request *r = *request;

    (void)how;
    seats_set_phase(h->seats, seat_of(c), SEAT_RESTING);
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

static enum MHD_Result answer(struct http *h, const struct http_request *r)
{
    const struct asset *asset = request_is_get(r) ? asset_find(r->path) : NULL;
    struct http_reply reply = {0};

    if (r->body_too_long)
        reply_error(&reply, MHD_HTTP_CONTENT_TOO_LARGE, "the body is too long",
                    "at most 4096 bytes are taken");
    else if (r->url_too_long)
        reply_error(&reply, MHD_HTTP_URI_TOO_LONG, "the URL is too long",
                    "at most 2048 bytes are taken, those of the query included");
    else if (asset)
        return send_asset(r, asset);
    else
        http_handle(h, r, &reply);
    if (reply.stream)
        seats_set_phase(h->seats, seat_of(r->connection), SEAT_STREAMING);
    return send_reply(r->connection, &reply);
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
        bool is_page = request_is_get(r) && asset_find(r->path);
        return guard_admits(&h->options.config->http, r, is_page, &refusal)
                   ? MHD_YES
                   : send_reply(c, &refusal);
    }
    if (*body_size > 0) {
        keep_body(r, body, *body_size);
        *body_size = 0;
        return MHD_YES;
    }
    seats_set_phase(h->seats, seat_of(c), SEAT_ANSWERING);
    size_t place = pulse_enter(h->pulse);
    enum MHD_Result result = answer(h, r);
    pulse_leave(h->pulse, place);
    return result;
}

/* --- the library --- */

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

enum gw_err serve_start(struct http *h, const struct addrinfo *address)
{
    unsigned flags = MHD_USE_AUTO | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG |
                     MHD_ALLOW_SUSPEND_RESUME;

    if (address->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    errno = 0;
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
        MHD_OPTION_SOCK_ADDR, address->ai_addr, MHD_OPTION_CONNECTION_LIMIT, SEATS_ROOM,
        MHD_OPTION_CONNECTION_TIMEOUT, SILENCE_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_THREAD_POOL_SIZE, THREADS,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_URI_LOG_CALLBACK, on_uri, NULL,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, h, MHD_OPTION_END);
    if (h->daemon)
        return GW_OK;
    int error = errno;
    log_error("http: cannot listen on %s port %d: %s; choose another http.listen, or `http: off`",
              h->options.config->http.host, h->options.config->http.port,
              error ? strerror(error) : "the server does not start");
    return error == EADDRINUSE ? GW_EBUSY : error == EACCES ? GW_EACCES : GW_ESYS;
}
