/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server: the page, its API below /api/v1, /metrics for Prometheus, and /healthz. Loopback
 * unless the configuration says otherwise and has a token. docs/openapi.json describes the API. */
#ifndef SENSORGW_GATEWAY_HTTP_HTTP_H
#define SENSORGW_GATEWAY_HTTP_HTTP_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/ledger.h"
#include "gateway/core/sensor.h"
#include "gateway/health.h"
#include "gateway/plant.h"

struct alert_book;
struct http;
struct live;
struct setter;
struct source;

/* All borrowed; must outlive the server. */
struct http_options {
    const struct config *config;
    struct ledger *ledger;
    struct sensor_table *sensors;
    struct live *live;
    struct alert_book *alerts;
    struct setter *setter;         /* NULL: nothing can be set */
    struct source *const *sources; /* in the order of config->sources; NULL ones are not up yet */
    /* Where they are found instead, for each request anew; NULL: they stay. */
    struct plants *plants;
    /* Brings the metrics up to date, and says how the gateway fares; called in the server's
     * threads.
     */
    void (*sample)(void *arg);
    void (*health)(void *arg, struct health_report *out);
    void *arg;
};

/* GW_EBUSY: the port is taken; GW_ENOENT: the host has no address. The log says which. */
enum gw_err http_start(struct http **out, const struct http_options *options);
unsigned http_port(const struct http *h); /* that it listens on; the one found for port 0 */
void http_stop(struct http *h);           /* NULL is ok */

/* Alert transitions were stored: they are told to whoever listens. Any thread; never blocks. */
void http_alerts(struct http *h);
/* One could not be stored in time, and is told all the same. Copies; any thread; never blocks. */
void http_alert_now(struct http *h, const struct alert_change *change, const char *instance);

#endif
