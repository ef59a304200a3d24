/* SPDX-License-Identifier: Apache-2.0 */
/* The sources, and who replaces them while the gateway runs. */
#include "drivers/driver.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/parts.h"

#define PUSH_TIMEOUT_MS 100 /* how long a polled source waits for room in the queue */
#define REBIND_US                                                                                  \
    (2 * US_PER_SECOND) /* for the lanes to take new rules over: 200 ms unless busy                \
                         */

enum gw_err start_sources(struct gateway *g)
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

/* No source of a configuration without counters looks at env.counters, so the first of them may
 * come while others run. */
static void follow_counters(struct gateway *g, const struct config *now)
{
    if (g->counters)
        return;
    enum gw_err err = counters_create(&g->counters, now, g->sensors);
    if (err != GW_OK)
        log_error("counters give their raw values until the restart: %s", gw_strerror(err));
    g->env.counters = g->counters;
}

static bool on_changed(void *arg, const struct config *now)
{
    struct gateway *g = arg;

    gateway_configure_log(now);
    follow_counters(g, now);
    alert_remote_follow(g->alert_remote, now);
    enum gw_err err = alert_book_rebind(g->alerts, now, REBIND_US);
    if (g->publisher)
        publisher_follow(g->publisher);
    return err == GW_OK;
}

static void on_reload_ended(void *arg, const char *problem)
{
    struct gateway *g = arg;

    health_reload(g->health, problem);
}

enum gw_err start_reloader(struct gateway *g)
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

void stop_sources(struct gateway *g)
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

void destroy_sources(struct gateway *g)
{
    struct plant *plant = g->plants ? plants_hold(g->plants) : NULL;

    if (!plant)
        return;
    for (size_t i = 0; i < plant->config->source_count; i++)
        source_destroy(plant->sources[i]);
    plants_release(g->plants, plant);
    plants_destroy(g->plants);
}
