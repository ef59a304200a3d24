/* SPDX-License-Identifier: Apache-2.0 */
/* What is told of the gateway while it runs, and at its end. */
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/parts.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static size_t count_sensors(const struct sensor_table *t)
{
    size_t n = 0;

    for (uint32_t i = 0; i < sensor_table_count(t); i++)
        n += !sensor_table_get(t, i)->gone;
    return n;
}

void gateway_status(struct gateway *g, struct gateway_status *out)
{
    *out = (struct gateway_status){
        .total = ledger_total(g->ledger),
        .sensors = count_sensors(g->sensors),
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
    struct gateway_status status;

    gateway_status(g, &status);
    metric_set(METRIC_SENSORS, (int64_t)status.sensors);
    metric_set(METRIC_SOURCES_FAILING, (int64_t)status.failing);
    metric_set(METRIC_STORE_HEALTHY, status.storing);
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

void summarise(const struct gateway *g, struct gateway_summary *s)
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

void gateway_summary_fini(struct gateway_summary *s)
{
    for (size_t i = 0; s->sources && i < s->source_count; i++)
        free(s->sources[i].name);
    free(s->sources);
}
