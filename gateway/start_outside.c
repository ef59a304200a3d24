/* SPDX-License-Identifier: Apache-2.0 */
/* The broker, the page, the field tools: those who are told of what happens here, and who ask. */
#include "gateway/core/clock.h"
#include "gateway/http/metrics_page.h"
#include "gateway/parts.h"

#include <stdio.h>

static enum gw_err on_outbox_done(void *arg, const struct outbox_result *result)
{
    struct gateway *g = arg;

    return writer_outbox_done(g->writer, result);
}

static void on_connection(void *arg, bool connected)
{
    struct gateway *g = arg;

    publisher_connection(g->publisher, connected);
}

enum gw_err start_publisher(struct gateway *g)
{
    const struct config *c = g->config;
    char status_topic[512], client_id[128];

    if (!c->mqtt.present)
        return GW_OK;
    snprintf(status_topic, sizeof(status_topic), "%s/%s/status", c->mqtt.prefix, c->gateway.name);
    snprintf(client_id, sizeof(client_id), "sensorgw-%s", c->gateway.name);
    enum gw_err err = mqtt_client_create(
        &g->client, &(struct mqtt_client_options){
                        .mqtt = &c->mqtt,
                        .client_id = c->mqtt.client_id ? c->mqtt.client_id : client_id,
                        .status_topic = status_topic,
                        .on_connection = on_connection,
                        .arg = g,
                    });
    if (err != GW_OK)
        return err;
    return publisher_start(&g->publisher, &(struct publisher_options){
                                              .config = c,
                                              .client = g->client,
                                              .sensors = g->sensors,
                                              .ledger = g->ledger,
                                              .plants = g->plants,
                                              .database = c->storage.path,
                                              .instance = store_instance(g->store),
                                              .outbox_done = on_outbox_done,
                                              .arg = g,
                                          });
}

static bool is_storing(void *arg)
{
    struct gateway *g = arg;

    return writer_healthy(g->writer);
}

static bool is_connected(void *arg)
{
    struct gateway *g = arg;

    return g->client && mqtt_client_connected(g->client);
}

static size_t find_refused(void *arg, char *filter, size_t size)
{
    struct gateway *g = arg;

    return g->client ? mqtt_client_refused(g->client, filter, size) : 0;
}

static bool find_trouble(void *arg, char *text, size_t size, const char **hint)
{
    struct gateway *g = arg;

    return g->client && mqtt_client_trouble(g->client, text, size, hint);
}

enum gw_err start_health(struct gateway *g)
{
    return health_create(&g->health, &(struct health_options){
                                         .database = g->config->storage.path,
                                         .plants = g->plants,
                                         .readings = g->readings,
                                         .records = g->records,
                                         .broker = g->config->mqtt.url,
                                         .storing = is_storing,
                                         .connected = is_connected,
                                         .refused = find_refused,
                                         .trouble = find_trouble,
                                         .arg = g,
                                     });
}

static void on_health(void *arg, struct health_report *out)
{
    gateway_health(arg, out);
}

static void on_sample(void *arg)
{
    gateway_sample(arg);
}

static bool count_alerts(const struct gateway *g, struct alert_counts *out)
{
    struct query *q;

    if (query_open(&q, g->config->storage.path) != GW_OK)
        return false;
    enum gw_err err = alert_counts_query(q, clock_wall_us(), out);
    query_close(q);
    return err == GW_OK;
}

static char *on_figures(void *arg, const struct plant *plant)
{
    struct gateway *g = arg;
    const struct http_options page = {
        .config = plant->config, .ledger = g->ledger, .sources = plant->sources};
    struct alert_counts alerts;
    size_t length;

    gateway_sample(g);
    return metrics_page(&page, count_alerts(g, &alerts) ? &alerts : NULL, &length);
}

enum gw_err start_http(struct gateway *g)
{
    if (!g->config->http.enabled)
        return GW_OK;
    struct http *http;
    enum gw_err err = http_start(&http, &(struct http_options){
                                            .config = g->config,
                                            .ledger = g->ledger,
                                            .sensors = g->sensors,
                                            .live = g->live,
                                            .alerts = g->alerts,
                                            .setter = g->setter,
                                            .plants = g->plants,
                                            .sample = on_sample,
                                            .health = on_health,
                                            .arg = g,
                                        });
    if (err != GW_OK)
        return err;
    atomic_store(&g->http, http);
    http_alerts(http); /* those that were stored between its start and now, when nobody told it */
    return GW_OK;
}

static enum gw_err start_requests(struct gateway *g)
{
    enum gw_err err;

    if (!g->client)
        return GW_OK;
    if ((err = requests_create(&g->requests, g->client)) != GW_OK ||
        (err = remote_create(&g->remote, g->config, g->client, g->setter, g->requests)) != GW_OK ||
        (err = alert_remote_create(&g->alert_remote, g->config, g->alerts, g->requests)) != GW_OK)
        return err;
    return requests_start(g->requests);
}

enum gw_err start_control(struct gateway *g)
{
    enum gw_err err =
        setter_create(&g->setter, g->plants, sensor_table_capacity(g->sensors), g->writer);

    if (err != GW_OK || (err = start_requests(g)) != GW_OK)
        return err;
    return control_start(&g->control, &(struct control_options){
                                          .config = g->config,
                                          .plants = g->plants,
                                          .sensors = g->sensors,
                                          .live = g->live,
                                          .setter = g->setter,
                                          .alerts = g->alerts,
                                          .reloader = g->reloader,
                                          .health = on_health,
                                          .figures = on_figures,
                                          .arg = g,
                                      });
}

/* After all subscriptions are made. */
enum gw_err start_client(struct gateway *g)
{
    return g->client ? mqtt_client_start(g->client) : GW_OK;
}
