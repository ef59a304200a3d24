/* SPDX-License-Identifier: Apache-2.0 */
/* The file to read first: the start list and the stop list. Data flows
 *
 *   sources → readings (lanes) → workers → records → writer → store
 *                                                      └→ outbox → publisher → broker
 *
 * so the sinks are started first, and the sources are stopped first. The stages are in start_*.c,
 * what they make is in parts.h. */
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/parts.h"

#include <stdlib.h>

#define DRAIN_US (3 * US_PER_SECOND) /* for the writer, when stopping */
#define GOODBYE_US (500 * US_PER_MS) /* for the broker to acknowledge what is under way */

enum gw_err gateway_start(struct gateway **out, const struct config *config)
{
    static const struct {
        const char *what;
        enum gw_err (*start)(struct gateway *);
    } list[] = {
        {"tables", start_tables},       {"sensors", start_sensors},    {"database", start_store},
        {"queues", start_queues},       {"alerts", start_alerts},      {"writer", start_writer},
        {"publisher", start_publisher}, {"workers", start_workers},    {"health", start_health},
        {"sources", start_sources},     {"reloader", start_reloader},  {"control", start_control},
        {"HTTP server", start_http},    {"MQTT client", start_client},
    };
    struct gateway *g = calloc(1, sizeof(*g));

    if (!g)
        return GW_ENOMEM;
    g->config = config;
    config_hold(config);
    g->started_mono_us = clock_mono_us();
    for (size_t i = 0; i < sizeof(list) / sizeof(list[0]); i++) {
        enum gw_err err = list[i].start(g);
        if (err == GW_OK)
            continue;
        log_error("cannot start: %s: %s", list[i].what, gw_strerror(err));
        gateway_stop(g, NULL);
        return err;
    }
    *out = g;
    return GW_OK;
}

static void destroy(struct gateway *g)
{
    reloader_destroy(g->reloader);
    setter_destroy(g->setter);
    health_destroy(g->health);
    destroy_sources(g);
    counters_destroy(g->counters);
    mqtt_client_destroy(g->client); /* Paho's threads call the publisher until then */
    publisher_destroy(g->publisher);
    alert_book_destroy(g->alerts);
    queue_destroy(g->records);
    queue_destroy(g->readings);
    live_destroy(g->live);
    ledger_destroy(g->ledger);
    sensor_table_destroy(g->sensors);
    source_names_fini(&g->names);
    config_free(g->config);
    free(g);
}

void gateway_stop(struct gateway *g, struct gateway_summary *summary)
{
    if (!g)
        return;
    reloader_stop(g->reloader);
    stop_sources(g);
    /* They have nobody left to ask. */
    control_stop(g->control);
    requests_stop(g->requests);
    remote_destroy(g->remote);
    alert_remote_destroy(g->alert_remote);
    setter_close(g->setter); /* the HTTP server is there until the end */
    stop_workers(g);
    /* The publisher goes first to its read-only end: the writer still takes the broker's last
     * answers. */
    if (g->publisher)
        publisher_stop(g->publisher, GOODBYE_US);
    writer_stop(g->writer, DRAIN_US);
    free_records(g);
    if (g->client)
        mqtt_client_stop(g->client);
    http_stop(g->http);
    store_close(g->store);
    if (summary)
        summarise(g, summary);
    destroy(g);
}
