/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of the alert book share: a book over a few sensors, on a clock of its own. Header
 * only. */
#ifndef SENSORGW_TESTS_GATEWAY_ALERT_FIXTURE_H
#define SENSORGW_TESTS_GATEWAY_ALERT_FIXTURE_H

#include "gateway/alert.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define NONE ((double)NAN)
#define LANES 2
#define START_US (1000 * US_PER_SECOND)

struct book {
    struct sensor_table *sensors;
    struct alert_book *alerts;
};

static uint32_t add(struct sensor_table *t, const char *name)
{
    struct sensor s = {.name = name, .unit = "°C", .device = ""};
    uint32_t index;

    assert_int_equal(sensor_table_add(t, &s, &index), GW_OK);
    return index;
}

static void book_begin(struct book *b, const struct config *config)
{
    assert_int_equal(alert_book_create(&b->alerts, config, b->sensors, LANES, 100, START_US),
                     GW_OK);
}

/* Sensors 0 "boiler/flow" and 1 "attic/temp", room for more up to the capacity. */
static void book_open(struct book *b, const struct config *config, size_t capacity)
{
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    assert_int_equal(sensor_table_create(&b->sensors, capacity), GW_OK);
    add(b->sensors, "boiler/flow");
    add(b->sensors, "attic/temp");
    book_begin(b, config);
}

static int teardown(void **state)
{
    struct book *b = *state;

    alert_book_destroy(b->alerts);
    sensor_table_destroy(b->sensors);
    return 0;
}

/* Seconds since the start. */
static struct alert_change *read_value(struct book *b, uint32_t sensor, double at, double value)
{
    struct reading r = {.time_us = START_US + (int64_t)(at * 1e6),
                        .value = value,
                        .sensor = sensor,
                        .quality = QUALITY_GOOD};

    return alert_book_eval(b->alerts, sensor % LANES, &r, r.time_us);
}

static struct alert_change *tick(struct book *b, size_t lane, double at)
{
    int64_t now = START_US + (int64_t)(at * 1e6);

    return alert_book_tick(b->alerts, lane, now, now);
}

#endif
