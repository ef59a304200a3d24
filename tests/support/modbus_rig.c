/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/modbus_rig.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static uint16_t address_of(size_t sensor)
{
    return (uint16_t)(10 * sensor + 7);
}

static void fill_sensor(struct rig *r, size_t unit, size_t i, int64_t every_us)
{
    r->sensor_options[unit][i] = (struct modbus_sensor){.field = {.type = TYPE_UINT16},
                                                        .table = TABLE_HOLDING,
                                                        .address = address_of(i),
                                                        .count = 1};
    r->sensor_configs[unit][i] = (struct sensor_config){.name = (char *)(uintptr_t) "unit/sensor",
                                                        .unit = (char *)(uintptr_t) "",
                                                        .index = (uint32_t)(unit * SENSORS_MAX + i),
                                                        .every_us = every_us,
                                                        .scale = 1,
                                                        .min = (double)NAN,
                                                        .max = (double)NAN,
                                                        .options = &r->sensor_options[unit][i]};
}

void rig_prepare(struct rig *r, struct modbus_slave *slave, size_t units, size_t sensors,
                 int64_t every_us)
{
    *r = (struct rig){.units = units, .sensors = sensors};
    r->source_options = (struct modbus_source){.baud = 115200,
                                               .data_bits = 8,
                                               .stop_bits = 1,
                                               .parity = PARITY_NONE,
                                               .framing = FRAMING_TCP,
                                               .timeout_us = RIG_TIMEOUT_US};
    if (modbus_slave_path(slave)[0]) {
        snprintf(r->address, sizeof(r->address), "%s", modbus_slave_path(slave));
        r->source_options.port = r->address;
    } else {
        snprintf(r->address, sizeof(r->address), "%d", modbus_slave_port(slave));
        snprintf(r->host, sizeof(r->host), "%s", modbus_slave_host(slave));
        r->source_options.host = r->host;
        r->source_options.service = r->address;
        r->source_options.address = r->address;
    }
    for (size_t u = 0; u < units; u++) {
        r->device_options[u] = (struct modbus_device){
            .unit_id = (int64_t)u + 1, .max_registers = 125, .max_bits = 2000};
        for (size_t i = 0; i < sensors; i++)
            fill_sensor(r, u, i, every_us);
        r->devices[u] = (struct device_config){.name = (char *)(uintptr_t) "unit",
                                               .every_us = every_us,
                                               .options = &r->device_options[u],
                                               .sensors = r->sensor_configs[u],
                                               .sensor_count = sensors};
    }
    r->config = (struct source_config){.name = (char *)(uintptr_t) "bus",
                                       .schema = &driver_modbus.schema,
                                       .every_us = every_us,
                                       .options = &r->source_options,
                                       .devices = r->devices,
                                       .device_count = units};
}

void rig_side_by_side(struct rig *r, uint16_t first)
{
    for (size_t u = 0; u < r->units; u++) {
        for (size_t i = 0; i < r->sensors; i++)
            r->sensor_options[u][i].address = (uint16_t)(first + i);
    }
}

void rig_open(struct rig *r)
{
    assert_int_equal(queue_create(&r->env.queue, 1, 65536, sizeof(struct reading)), GW_OK);
    assert_int_equal(ledger_create(&r->env.ledger, 1), GW_OK);
    assert_int_equal(sensor_table_create(&r->env.sensors, UNITS_MAX * SENSORS_MAX), GW_OK);
    assert_int_equal(source_create(&r->source, &r->config, &r->env), GW_OK);
    assert_int_equal(driver_modbus.open(r->source), GW_OK);
    for (size_t u = 0; u < r->units; u++)
        r->last_good_us[u] = clock_mono_us();
}

void rig_close(struct rig *r)
{
    if (r->source->state)
        driver_modbus.close(r->source);
    source_destroy(r->source);
    sensor_table_destroy(r->env.sensors);
    ledger_destroy(r->env.ledger);
    queue_destroy(r->env.queue);
}

static void check_reading(struct rig *r, const struct reading *x)
{
    size_t unit = x->sensor / SENSORS_MAX;
    const struct modbus_sensor *o = &r->sensor_options[unit][x->sensor % SENSORS_MAX];
    uint16_t address = o->address;

    if (x->quality != QUALITY_GOOD) {
        r->bad[unit][x->quality]++;
        return;
    }
    unsigned value = modbus_slave_value((uint8_t)(unit + 1), address);
    double want = o->table == TABLE_COIL || o->table == TABLE_DISCRETE ? value & 1 : value;
    if (x->value != want)
        fail_msg("unit %zu, register %u: %g, not %g", unit + 1, address, x->value, want);
    int64_t now = clock_mono_us();
    if (now - r->last_good_us[unit] > r->longest_gap_us[unit])
        r->longest_gap_us[unit] = now - r->last_good_us[unit];
    r->last_good_us[unit] = now;
    r->good[unit]++;
}

static void rig_collect(struct rig *r)
{
    struct reading readings[256];
    size_t n;

    while (queue_pop(r->env.queue, 0, readings, COUNT(readings), 0, &n) == GW_OK) {
        for (size_t i = 0; i < n; i++)
            check_reading(r, &readings[i]);
    }
}

void rig_step(struct rig *r)
{
    int64_t before = clock_mono_us();

    clock_sleep_us(r->next_us - before);
    before = clock_mono_us();
    r->poll_error = driver_modbus.poll(r->source, before, &r->next_us);
    if (clock_mono_us() - before > r->longest_poll_us)
        r->longest_poll_us = clock_mono_us() - before;
    rig_collect(r);
}

unsigned rig_good(const struct rig *r)
{
    unsigned n = 0;

    for (size_t u = 0; u < r->units; u++)
        n += r->good[u];
    return n;
}

void rig_reopen(struct rig *r)
{
    driver_modbus.close(r->source);
    clock_sleep_us(20 * US_PER_MS);
    while (driver_modbus.open(r->source) != GW_OK)
        clock_sleep_us(20 * US_PER_MS);
    r->next_us = 0;
}

void rig_run(struct rig *r, unsigned good, int64_t most_us)
{
    int64_t end = clock_mono_us() + most_us;

    while (clock_mono_us() < end && rig_good(r) < good) {
        rig_step(r);
        if (r->poll_error != GW_OK)
            rig_reopen(r);
    }
}

unsigned rig_bad(const struct rig *r, size_t unit)
{
    unsigned n = 0;

    for (int q = 0; q < QUALITY_COUNT; q++)
        n += r->bad[unit][q];
    return n;
}

bool rig_succeeds(bool (*attempt)(void), int attempts)
{
    for (int i = 0; i < attempts; i++) {
        if (attempt())
            return true;
    }
    return false;
}
