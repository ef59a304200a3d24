/* SPDX-License-Identifier: Apache-2.0 */
/* The whole driver against slaves that misbehave. Every register holds a value made of its unit and
 * address, so every good reading can be checked for its origin. */
#include "drivers/driver.h"
#include "drivers/modbus/options.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "tests/support/modbus_slave.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define UNITS_MAX 12
#define SENSORS_MAX 4
#define TIMEOUT_US (60 * US_PER_MS)

extern const struct driver driver_modbus;

/* --- a bus of `units` devices with `sensors` registers each, not adjacent --- */

struct rig {
    size_t units, sensors;
    struct modbus_source source_options;
    char address[32];
    struct modbus_device device_options[UNITS_MAX];
    struct modbus_sensor sensor_options[UNITS_MAX][SENSORS_MAX];
    struct sensor_config sensor_configs[UNITS_MAX][SENSORS_MAX];
    struct device_config devices[UNITS_MAX];
    struct source_config config;
    struct source_env env;
    struct source *source;
    int64_t next_us;
    enum gw_err poll_error;
    /* what came, by unit */
    unsigned good[UNITS_MAX], bad[UNITS_MAX][QUALITY_COUNT];
    int64_t last_good_us[UNITS_MAX], longest_gap_us[UNITS_MAX];
    int64_t longest_poll_us;
};

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

static void rig_prepare(struct rig *r, struct modbus_slave *slave, size_t units, size_t sensors,
                        int64_t every_us)
{
    *r = (struct rig){.units = units, .sensors = sensors};
    r->source_options = (struct modbus_source){.baud = 115200,
                                               .data_bits = 8,
                                               .stop_bits = 1,
                                               .parity = PARITY_NONE,
                                               .framing = FRAMING_TCP,
                                               .timeout_us = TIMEOUT_US};
    if (modbus_slave_path(slave)[0]) {
        snprintf(r->address, sizeof(r->address), "%s", modbus_slave_path(slave));
        r->source_options.port = r->address;
    } else {
        snprintf(r->address, sizeof(r->address), "%d", modbus_slave_port(slave));
        r->source_options.host = (char *)(uintptr_t) "127.0.0.1";
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

static void rig_open(struct rig *r)
{
    assert_int_equal(queue_create(&r->env.queue, 1, 65536, sizeof(struct reading)), GW_OK);
    assert_int_equal(ledger_create(&r->env.ledger, 1), GW_OK);
    assert_int_equal(sensor_table_create(&r->env.sensors, UNITS_MAX * SENSORS_MAX), GW_OK);
    assert_int_equal(source_create(&r->source, &r->config, &r->env), GW_OK);
    assert_int_equal(driver_modbus.open(r->source), GW_OK);
    for (size_t u = 0; u < r->units; u++)
        r->last_good_us[u] = clock_mono_us();
}

static void rig_close(struct rig *r)
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
    uint16_t address = r->sensor_options[unit][x->sensor % SENSORS_MAX].address;

    if (x->quality != QUALITY_GOOD) {
        r->bad[unit][x->quality]++;
        return;
    }
    double want = modbus_slave_value((uint8_t)(unit + 1), address);
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

static void rig_step(struct rig *r)
{
    int64_t before = clock_mono_us();

    clock_sleep_us(r->next_us - before);
    before = clock_mono_us();
    r->poll_error = driver_modbus.poll(r->source, before, &r->next_us);
    if (clock_mono_us() - before > r->longest_poll_us)
        r->longest_poll_us = clock_mono_us() - before;
    rig_collect(r);
}

static unsigned all_good(const struct rig *r)
{
    unsigned n = 0;

    for (size_t u = 0; u < r->units; u++)
        n += r->good[u];
    return n;
}

/* As a source's thread does. */
static void rig_reopen(struct rig *r)
{
    driver_modbus.close(r->source);
    clock_sleep_us(20 * US_PER_MS);
    while (driver_modbus.open(r->source) != GW_OK)
        clock_sleep_us(20 * US_PER_MS);
    r->next_us = 0;
}

static void rig_run(struct rig *r, unsigned good, int64_t most_us)
{
    int64_t end = clock_mono_us() + most_us;

    while (clock_mono_us() < end && all_good(r) < good) {
        rig_step(r);
        if (r->poll_error != GW_OK)
            rig_reopen(r);
    }
}

static unsigned bad_of(const struct rig *r, size_t unit)
{
    unsigned n = 0;

    for (int q = 0; q < QUALITY_COUNT; q++)
        n += r->bad[unit][q];
    return n;
}

/* --- slaves --- */

/* One answer in 60 is as the argument says, the n-th fault the n-th in turn. */
struct faults {
    enum slave_fault kinds[12];
    unsigned count, next;
};

static enum slave_fault now_and_then(void *arg, const struct slave_request *q)
{
    struct faults *f = arg;

    if (q->number % 61 != 60)
        return SLAVE_GOOD;
    return f->kinds[f->next++ % f->count];
}

static enum slave_fault unit_2_is_mute(void *arg, const struct slave_request *q)
{
    (void)arg;
    return q->unit == 2 ? SLAVE_MUTE : SLAVE_GOOD;
}

static enum slave_fault unit_2_is_late(void *arg, const struct slave_request *q)
{
    (void)arg;
    return q->unit == 2 ? SLAVE_LATE : SLAVE_GOOD;
}

/* Its answers come when it is asked again, as often as the argument says; then it is healthy. */
static enum slave_fault unit_2_lags(void *arg, const struct slave_request *q)
{
    atomic_uint *left = arg;

    if (q->unit != 2 || atomic_load(left) == 0)
        return SLAVE_GOOD;
    atomic_fetch_sub(left, 1);
    return SLAVE_HELD;
}

static enum slave_fault always(void *arg, const struct slave_request *q)
{
    (void)q;
    return *(const enum slave_fault *)arg;
}

static enum slave_fault no_register_17(void *arg, const struct slave_request *q)
{
    (void)arg;
    return q->address <= 17 && q->address + q->count > 17 ? SLAVE_ILLEGAL_ADDRESS : SLAVE_GOOD;
}

/* --- tests --- */

static void no_fault_over_tcp_attributes_a_value_wrongly(void **state)
{
    struct faults faults = {.kinds = {SLAVE_LATE, SLAVE_TRANSACTION, SLAVE_UNIT, SLAVE_FUNCTION,
                                      SLAVE_SHORT, SLAVE_COUNT, SLAVE_LONG, SLAVE_GARBAGE,
                                      SLAVE_DRIP, SLAVE_DROP, SLAVE_MUTE, SLAVE_BUSY},
                            .count = 12};
    struct modbus_slave_options o = {
        .fault = now_and_then, .arg = &faults, .late_us = 3 * TIMEOUT_US / 2, .drip_us = 9000};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct rig r;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&r, slave, 12, 4, 4 * US_PER_MS);
    rig_open(&r);
    rig_run(&r, 4000, 30 * US_PER_SECOND);
    rig_close(&r);
    modbus_slave_stop(slave);
    assert_true(faults.next >= 12);
    assert_true(all_good(&r) >= 4000);
}

static void no_fault_on_a_serial_line_attributes_a_value_wrongly(void **state)
{
    struct faults faults = {.kinds = {SLAVE_LATE, SLAVE_UNIT, SLAVE_FUNCTION, SLAVE_SHORT,
                                      SLAVE_COUNT, SLAVE_LONG, SLAVE_GARBAGE, SLAVE_DAMAGED,
                                      SLAVE_DRIP, SLAVE_MUTE, SLAVE_BUSY},
                            .count = 11};
    struct modbus_slave_options o = {
        .fault = now_and_then, .arg = &faults, .late_us = 3 * TIMEOUT_US / 2, .drip_us = 9000};
    struct modbus_slave *slave = modbus_slave_start_pty(&o);
    struct rig r;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&r, slave, 12, 4, 10 * US_PER_MS);
    rig_open(&r);
    rig_run(&r, 3000, 30 * US_PER_SECOND);
    rig_close(&r);
    modbus_slave_stop(slave);
    assert_true(faults.next >= 11);
    assert_true(all_good(&r) >= 3000);
}

static void a_unit_that_always_answers_late_is_never_believed_wrongly(void **state)
{
    static const int64_t lateness[] = {TIMEOUT_US + 20 * US_PER_MS, 800 * US_PER_MS};

    (void)state;
    for (size_t i = 0; i < COUNT(lateness); i++) {
        struct modbus_slave_options o = {.fault = unit_2_is_late, .late_us = lateness[i]};
        struct modbus_slave *slave = modbus_slave_start_pty(&o);
        struct rig r;
        assert_non_null(slave);
        rig_prepare(&r, slave, 3, 4, 20 * US_PER_MS);
        rig_open(&r);
        rig_run(&r, UINT32_MAX, 2500 * US_PER_MS);
        rig_close(&r);
        modbus_slave_stop(slave);
        assert_true(r.good[0] > 20); /* not starved; a busy machine is slower */
        assert_true(r.good[2] > 100);
        assert_true(r.bad[1][QUALITY_TIMEOUT] > 0);
    }
}

/* The worst that can happen where replies carry no id: the answer to the last request comes just
 * when the next one, of the same shape to the same unit, is out. */
static void check_lagging(struct modbus_slave *(*start)(const struct modbus_slave_options *),
                          unsigned times)
{
    atomic_uint lags = times;
    struct modbus_slave_options o = {.fault = unit_2_lags, .arg = &lags};
    struct modbus_slave *slave = start(&o);
    struct rig r;

    assert_non_null(slave);
    rig_prepare(&r, slave, 2, 4, 20 * US_PER_MS);
    rig_open(&r);
    int64_t end = clock_mono_us() + 20 * US_PER_SECOND;
    while ((atomic_load(&lags) > 0 || r.good[1] < 40) && clock_mono_us() < end)
        rig_step(&r);
    rig_close(&r);
    modbus_slave_stop(slave);
    assert_int_equal(atomic_load(&lags), 0);
    assert_true(r.good[1] >= 40);
    assert_true(r.bad[1][QUALITY_TIMEOUT] > 0);
}

static void an_answer_to_the_request_before_is_never_taken_for_the_next(void **state)
{
    (void)state;
    check_lagging(modbus_slave_start_pty, 5);
    check_lagging(modbus_slave_start_tcp, 4);
}

static void check_dead_beside_healthy(struct modbus_slave *slave)
{
    struct rig r;

    assert_non_null(slave);
    rig_prepare(&r, slave, 3, 2, 20 * US_PER_MS);
    rig_open(&r);
    rig_run(&r, UINT32_MAX, 3 * US_PER_SECOND);
    unsigned asked = modbus_slave_requests(slave);
    rig_close(&r);
    modbus_slave_stop(slave);
    /* At 50 Hz with two registers each; a probe takes two periods of the time. */
    assert_true(r.good[0] > 20 && r.good[2] > 20);
    assert_int_equal(bad_of(&r, 0) + bad_of(&r, 2), 0);
    assert_true(r.longest_gap_us[0] < 20 * US_PER_MS + 3 * TIMEOUT_US);
    /* The mute one is asked at 0, 1 and 3 s, but every period says that it is mute. */
    assert_int_equal(r.good[1], 0);
    assert_true(r.bad[1][QUALITY_TIMEOUT] > 100);
    assert_true(asked <= r.good[0] + r.good[2] + 10);
    assert_true(r.longest_poll_us < 3 * TIMEOUT_US);
}

static void a_mute_unit_costs_the_others_one_time_out_per_probe(void **state)
{
    struct modbus_slave_options o = {.fault = unit_2_is_mute};

    (void)state;
    check_dead_beside_healthy(modbus_slave_start_pty(&o));
    check_dead_beside_healthy(modbus_slave_start_tcp(&o));
}

static void a_drip_fed_answer_does_not_stretch_the_time_out(void **state)
{
    enum slave_fault drip = SLAVE_DRIP;
    struct modbus_slave_options o = {.fault = always, .arg = &drip, .drip_us = TIMEOUT_US / 2};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct rig r;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&r, slave, 1, 1, 20 * US_PER_MS);
    rig_open(&r);
    rig_step(&r);
    assert_true(r.longest_poll_us >= TIMEOUT_US);
    assert_true(r.longest_poll_us < TIMEOUT_US * 2);
    assert_int_equal(r.bad[0][QUALITY_CRC], 1);
    rig_close(&r);
    modbus_slave_stop(slave);
}

static void one_wrong_address_does_not_spoil_its_neighbours(void **state)
{
    struct modbus_slave_options o = {.fault = no_register_17};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct rig r;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&r, slave, 1, 4, 20 * US_PER_MS);
    r.device_options[0].max_gap = 20; /* 7, 17, 27 and 37 in one request */
    rig_open(&r);
    rig_run(&r, 60, 5 * US_PER_SECOND);
    rig_close(&r);
    modbus_slave_stop(slave);
    assert_true(all_good(&r) >= 60);
    assert_true(r.bad[0][QUALITY_EXCEPTION] >= 1);
    assert_int_equal(r.bad[0][QUALITY_EXCEPTION], bad_of(&r, 0));
    /* Three good registers, one refused. */
    assert_true(r.bad[0][QUALITY_EXCEPTION] <= all_good(&r) / 3 + 2);
}

static void a_closed_connection_is_made_anew_without_a_bad_reading(void **state)
{
    struct modbus_slave_options o = {0};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct rig r;

    (void)state;
    assert_non_null(slave);
    o.port = modbus_slave_port(slave);
    rig_prepare(&r, slave, 2, 2, 10 * US_PER_MS);
    rig_open(&r);
    rig_run(&r, 8, 5 * US_PER_SECOND);
    modbus_slave_stop(slave);
    slave = modbus_slave_start_tcp(&o);
    assert_non_null(slave);
    rig_run(&r, 20, 5 * US_PER_SECOND);
    assert_true(all_good(&r) >= 20);
    assert_int_equal(bad_of(&r, 0) + bad_of(&r, 1), 0);
    rig_close(&r);
    modbus_slave_stop(slave);
}

static void a_slave_that_is_gone_is_found_again(void **state)
{
    struct modbus_slave_options o = {0};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct rig r;

    (void)state;
    assert_non_null(slave);
    o.port = modbus_slave_port(slave);
    rig_prepare(&r, slave, 1, 2, 10 * US_PER_MS);
    rig_open(&r);
    rig_run(&r, 8, 5 * US_PER_SECOND);
    modbus_slave_stop(slave);
    rig_step(&r);
    assert_int_equal(r.poll_error, GW_ECONN);
    assert_true(r.bad[0][QUALITY_TIMEOUT] > 0);
    slave = modbus_slave_start_tcp(&o);
    assert_non_null(slave);
    rig_reopen(&r);
    unsigned before = all_good(&r);
    rig_run(&r, before + 8, 5 * US_PER_SECOND);
    assert_true(all_good(&r) >= before + 8);
    rig_close(&r);
    modbus_slave_stop(slave);
}

static void an_unplugged_port_ends_the_poll_with_an_error(void **state)
{
    struct modbus_slave_options o = {0};
    struct modbus_slave *slave = modbus_slave_start_pty(&o);
    struct rig r;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&r, slave, 1, 2, 10 * US_PER_MS);
    rig_open(&r);
    rig_run(&r, 8, 5 * US_PER_SECOND);
    modbus_slave_stop(slave);
    rig_step(&r);
    assert_int_equal(r.poll_error, GW_ECONN);
    assert_true(bad_of(&r, 0) > 0);
    rig_close(&r);
}

static void a_port_is_opened_by_one_only(void **state)
{
    struct modbus_slave_options o = {0};
    struct modbus_slave *slave = modbus_slave_start_pty(&o);
    struct rig first, second;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&first, slave, 1, 1, 10 * US_PER_MS);
    rig_prepare(&second, slave, 1, 1, 10 * US_PER_MS);
    rig_open(&first);
    second.env = first.env;
    assert_int_equal(source_create(&second.source, &second.config, &second.env), GW_OK);
    assert_int_equal(driver_modbus.open(second.source), GW_EBUSY);
    source_destroy(second.source);
    rig_close(&first);
    modbus_slave_stop(slave);
}

static void raise_stop(void *arg)
{
    clock_sleep_us(50 * US_PER_MS);
    source_close(arg);
}

static void stopping_does_not_wait_for_the_time_out(void **state)
{
    struct modbus_slave_options o = {.fault = unit_2_is_mute};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct thread stopper = {0};
    struct rig r;

    (void)state;
    assert_non_null(slave);
    rig_prepare(&r, slave, 1, 1, 10 * US_PER_MS);
    r.source_options.timeout_us = 10 * US_PER_SECOND;
    r.device_options[0].unit_id = 2;
    rig_open(&r);
    assert_int_equal(thread_start(&stopper, "stopper", raise_stop, r.source), GW_OK);
    rig_step(&r);
    thread_join(&stopper);
    assert_true(r.longest_poll_us < US_PER_SECOND);
    rig_close(&r);
    modbus_slave_stop(slave);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_fault_over_tcp_attributes_a_value_wrongly),
        cmocka_unit_test(no_fault_on_a_serial_line_attributes_a_value_wrongly),
        cmocka_unit_test(a_unit_that_always_answers_late_is_never_believed_wrongly),
        cmocka_unit_test(an_answer_to_the_request_before_is_never_taken_for_the_next),
        cmocka_unit_test(a_mute_unit_costs_the_others_one_time_out_per_probe),
        cmocka_unit_test(a_drip_fed_answer_does_not_stretch_the_time_out),
        cmocka_unit_test(one_wrong_address_does_not_spoil_its_neighbours),
        cmocka_unit_test(a_closed_connection_is_made_anew_without_a_bad_reading),
        cmocka_unit_test(a_slave_that_is_gone_is_found_again),
        cmocka_unit_test(an_unplugged_port_ends_the_poll_with_an_error),
        cmocka_unit_test(a_port_is_opened_by_one_only),
        cmocka_unit_test(stopping_does_not_wait_for_the_time_out),
    };

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
