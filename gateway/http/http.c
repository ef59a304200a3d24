/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/http.h"

#include "gateway/core/log.h"
#include "gateway/http/metrics_page.h"

#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CONNECTIONS 16
#define CONNECTION_TIMEOUT_S 10
#define CONNECTION_MEMORY 16384 /* bytes; a longer request header is refused by the library */

struct http {
    struct http_options options;
    struct MHD_Daemon *daemon;
};

/* --- answers --- */

static enum MHD_Result answer(struct MHD_Connection *c, unsigned status, const char *type,
                              const char *text)
{
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                                             MHD_RESPMEM_MUST_COPY);

    if (!r)
        return MHD_NO;
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

static enum MHD_Result answer_plain(struct MHD_Connection *c, unsigned status, const char *text)
{
    return answer(c, status, "text/plain; charset=utf-8", text);
}

static enum MHD_Result get_metrics(const struct http *h, struct MHD_Connection *c)
{
    struct gateway_status status;
    size_t length;

    h->options.status(h->options.arg, &status);
    char *page = metrics_page(h->options.config, h->options.ledger, &status, &length);
    if (!page)
        return MHD_NO;
    enum MHD_Result result =
        answer(c, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", page);
    free(page);
    return result;
}

/* 200 "ok" or 503 with a line for each thing that is wrong. A source that fails is the plant's
 * trouble, not the gateway's: it is told, and does not make the gateway unhealthy. */
static enum MHD_Result get_healthz(const struct http *h, struct MHD_Connection *c)
{
    struct gateway_status s;
    char text[256];

    h->options.status(h->options.arg, &s);
    snprintf(text, sizeof(text), "%s\n%s%zu of %zu sources are failing\n",
             s.storing ? "ok" : "the database cannot be written",
             s.has_broker && !s.connected ? "the broker is not connected\n" : "", s.failing,
             s.sources);
    return answer_plain(c, s.storing ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, text);
}

static const struct page {
    const char *path;
    enum MHD_Result (*get)(const struct http *h, struct MHD_Connection *c);
} pages[] = {
    {"/metrics", get_metrics},
    {"/healthz", get_healthz},
};

/* --- who may ask --- */

/* Takes the same time wherever the texts differ, so that a token cannot be guessed byte by byte. */
static bool same_secret(const char *given, const char *secret)
{
    size_t n = strlen(given), m = strlen(secret);
    unsigned char differ = n != m;

    for (size_t i = 0; i < n; i++)
        differ |= (unsigned char)(given[i] ^ secret[m ? i % m : 0]);
    return differ == 0;
}

static bool has_token(const struct http *h, struct MHD_Connection *c)
{
    const char *token = h->options.config->http.token;
    if (!token)
        return true;
    const char *given =
        MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_AUTHORIZATION);
    return given && strncasecmp(given, "Bearer ", 7) == 0 && same_secret(given + 7, token);
}

static bool is_loopback_name(const char *host, size_t length)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]", "::1"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == length && strncasecmp(names[i], host, length) == 0)
            return true;
    }
    return false;
}

/* A page of a foreign site can make a browser ask 127.0.0.1 under the site's own name (DNS
 * rebinding); on loopback only loopback's names are answered. */
static bool host_allowed(const struct http *h, struct MHD_Connection *c)
{
    const char *listen = h->options.config->http.host;
    if (!is_loopback_name(listen, strlen(listen)))
        return true;
    const char *host = MHD_lookup_connection_value(c, MHD_HEADER_KIND, MHD_HTTP_HEADER_HOST);
    if (!host)
        return false;
    const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
    size_t length = end ? (size_t)(end + 1 - host) : strcspn(host, ":");
    return is_loopback_name(host, length);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *c, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **request)
{
    const struct http *h = arg;

    (void)version;
    (void)body;
    if (!*request) { /* first the headers alone: answering here would end the connection */
        *request = arg;
        return MHD_YES;
    }
    *body_size = 0;
    if (!host_allowed(h, c))
        return answer_plain(c, MHD_HTTP_FORBIDDEN, "this host name is not served here\n");
    if (!has_token(h, c))
        return answer_plain(c, MHD_HTTP_UNAUTHORIZED,
                            "send the token of http.token_file: Authorization: Bearer TOKEN\n");
    if (strcmp(method, MHD_HTTP_METHOD_GET) != 0 && strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_plain(c, MHD_HTTP_METHOD_NOT_ALLOWED, "GET only\n");
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (strcmp(url, pages[i].path) == 0)
            return pages[i].get(h, c);
    }
    return answer_plain(c, MHD_HTTP_NOT_FOUND, "here are /metrics and /healthz\n");
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
}

static enum gw_err listen_on(struct http *h, const struct addrinfo *address)
{
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_ERROR_LOG;

    if (address->ai_family == AF_INET6)
        flags |= MHD_USE_IPv6;
    errno = 0;
    h->daemon = MHD_start_daemon(
        flags, 0, NULL, NULL, on_request, h, MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,
        MHD_OPTION_SOCK_ADDR, address->ai_addr, MHD_OPTION_CONNECTION_LIMIT, CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)CONNECTION_MEMORY, MHD_OPTION_END);
    if (h->daemon)
        return GW_OK;
    int error = errno;
    log_error("http: cannot listen on %s port %d: %s; choose another http.listen, or `http: off`",
              h->options.config->http.host, h->options.config->http.port,
              error ? strerror(error) : "the server does not start");
    return error == EADDRINUSE ? GW_EBUSY : error == EACCES ? GW_EACCES : GW_ESYS;
}

enum gw_err http_start(struct http **out, const struct http_options *options)
{
    const struct http_section *section = &options->config->http;
    const struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *addresses;
    char port[12];

    snprintf(port, sizeof(port), "%d", section->port);
    int failed = getaddrinfo(section->host, port, &hints, &addresses);
    if (failed) {
        log_error("http: cannot listen on %s: %s", section->host, gai_strerror(failed));
        return GW_ENOENT;
    }
    struct http *h = calloc(1, sizeof(*h));
    enum gw_err err = h ? GW_OK : GW_ENOMEM;
    if (h) {
        h->options = *options;
        err = listen_on(h, addresses);
    }
    freeaddrinfo(addresses);
    if (err != GW_OK) {
        free(h);
        return err;
    }
    *out = h;
    log_info("http: listening on %s port %u", section->host, http_port(h));
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
    MHD_stop_daemon(h->daemon);
    free(h);
}
