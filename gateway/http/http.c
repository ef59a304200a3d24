/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/http.h"

#include "gateway/core/log.h"
#include "gateway/http/events.h"
#include "gateway/http/internal.h"
#include "gateway/http/pulse.h"
#include "gateway/http/seats.h"
#include "gateway/http/serve.h"

#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>

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
        (err = events_create(&h->events, options)) == GW_OK &&
        (err = seats_create(&h->seats)) == GW_OK)
        err = serve_start(h, addresses);
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
    seats_destroy(h->seats);
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
