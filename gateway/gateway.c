/* SPDX-License-Identifier: Apache-2.0 */
/* The file to read first: the start list and the stop list. Data flows
 *
 *   sources → readings (lanes) → workers → records → writer → store
 *                                                      └→ outbox → publisher → broker
 *
 * so the sinks are started first, and the sources are stopped first. */
#include "gateway/gateway.h"

#include "drivers/counters.h"
#include "drivers/driver.h"
#include "drivers/mqtt/client.h"
#include "drivers/source.h"
#include "gateway/alert.h"
#include "gateway/alert_remote.h"
#include "gateway/control.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/core/record.h"
#include "gateway/health.h"
#include "gateway/http/http.h"
#include "gateway/http/metrics_page.h"
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
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define RECORD_QUEUE 8192   /* records; the writer's own batch comes on top */
#define PUSH_TIMEOUT_MS 100 /* how long a polled source waits for room in the queue */
/* What a reload may add beyond what was configured at the start. */
#define MORE_SOURCES 64
#define MORE_SENSORS 1024
#define DRAIN_US (3 * US_PER_SECOND) /* for the workers and again for the writer, when stopping */
/* 2025-01-01: no clock that is right shows less. To be moved on now and then. */
#define EARLIEST_US (INT64_C(1735689600) * US_PER_SECOND)
#define GOODBYE_US (500 * US_PER_MS) /* for the broker to acknowledge what is under way */

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

/* --- the links between the parts --- */

static void on_outbox(void *arg)
{
    struct gateway *g = arg;

    if (g->publisher)
        publisher_wake(g->publisher);
    struct http *http = atomic_load(&g->http);
    if (http)
        http_alerts(http);
}

static void on_not_durable(void *arg, const struct alert_change *change)
{
    struct gateway *g = arg;

    if (g->publisher)
        publisher_send_now(g->publisher, change);
    struct http *http = atomic_load(&g->http);
    if (http)
        http_alert_now(http, change, store_instance(g->store));
}

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

static void on_readings(void *arg, const struct reading *readings, size_t n)
{
    struct gateway *g = arg;

    publisher_offer(g->publisher, readings, n);
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

static void on_health(void *arg, struct health_report *out)
{
    gateway_health(arg, out);
}

static void on_changed(void *arg, const struct config *now)
{
    (void)arg;
    gateway_configure_log(now);
}

static void on_reload_ended(void *arg, const char *problem)
{
    struct gateway *g = arg;

    health_reload(g->health, problem);
}

static void on_status(void *arg, struct gateway_status *out)
{
    gateway_sample(arg);
    gateway_status(arg, out);
}

static char *on_figures(void *arg, const struct plant *plant)
{
    struct gateway *g = arg;
    const struct http_options page = {
        .config = plant->config, .ledger = g->ledger, .sources = plant->sources};
    const struct metrics_alerts alerts = {.known = false}; /* would be read from the database */
    struct gateway_status status;
    size_t length;

    on_status(g, &status);
    return metrics_page(&page, &status, &alerts, &length);
}

/* --- start --- */

static enum gw_err start_tables(struct gateway *g)
{
    const struct config *c = g->config;
    size_t sources = c->source_count + MORE_SOURCES, sensors = c->sensor_limit + MORE_SENSORS;
    enum gw_err err;

    if ((err = sensor_table_create(&g->sensors, sensors)) != GW_OK ||
        (err = ledger_create(&g->ledger, sources)) != GW_OK ||
        (err = live_create(&g->live, sensors)) != GW_OK ||
        (err = source_names_init(&g->names, sources)) != GW_OK)
        return err;
    for (size_t i = 0; err == GW_OK && i < c->source_count; i++) {
        uint32_t index; /* i: the names are all different */
        err = source_names_index(&g->names, c->sources[i].name, &index);
    }
    struct plant *plant = plant_create(c);
    g->plants = plant ? plants_create(plant) : NULL;
    if (!g->plants)
        plant_destroy(plant);
    return g->plants ? err : GW_ENOMEM;
}

static enum gw_err add_sensors(struct gateway *g, const struct source_config *source,
                               const struct device_config *device)
{
    for (size_t i = 0; i < device->sensor_count; i++) {
        const struct sensor_config *c = &device->sensors[i];
        struct sensor sensor = {.name = c->name,
                                .unit = c->unit,
                                .device = device->name,
                                .source = source->index,
                                .every_us = c->every_us};
        uint32_t index;
        if (c->index == SENSOR_NONE)
            continue;
        enum gw_err err = sensor_table_add(g->sensors, &sensor, &index);
        if (err != GW_OK)
            return err;
    }
    return GW_OK;
}

/* The configured sensors come first, in file order, so that a sensor_config's index is its index in
 * the table. */
static enum gw_err start_sensors(struct gateway *g)
{
    for (size_t i = 0; i < g->config->source_count; i++) {
        const struct source_config *source = &g->config->sources[i];
        for (size_t d = 0; d < source->device_count; d++) {
            enum gw_err err = add_sensors(g, source, &source->devices[d]);
            if (err != GW_OK)
                return err;
        }
    }
    return GW_OK;
}

static enum gw_err start_store(struct gateway *g)
{
    const struct storage_section *s = &g->config->storage;

    return store_open(&g->store, &(struct store_options){
                                     .path = s->path,
                                     .sensors = g->sensors,
                                     .sources = g->names.names,
                                     .ledger = g->ledger,
                                     .raw_us = s->retention.raw_us,
                                     .minute_us = s->retention.minute_us,
                                     .hour_us = s->retention.hour_us,
                                     .max_size = s->max_size,
                                     .min_free = s->min_free,
                                     .timesync = timesync_look,
                                     .earliest_us = EARLIEST_US,
                                 });
}

static enum gw_err start_queues(struct gateway *g)
{
    size_t lanes = (size_t)g->config->gateway.workers;
    size_t capacity = (size_t)g->config->gateway.queue / lanes;
    enum gw_err err = queue_create(&g->readings, lanes, capacity, sizeof(struct reading));

    if (err != GW_OK)
        return err;
    return queue_create(&g->records, 1, RECORD_QUEUE, sizeof(struct record));
}

/* An alert of an earlier run goes on, or, when nothing watches it any more, is cleared so that its
 * retained message does not say "raised" for ever. */
static void restore_alert(void *arg, const struct alert_change *change, const char *sensor_name)
{
    struct gateway *g = arg;

    if (alert_book_restore(g->alerts, change, sensor_name, clock_mono_us(), clock_wall_us()) ==
        GW_OK)
        return;
    struct alert_change *cleared = calloc(1, sizeof(*cleared));
    if (!cleared)
        return;
    *cleared = *change;
    cleared->next = NULL;
    cleared->state = ALERT_CLEARED;
    cleared->time_us = clock_wall_us();
    struct record record = {.changes = cleared};
    if (queue_try_push(g->records, 0, &record, 1) == 0)
        alert_change_free(cleared);
    log_info("alert cleared: %s %s: no rule watches it any more", sensor_name, change->rule);
}

/* Of a rule that watches the sensor no more it is of no use, and stays for the case that it does
 * again. */
static void restore_shelf(void *arg, const struct alert_change *change, const char *sensor_name)
{
    struct gateway *g = arg;

    alert_book_restore(g->alerts, change, sensor_name, clock_mono_us(), clock_wall_us());
}

static void note_seen(void *arg, uint32_t sensor)
{
    struct gateway *g = arg;

    alert_book_seen(g->alerts, sensor);
}

static enum gw_err start_alerts(struct gateway *g)
{
    enum gw_err err = alert_book_create(&g->alerts, g->config, g->sensors, queue_lanes(g->readings),
                                        store_next_alert_id(g->store), clock_mono_us());

    if (err != GW_OK)
        return err;
    if ((err = store_active_alerts(g->store, restore_alert, g)) != GW_OK ||
        (err = store_seen_sensors(g->store, note_seen, g)) != GW_OK)
        return err;
    return store_shelves(g->store, restore_shelf, g);
}

static enum gw_err start_writer(struct gateway *g)
{
    return writer_start(&g->writer, &(struct writer_options){
                                        .store = g->store,
                                        .records = g->records,
                                        .ledger = g->ledger,
                                        .sensors = g->sensors,
                                        .flush_us = g->config->storage.flush_us,
                                        .on_outbox = on_outbox,
                                        .on_not_durable = on_not_durable,
                                        .arg = g,
                                    });
}

static enum gw_err start_publisher(struct gateway *g)
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

static enum gw_err start_workers(struct gateway *g)
{
    bool publish = g->publisher && (g->config->mqtt.publish_readings != PUBLISH_NONE ||
                                    g->config->mqtt.home_assistant);

    return workers_start(&g->workers, &(struct worker_options){
                                          .readings = g->readings,
                                          .records = g->records,
                                          .alerts = g->alerts,
                                          .live = g->live,
                                          .ledger = g->ledger,
                                          .sensors = g->sensors,
                                          .on_readings = publish ? on_readings : NULL,
                                          .arg = g,
                                      });
}

static enum gw_err start_health(struct gateway *g)
{
    return health_create(&g->health, &(struct health_options){
                                         .database = g->config->storage.path,
                                         .plants = g->plants,
                                         .readings = g->readings,
                                         .records = g->records,
                                         .broker = g->config->mqtt.url,
                                         .storing = is_storing,
                                         .connected = is_connected,
                                         .arg = g,
                                     });
}

static enum gw_err start_http(struct gateway *g)
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
                                            .plants = g->plants,
                                            .status = on_status,
                                            .health = on_health,
                                            .arg = g,
                                        });
    if (err != GW_OK)
        return err;
    atomic_store(&g->http, http);
    http_alerts(http); /* those that were stored between its start and now, when nobody told it */
    return GW_OK;
}

static enum gw_err start_sources(struct gateway *g)
{
    enum gw_err err = counters_create(&g->counters, g->config, g->sensors);
    if (err != GW_OK)
        return err;
    g->env = (struct source_env){
        .queue = g->readings,
        .counters = g->counters,
        .sensors = g->sensors,
        .ledger = g->ledger,
        .mqtt = g->client,
        .push_timeout_ms = PUSH_TIMEOUT_MS,
    };
    struct plant *plant = plant_create(g->config);
    err = plant ? GW_OK : GW_ENOMEM;
    for (size_t i = 0; err == GW_OK && i < g->config->source_count; i++) {
        struct source *s = NULL;
        err = source_create(&s, &g->config->sources[i], &g->env);
        plant_set(plant, i, s, g->config);
    }
    if (err == GW_OK)
        source_group(plant->sources, g->config->source_count);
    if (plant)
        plant_destroy(plants_replace(g->plants, plant));
    for (size_t i = 0; err == GW_OK && i < g->config->source_count; i++)
        err = source_start(plant->sources[i]);
    return err;
}

static enum gw_err start_reloader(struct gateway *g)
{
    return reloader_start(&g->reloader, &(struct reload_options){
                                            .path = g->config->path,
                                            .first = g->config,
                                            .plants = g->plants,
                                            .env = &g->env,
                                            .names = &g->names,
                                            .changed = on_changed,
                                            .ended = on_reload_ended,
                                            .arg = g,
                                        });
}

/* After all subscriptions are made. */
static enum gw_err start_client(struct gateway *g)
{
    return g->client ? mqtt_client_start(g->client) : GW_OK;
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

static enum gw_err start_control(struct gateway *g)
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

/* --- while it runs --- */

void gateway_status(struct gateway *g, struct gateway_status *out)
{
    *out = (struct gateway_status){
        .total = ledger_total(g->ledger),
        .sensors = sensor_table_count(g->sensors),
        .alerts = alert_book_active(g->alerts),
        .queued = queue_depth(g->readings),
        .has_broker = g->client != NULL,
        .connected = g->client && mqtt_client_connected(g->client),
        .storing = writer_healthy(g->writer),
    };
    struct plant *plant = plants_hold(g->plants);
    out->sources = plant->config->source_count;
    for (size_t i = 0; i < plant->config->source_count; i++)
        out->failing +=
            plant->sources[i] && atomic_load(&plant->sources[i]->status) == SOURCE_FAILED;
    plants_release(g->plants, plant);
}

void gateway_health(struct gateway *g, struct health_report *out)
{
    health_check(g->health, out);
}

/* 0: there is none. */
static int64_t file_size(const char *path)
{
    struct stat st;

    return stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
}

void gateway_sample(struct gateway *g)
{
    metric_set(METRIC_QUEUE_DEPTH, (int64_t)queue_depth(g->readings));
    metric_set(METRIC_QUEUE_HIGH_WATER, (int64_t)queue_high_water(g->readings));
    metric_set(METRIC_RECORD_QUEUE_DEPTH, (int64_t)queue_depth(g->records));
    metric_set(METRIC_STORE_BYTES, file_size(g->config->storage.path));
}

void gateway_reload(struct gateway *g)
{
    reloader_request(g->reloader);
}

void gateway_configure_log(const struct config *c)
{
    enum log_format format = (enum log_format)c->gateway.log.format;

    if (format == LOG_FORMAT_TEXT && getenv("JOURNAL_STREAM"))
        format = LOG_FORMAT_JOURNAL; /* systemd.exec(5): standard error is the journal */
    log_configure((enum log_level)c->gateway.log.level, format);
}

/* --- stop --- */

static void stop_sources(struct gateway *g)
{
    if (!g->plants)
        return;
    struct plant *plant = plants_hold(g->plants);
    for (size_t i = 0; i < plant->config->source_count; i++) {
        if (plant->sources[i])
            source_close(plant->sources[i]);
    }
    for (size_t i = 0; i < plant->config->source_count; i++) {
        if (plant->sources[i])
            source_stop(plant->sources[i]);
    }
    plants_release(g->plants, plant);
}

static void stop_workers(struct gateway *g)
{
    int64_t deadline = clock_mono_us() + DRAIN_US;

    if (g->readings)
        queue_close(g->readings);
    while (g->workers && queue_depth(g->readings) > 0 && clock_mono_us() < deadline)
        clock_sleep_us(5 * US_PER_MS);
    if (g->workers && queue_depth(g->readings) > 0) {
        log_error("the store is too slow to take %zu queued readings in time",
                  queue_depth(g->readings));
        queue_close(g->records); /* lets the workers go */
    }
    workers_join(g->workers);
    if (g->records)
        queue_close(g->records);
}

/* Without a writer (a start that failed half-way) the records are nobody's. */
static void free_records(struct gateway *g)
{
    struct record record;
    size_t n;

    while (g->records && queue_pop(g->records, 0, &record, 1, 0, &n) == GW_OK)
        alert_change_free(record.changes);
}

static void summarise(const struct gateway *g, struct gateway_summary *s)
{
    *s = (struct gateway_summary){
        .total = ledger_total(g->ledger),
        .source_count = g->names.count,
        .alerts_raised = metric_get(METRIC_ALERTS_RAISED),
        .alerts_cleared = metric_get(METRIC_ALERTS_CLEARED),
        .alerts_published = metric_get(METRIC_ALERTS_PUBLISHED),
        .ran_us = clock_mono_us() - g->started_mono_us,
    };
    s->lost = ledger_in_flight(&s->total);
    s->sources = calloc(s->source_count ? s->source_count : 1, sizeof(*s->sources));
    for (uint32_t i = 0; s->sources && i < s->source_count; i++)
        s->sources[i] = (struct gateway_source_summary){.name = strdup(g->names.names[i]),
                                                        .books = ledger_get(g->ledger, i)};
}

static void destroy_sources(struct gateway *g)
{
    struct plant *plant = g->plants ? plants_hold(g->plants) : NULL;

    if (!plant)
        return;
    for (size_t i = 0; i < plant->config->source_count; i++)
        source_destroy(plant->sources[i]);
    plants_release(g->plants, plant);
    plants_destroy(g->plants);
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

void gateway_summary_fini(struct gateway_summary *s)
{
    for (size_t i = 0; s->sources && i < s->source_count; i++)
        free(s->sources[i].name);
    free(s->sources);
}
