/* SPDX-License-Identifier: Apache-2.0 */
/* Counters that wrap, are reset, and outlive the gateway. */
#include "drivers/counter.h"
#include "drivers/counters.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define STEPS_MAX 6

/* --- one counter: the total after each raw value --- */

static const struct {
    const char *name;
    double wrap;
    double raw[STEPS_MAX], total[STEPS_MAX];
    enum counter_event event[STEPS_MAX];
    size_t steps;
} cases[] = {
    {"it begins with what the meter shows and counts on",
     65536,
     {100, 100, 250},
     {100, 100, 250},
     {COUNTER_BEGUN, COUNTER_COUNTED, COUNTER_COUNTED},
     3},
    {"a 16-bit counter wraps, and wraps again",
     65536,
     {65000, 464, 40000, 65535, 0},
     {65000, 66000, 105536, 131071, 131072},
     {COUNTER_BEGUN, COUNTER_WRAPPED, COUNTER_COUNTED, COUNTER_COUNTED, COUNTER_WRAPPED},
     5},
    {"a 32-bit counter that is reset does not wrap",
     4294967296,
     {5000, 0, 10},
     {5000, 5000, 5010},
     {COUNTER_BEGUN, COUNTER_RESET, COUNTER_COUNTED},
     3},
    {"what was counted since the reset is in",
     4294967296,
     {5000, 7},
     {5000, 5007},
     {COUNTER_BEGUN, COUNTER_RESET},
     2},
    {"a counter of decimal digits wraps where it is told",
     1000000,
     {999990, 5},
     {999990, 1000005},
     {COUNTER_BEGUN, COUNTER_WRAPPED},
     2},
    {"one that never wraps is reset at the top too",
     0,
     {65000, 3},
     {65000, 65003},
     {COUNTER_BEGUN, COUNTER_RESET},
     2},
    {"a step back adds nothing, and it counts on from there",
     4294967296,
     {1000, 990, 1000, 1010},
     {1000, 1000, 1010, 1020},
     {COUNTER_BEGUN, COUNTER_BACK, COUNTER_COUNTED, COUNTER_COUNTED},
     4},
    {"a signed register goes on below 0",
     65536,
     {32767, -32768, -32760},
     {32767, 32768, 32776},
     {COUNTER_BEGUN, COUNTER_WRAPPED, COUNTER_COUNTED},
     3},
    {"an increase of half the range is no wrap",
     65536,
     {40000, 8000},
     {40000, 48000},
     {COUNTER_BEGUN, COUNTER_RESET},
     2},
};

static void totals_are_as_expected_and_never_fall(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct counter c = {0};
        double before = -HUGE_VAL;
        for (size_t k = 0; k < cases[i].steps; k++) {
            double increase;
            enum counter_event event = counter_step(&c, cases[i].wrap, cases[i].raw[k], &increase);
            if (event != cases[i].event[k] || counter_total(&c) != cases[i].total[k])
                fail_msg("%s: step %zu: event %d, total %g", cases[i].name, k, (int)event,
                         counter_total(&c));
            if (counter_total(&c) < before || increase < 0 ||
                (k > 0 && counter_total(&c) != before + increase))
                fail_msg("%s: step %zu: from %g by %g to %g", cases[i].name, k, before, increase,
                         counter_total(&c));
            before = counter_total(&c);
        }
    }
}

static void random_counting_is_followed_through_every_wrap(void **state)
{
    struct counter c = {0};
    double truth = 0, increase;

    (void)state;
    srand(5);
    counter_step(&c, 65536, 0, &increase);
    for (int i = 0; i < 100000; i++) {
        truth += rand() % 32768;
        counter_step(&c, 65536, fmod(truth, 65536), &increase);
        if (counter_total(&c) != truth)
            fail_msg("step %d: %g, not %g", i, counter_total(&c), truth);
    }
}

/* --- the counters of a gateway --- */

struct bench {
    char folder[32], path[64];
    struct sensor_config sensors[2];
    struct device_config device;
    struct source_config source;
    struct config config;
    struct sensor_table *table;
    struct counters *counters;
};

static struct sensor_config sensor(const char *name, uint32_t index, int64_t per_us)
{
    return (struct sensor_config){.name = (char *)(uintptr_t)name,
                                  .unit = (char *)(uintptr_t) "kWh",
                                  .index = index,
                                  .scale = 0.1,
                                  .min = (double)NAN,
                                  .max = (double)NAN,
                                  .counter = true,
                                  .wrap = 65536,
                                  .per_us = per_us};
}

static void start(struct bench *b)
{
    assert_int_equal(sensor_table_create(&b->table, 2), GW_OK);
    for (size_t i = 0; i < 2; i++) {
        struct sensor s = {.name = b->sensors[i].name, .unit = "kWh", .device = "m"};
        uint32_t index;
        assert_int_equal(sensor_table_add(b->table, &s, &index), GW_OK);
    }
    assert_int_equal(counters_create(&b->counters, &b->config, b->table), GW_OK);
    assert_non_null(b->counters);
}

static void stop(struct bench *b)
{
    counters_destroy(b->counters);
    sensor_table_destroy(b->table);
}

static void prepare(struct bench *b)
{
    *b = (struct bench){.folder = "/tmp/counters-XXXXXX"};
    assert_non_null(mkdtemp(b->folder));
    snprintf(b->path, sizeof(b->path), "%s/db", b->folder);
    b->sensors[0] = sensor("m/energy", 0, 0);
    b->sensors[1] = sensor("m/power", 1, 3600 * US_PER_SECOND);
    b->device = (struct device_config){.sensors = b->sensors, .sensor_count = 2};
    b->source = (struct source_config){.devices = &b->device, .device_count = 1};
    b->config = (struct config){.sources = &b->source, .source_count = 1};
    b->config.storage.path = b->path;
}

static void finish(struct bench *b)
{
    char file[80];

    snprintf(file, sizeof(file), "%s.counters", b->path);
    unlink(file);
    assert_int_equal(rmdir(b->folder), 0); /* no other file is left */
}

/* What the sensor gives when its raw value, scaled by 0.1, is `value`. */
static struct reading give(struct bench *b, size_t i, double value, int64_t now_us)
{
    struct reading r = {.value = value, .sensor = (uint32_t)i};

    counters_apply(b->counters, &b->sensors[i], &r, now_us);
    return r;
}

static bool near(double a, double b)
{
    return fabs(a - b) < 1e-6;
}

static void a_total_goes_on_where_it_was_after_a_restart(void **state)
{
    struct bench b;

    (void)state;
    prepare(&b);
    start(&b);
    assert_true(near(give(&b, 0, 6553.0, 1).value, 6553.0));
    assert_true(near(give(&b, 0, 1.0, 2).value, 6554.6)); /* 65530 … 65536 = 0 … 10 */
    stop(&b);
    start(&b);
    assert_true(near(give(&b, 0, 1.5, 3).value, 6555.1));
    /* It wraps while the gateway is down. */
    assert_true(near(give(&b, 0, 6000.0, 4).value, 12553.6));
    stop(&b);
    start(&b);
    assert_true(near(give(&b, 0, 0.4, 5).value, 13107.6));
    stop(&b);
    finish(&b);
}

static void a_rate_needs_two_readings_and_survives_a_wrap(void **state)
{
    struct bench b;
    const int64_t minute = 60 * US_PER_SECOND;

    (void)state;
    prepare(&b);
    start(&b);
    assert_int_equal(give(&b, 1, 6553.0, minute).quality, QUALITY_INVALID);
    assert_true(near(give(&b, 1, 6553.5, 2 * minute).value, 30)); /* 0.5 kWh a minute: 30 kW */
    assert_true(near(give(&b, 1, 0.4, 3 * minute).value, 30));
    assert_true(near(give(&b, 1, 0.4, 4 * minute).value, 0));
    assert_int_equal(give(&b, 1, 0.5, 4 * minute).quality, QUALITY_INVALID); /* no time passed */
    stop(&b);
    finish(&b);
}

static void bad_readings_in_between_change_nothing(void **state)
{
    struct bench b;
    struct reading bad = {.value = (double)NAN, .sensor = 0, .quality = QUALITY_TIMEOUT};

    (void)state;
    prepare(&b);
    start(&b);
    give(&b, 0, 6553.0, 1);
    counters_apply(b.counters, &b.sensors[0], &bad, 2);
    assert_int_equal(bad.quality, QUALITY_TIMEOUT);
    assert_true(near(give(&b, 0, 0.4, 3).value, 6554.0));
    stop(&b);
    finish(&b);
}

static void a_damaged_line_of_the_file_costs_its_counter_alone(void **state)
{
    struct bench b;
    char path[80];

    (void)state;
    prepare(&b);
    snprintf(path, sizeof(path), "%s.counters", b.path);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs("nonsense\n12 nan m/power\n655360 100 m/energy\n7", f);
    fclose(f);
    start(&b);
    assert_true(near(give(&b, 0, 10.0, 1).value, 65546.0));
    assert_int_equal(give(&b, 1, 10.0, 1).quality, QUALITY_INVALID);
    stop(&b);
    finish(&b);
}

static void without_counters_there_is_no_thread_and_no_file(void **state)
{
    struct bench b;
    struct counters *none = (struct counters *)&b;

    (void)state;
    prepare(&b);
    b.sensors[0].counter = b.sensors[1].counter = false;
    assert_int_equal(counters_create(&none, &b.config, NULL), GW_OK);
    assert_null(none);
    counters_destroy(none);
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(totals_are_as_expected_and_never_fall),
        cmocka_unit_test(random_counting_is_followed_through_every_wrap),
        cmocka_unit_test(a_total_goes_on_where_it_was_after_a_restart),
        cmocka_unit_test(a_rate_needs_two_readings_and_survives_a_wrap),
        cmocka_unit_test(bad_readings_in_between_change_nothing),
        cmocka_unit_test(a_damaged_line_of_the_file_costs_its_counter_alone),
        cmocka_unit_test(without_counters_there_is_no_thread_and_no_file),
    };

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
