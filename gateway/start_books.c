/* SPDX-License-Identifier: Apache-2.0 */
/* The tables, and the database that keeps them. */
#include "gateway/parts.h"

#include "gateway/core/clock.h"

/* What a reload may add beyond what was configured at the start. */
#define MORE_SOURCES 64
#define MORE_SENSORS 1024
/* 2025-01-01: no clock that is right shows less. To be moved on now and then. */
#define EARLIEST_US (INT64_C(1735689600) * US_PER_SECOND)

enum gw_err start_tables(struct gateway *g)
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
enum gw_err start_sensors(struct gateway *g)
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

enum gw_err start_store(struct gateway *g)
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
