/* SPDX-License-Identifier: Apache-2.0 */
/* readings (lanes) → workers → records → writer */
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/record.h"
#include "gateway/parts.h"

#define RECORD_QUEUE 8192            /* records; the writer's own batch comes on top */
#define DRAIN_US (3 * US_PER_SECOND) /* for the workers, when stopping */

enum gw_err start_queues(struct gateway *g)
{
    size_t lanes = (size_t)g->config->gateway.workers;
    size_t capacity = (size_t)g->config->gateway.queue / lanes;
    enum gw_err err = queue_create(&g->readings, lanes, capacity, sizeof(struct reading));

    if (err != GW_OK)
        return err;
    return queue_create(&g->records, 1, RECORD_QUEUE, sizeof(struct record));
}

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

enum gw_err start_writer(struct gateway *g)
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

static void on_readings(void *arg, const struct reading *readings, size_t n)
{
    struct gateway *g = arg;

    publisher_offer(g->publisher, readings, n);
}

enum gw_err start_workers(struct gateway *g)
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

void stop_workers(struct gateway *g)
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
void free_records(struct gateway *g)
{
    struct record record;
    size_t n;

    while (g->records && queue_pop(g->records, 0, &record, 1, 0, &n) == GW_OK)
        alert_change_free(record.changes);
}
