/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the gateway share: gateway.c has the start list and the stop list, start_*.c
 * the stages in them, gateway_status.c what is told of it while it runs. Nobody else includes it.
 */
#ifndef SENSORGW_GATEWAY_PARTS_H
#define SENSORGW_GATEWAY_PARTS_H

#include "gateway/gateway.h"

#include "drivers/counters.h"
#include "drivers/mqtt/client.h"
#include "drivers/source.h"
#include "gateway/alert.h"
#include "gateway/alert_remote.h"
#include "gateway/control.h"
#include "gateway/health.h"
#include "gateway/http/http.h"
#include "gateway/live.h"
#include "gateway/plant.h"
#include "gateway/publisher.h"
#include "gateway/reload.h"
#include "gateway/remote.h"
#include "gateway/requests.h"
#include "gateway/setter.h"
#include "gateway/worker.h"
#include "storage/store.h"
#include "storage/writer.h"

#include <stdatomic.h>

/* All NULL until their stage has started. */
struct gateway {
    const struct config *config; /* of the start */
    int64_t started_mono_us;

    struct sensor_table *sensors;
    struct ledger *ledger;
    struct live *live;
    struct source_names names;
    struct store *store;
    struct queue *readings, *records;
    struct alert_book *alerts;
    struct writer *writer;
    struct mqtt_client *client; /* NULL without a broker */
    struct publisher *publisher;
    struct worker_pool *workers;
    _Atomic(struct http *) http; /* the writer calls it, which runs before */
    struct counters *counters;   /* NULL without a sensor that has one */
    struct source_env env;
    struct plants *plants;
    struct reloader *reloader;
    struct health *health;
    struct setter *setter;
    struct control *control;
    struct requests *requests; /* over MQTT: remote, alert_remote; NULL without a broker */
    struct remote *remote;     /* NULL when nothing can be set over MQTT */
    struct alert_remote *alert_remote;
};

/* The stages, in the order of the start list. They log what a person can mend. */

/* start_books.c: what the rest looks things up in. */
enum gw_err start_tables(struct gateway *g);
enum gw_err start_sensors(struct gateway *g);
enum gw_err start_store(struct gateway *g);

/* start_alerts.c: the rules, and the alerts of the last run. */
enum gw_err start_alerts(struct gateway *g);

/* start_pipeline.c: what readings flow through. */
enum gw_err start_queues(struct gateway *g);
enum gw_err start_writer(struct gateway *g);
enum gw_err start_workers(struct gateway *g);
/* Lets them drain their lanes, as long as the store keeps up. */
void stop_workers(struct gateway *g);
/* Without a writer (a start that failed half-way) the records are nobody's. */
void free_records(struct gateway *g);

/* start_sources.c: where readings come from. */
enum gw_err start_sources(struct gateway *g);
enum gw_err start_reloader(struct gateway *g);
void stop_sources(struct gateway *g);
void destroy_sources(struct gateway *g);

/* start_outside.c: those who are told, and those who ask. */
enum gw_err start_publisher(struct gateway *g);
enum gw_err start_health(struct gateway *g);
enum gw_err start_control(struct gateway *g);
enum gw_err start_http(struct gateway *g);
enum gw_err start_client(struct gateway *g); /* after all subscriptions are made */

/* gateway_status.c */
void summarise(const struct gateway *g, struct gateway_summary *s);

#endif
