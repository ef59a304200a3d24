/* SPDX-License-Identifier: Apache-2.0 */
/* What the driver does about requests that a device refuses: everything that it has still arrives.
 */
#include "gateway/core/log.h"
#include "tests/support/modbus_rig.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FIRST 100

/* A device with holes, and one that gives only so many registers at a time. */
struct device {
    uint16_t missing[4];
    size_t count;
    atomic_uint most; /* registers of one reply; 0: as many as are asked for */
    atomic_bool healed, mute;
    atomic_uint requests, refusals;
    unsigned alone; /* requests for the first missing register only */
};

static bool touches(const struct slave_request *q, uint16_t address)
{
    return q->address <= address && address < q->address + q->count;
}

static enum slave_fault answer(void *arg, const struct slave_request *q)
{
    struct device *d = arg;
    unsigned most = atomic_load(&d->most);
    bool refused = most > 0 && q->count > most;

    atomic_fetch_add(&d->requests, 1);
    if (atomic_load(&d->mute))
        return SLAVE_MUTE;
    if (q->count == 1 && q->address == d->missing[0])
        d->alone++;
    for (size_t i = 0; i < d->count && !atomic_load(&d->healed); i++)
        refused = refused || touches(q, d->missing[i]);
    if (!refused)
        return SLAVE_GOOD;
    atomic_fetch_add(&d->refusals, 1);
    return SLAVE_ILLEGAL_ADDRESS;
}

struct bench {
    struct device device;
    struct modbus_slave_options options;
    struct modbus_slave *slave;
    struct rig rig;
};

static void start(struct bench *b, size_t sensors, int64_t every_us)
{
    b->options = (struct modbus_slave_options){.fault = answer, .arg = &b->device};
    b->slave = modbus_slave_start_tcp(&b->options);
    assert_non_null(b->slave);
    rig_prepare(&b->rig, b->slave, 1, sensors, every_us);
    rig_side_by_side(&b->rig, FIRST);
    b->rig.source_options.timeout_us = RIG_PATIENCE_US;
}

static void finish(struct bench *b)
{
    rig_close(&b->rig);
    modbus_slave_stop(b->slave);
}

static struct unit_figures figures(struct bench *b)
{
    struct unit_figures u;

    assert_int_equal(figures_copy(&b->rig.source->figures, 0, &u, 1), 1);
    return u;
}

/* --- tests --- */

/* False: it took longer than one cycle and a half, so that some come twice before all have come. */
static bool costs_eight_requests(uint16_t bad)
{
    const int64_t every_us = 200 * US_PER_MS;
    struct bench b = {.device = {.missing = {(uint16_t)(FIRST + bad)}, .count = 1}};

    start(&b, 125, every_us);
    rig_open(&b.rig);
    int64_t begin = clock_mono_us();
    rig_step(&b.rig);
    unsigned asked = atomic_load(&b.device.requests);
    if (asked < 2 || asked > 1 + 8)
        fail_msg("register %u: %u requests", bad, asked);
    assert_int_equal(b.rig.bad[0][QUALITY_EXCEPTION], 1);
    /* From the next cycle on all others come, with one or two requests. */
    memset(b.rig.good, 0, sizeof(b.rig.good));
    rig_run(&b.rig, 124, RIG_RUN_US);
    bool in_time = clock_mono_us() - begin < 3 * every_us / 2;
    if (in_time) {
        assert_int_equal(rig_good(&b.rig), 124);
        assert_true(atomic_load(&b.device.requests) <= asked + 2);
    }
    struct isolated_place i;
    assert_int_equal(figures_copy_isolated(&b.rig.source->figures, 0, &i, 1), 1);
    char place[ISOLATED_PLACE_SIZE];
    snprintf(place, sizeof(place), "holding %u", FIRST + bad);
    assert_string_equal(i.place, place);
    assert_int_equal(i.sensor, bad);
    assert_int_equal(i.exception, 2);
    assert_int_equal(figures(&b).isolated, 1);
    finish(&b);
    return in_time;
}

/* 125 registers, one of them illegal, wherever it is. */
static void one_bad_register_costs_eight_requests_and_its_neighbours_come_next_cycle(void **state)
{
    static const uint16_t places[] = {0, 1, 2, 15, 31, 61, 62, 63, 92, 93, 123, 124};

    (void)state;
    for (size_t k = 0; k < COUNT(places); k++) {
        bool in_time = false;
        for (int tries = 0; tries < 20 && !in_time; tries++)
            in_time = costs_eight_requests(places[k]);
        assert_true(in_time);
    }
}

static void a_bad_register_is_left_alone_for_an_hour_and_says_so_every_cycle(void **state)
{
    struct bench b = {.device = {.missing = {FIRST + 30}, .count = 1}};
    struct isolated_place i;

    (void)state;
    start(&b, 60, 20 * US_PER_MS);
    rig_open(&b.rig);
    rig_run(&b.rig, 59 * 20, RIG_RUN_US);
    assert_true(b.rig.bad[0][QUALITY_EXCEPTION] >= 15);
    assert_int_equal(rig_bad(&b.rig, 0), b.rig.bad[0][QUALITY_EXCEPTION]);
    assert_true(b.device.alone <= 1);
    assert_int_equal(figures_copy_isolated(&b.rig.source->figures, 0, &i, 1), 1);
    int64_t left = i.next_try_us - clock_mono_us();
    assert_true(left > 3500 * US_PER_SECOND && left <= 3600 * US_PER_SECOND);
    finish(&b);
}

static void several_bad_registers_are_found_one_after_the_other(void **state)
{
    struct bench b = {
        .device = {.missing = {FIRST, FIRST + 1, FIRST + 60, FIRST + 99}, .count = 4}};
    struct isolated_place list[8];

    (void)state;
    start(&b, 100, 50 * US_PER_MS);
    rig_open(&b.rig);
    for (int i = 0; i < 400 && figures(&b).isolated < 4; i++)
        rig_step(&b.rig);
    assert_int_equal(figures_copy_isolated(&b.rig.source->figures, 0, list, 8), 4);
    unsigned asked = atomic_load(&b.device.requests);
    assert_true(asked <= 4 * 8 + 4 * 5);
    /* And then all the rest, cycle by cycle, without a refusal. */
    unsigned refusals = atomic_load(&b.device.refusals);
    memset(b.rig.good, 0, sizeof(b.rig.good));
    rig_run(&b.rig, 5 * 96, RIG_RUN_US);
    assert_true(rig_good(&b.rig) >= 5 * 96);
    assert_int_equal(atomic_load(&b.device.refusals), refusals);
    finish(&b);
}

static void a_device_that_gives_little_at_a_time_is_asked_for_little(void **state)
{
    struct bench b = {.device = {.count = 0}};
    struct isolated_place i;

    (void)state;
    atomic_store(&b.device.most, 16);
    start(&b, 125, 20 * US_PER_MS);
    rig_open(&b.rig);
    for (int k = 0; k < 200; k++)
        rig_step(&b.rig);
    unsigned refusals = atomic_load(&b.device.refusals);
    memset(b.rig.good, 0, sizeof(b.rig.good));
    rig_run(&b.rig, 5 * 125, RIG_RUN_US);
    assert_true(rig_good(&b.rig) >= 5 * 125);
    assert_int_equal(atomic_load(&b.device.refusals), refusals);
    assert_int_equal(figures_copy_isolated(&b.rig.source->figures, 0, &i, 1), 0);
    finish(&b);
}

static void an_illegal_gap_is_no_fault_of_the_registers_around_it(void **state)
{
    struct bench b = {.device = {.missing = {12}, .count = 1}};
    struct isolated_place i;

    (void)state;
    start(&b, 4, 20 * US_PER_MS);
    for (size_t k = 0; k < 4; k++)
        b.rig.sensor_options[0][k].address = (uint16_t)(10 * k + 7);
    b.rig.device_options[0].max_gap = 20; /* 7, 17, 27 and 37 in one request; 12 is not there */
    rig_open(&b.rig);
    rig_run(&b.rig, 200, RIG_RUN_US);
    assert_true(rig_good(&b.rig) >= 200);
    assert_int_equal(figures_copy_isolated(&b.rig.source->figures, 0, &i, 1), 0);
    assert_true(atomic_load(&b.device.refusals) <= 4);
    finish(&b);
}

/* Sixteen sensors that are bits of one register are refused together. */
static void bits_of_a_bad_register_are_isolated_together(void **state)
{
    struct bench b = {.device = {.missing = {FIRST + 3}, .count = 1}};
    struct isolated_place i;

    (void)state;
    start(&b, 16, 20 * US_PER_MS);
    for (size_t k = 0; k < 16; k++) /* four each of registers 100 to 103 */
        b.rig.sensor_options[0][k].address = (uint16_t)(FIRST + k / 4);
    rig_open(&b.rig);
    rig_run(&b.rig, 12 * 20, RIG_RUN_US);
    assert_true(rig_good(&b.rig) >= 12 * 20);
    assert_int_equal(figures_copy_isolated(&b.rig.source->figures, 0, &i, 1), 1);
    assert_int_equal(figures(&b).isolated, 1);
    assert_true(b.device.alone <= 1);
    assert_int_equal(b.rig.bad[0][QUALITY_EXCEPTION] % 4, 0);
    finish(&b);
}

static void a_unit_that_was_away_is_asked_again_for_what_it_refused(void **state)
{
    struct bench b = {.device = {.missing = {FIRST + 5}, .count = 1}};

    (void)state;
    start(&b, 10, 20 * US_PER_MS);
    b.rig.source_options.timeout_us = 2 * US_PER_SECOND; /* once it passes here */
    rig_open(&b.rig);
    for (int i = 0; i < 1000 && (figures(&b).isolated == 0 || rig_good(&b.rig) < 90); i++)
        rig_step(&b.rig);
    assert_int_equal(figures(&b).isolated, 1);
    atomic_store(&b.device.mute, true);
    for (int i = 0; i < 1000 && figures(&b).probing_us == 0; i++)
        rig_step(&b.rig);
    assert_true(figures(&b).probing_us > 0);
    atomic_store(&b.device.healed, true); /* it comes back with other firmware */
    atomic_store(&b.device.mute, false);
    for (int i = 0; i < 1000 && (figures(&b).isolated > 0 || figures(&b).probing_us > 0); i++)
        rig_step(&b.rig);
    assert_int_equal(figures(&b).isolated, 0);
    assert_int_equal(figures(&b).probing_us, 0);
    finish(&b);
}

/* --- other exceptions --- */

static enum slave_fault busy_now_and_then(void *arg, const struct slave_request *q)
{
    (void)arg;
    return q->number % 5 == 4 ? SLAVE_BUSY : SLAVE_GOOD;
}

static void a_busy_device_is_asked_again_next_cycle_as_before(void **state)
{
    struct modbus_slave_options o = {.fault = busy_now_and_then};
    struct modbus_slave *slave = modbus_slave_start_tcp(&o);
    struct isolated_place i;
    struct rig r;

    (void)state;
    rig_prepare(&r, slave, 1, 10, 10 * US_PER_MS);
    rig_side_by_side(&r, FIRST);
    r.source_options.timeout_us = RIG_PATIENCE_US;
    rig_open(&r);
    rig_run(&r, 400, RIG_RUN_US);
    assert_true(r.bad[0][QUALITY_EXCEPTION] >= 90 && r.bad[0][QUALITY_EXCEPTION] <= 110);
    assert_int_equal(figures_copy_isolated(&r.source->figures, 0, &i, 1), 0);
    assert_int_equal(modbus_slave_connections(slave), 1); /* an exception is an answer */
    rig_close(&r);
    modbus_slave_stop(slave);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_bad_register_costs_eight_requests_and_its_neighbours_come_next_cycle),
        cmocka_unit_test(a_bad_register_is_left_alone_for_an_hour_and_says_so_every_cycle),
        cmocka_unit_test(several_bad_registers_are_found_one_after_the_other),
        cmocka_unit_test(a_device_that_gives_little_at_a_time_is_asked_for_little),
        cmocka_unit_test(an_illegal_gap_is_no_fault_of_the_registers_around_it),
        cmocka_unit_test(bits_of_a_bad_register_are_isolated_together),
        cmocka_unit_test(a_unit_that_was_away_is_asked_again_for_what_it_refused),
        cmocka_unit_test(a_busy_device_is_asked_again_next_cycle_as_before),
    };

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
