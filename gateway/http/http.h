/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: /metrics for Prometheus and /healthz. GET only, loopback unless the
 * configuration says otherwise and has a token. */
#ifndef SENSORGW_GATEWAY_HTTP_HTTP_H
#define SENSORGW_GATEWAY_HTTP_HTTP_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/ledger.h"
#include "gateway/core/sensor.h"
#include "gateway/live.h"

struct http;
struct gateway;

/* All borrowed; must outlive the server. */
struct http_options {
    const struct config *config;
    struct sensor_table *sensors;
    struct ledger *ledger;
    struct live *live;
    struct gateway *gateway;
};

/* GW_EBUSY: the port is taken. */
enum gw_err http_start(struct http **out, const struct http_options *options);
void http_stop(struct http *h); /* NULL is ok */

#endif
