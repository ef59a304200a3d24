/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: /metrics for Prometheus and /healthz. GET only, loopback unless the
 * configuration says otherwise and has a token. */
#ifndef SENSORGW_GATEWAY_HTTP_HTTP_H
#define SENSORGW_GATEWAY_HTTP_HTTP_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/ledger.h"
#include "gateway/gateway.h"

struct http;

/* All borrowed; must outlive the server. */
struct http_options {
    const struct config *config;
    struct ledger *ledger;
    /* How the gateway does at the moment; called in the server's thread. */
    void (*status)(void *arg, struct gateway_status *out);
    void *arg;
};

/* GW_EBUSY: the port is taken; GW_ENOENT: the host has no address. The log says which. */
enum gw_err http_start(struct http **out, const struct http_options *options);
unsigned http_port(const struct http *h); /* that it listens on; the one found for port 0 */
void http_stop(struct http *h);           /* NULL is ok */

#endif
