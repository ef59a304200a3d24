/* SPDX-License-Identifier: Apache-2.0 */
/* A source with a driver that is played by the test: opening again, lanes, a full queue, stopping.
 */
#include "drivers/backoff.h"
#include "drivers/driver.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define SENSORS 6
#define LANES 2
#define LONG_US (60 * US_PER_SECOND)

/* What the driver is to do, and what happened to it. */
static struct {
    atomic_int refusals; /* open() fails that often */
    atomic_int failures; /* then poll() fails that often */
    atomic_int opens, closes, polls;
    int64_t next_us; /* until the next poll */
} played;

static enum gw_err fake_open(struct source *s)
{
    if (atomic_fetch_sub(&played.refusals, 1) > 0) {
        source_error(s, "nobody there");
        return GW_ECONN;
    }
    atomic_fetch_add(&played.opens, 1);
    return GW_OK;
}

static enum gw_err fake_poll(struct source *s, int64_t now_us, int64_t *next_us)
{
    atomic_fetch_add(&played.polls, 1);
    if (atomic_fetch_sub(&played.failures, 1) > 0)
        return GW_EIO;
    *next_us = now_us + played.next_us;
    source_emit(s, source_sensor(s->config, 0), clock_wall_us(), 1);
    return GW_OK;
}

static void fake_close(struct source *s)
{
    (void)s;
    atomic_fetch_add(&played.closes, 1);
}

static const struct driver polled = {.open = fake_open, .poll = fake_poll, .close = fake_close};
static const struct driver pushed = {.open = fake_open, .close = fake_close};

struct bench {
    struct sensor_config sensors[SENSORS];
    struct device_config device;
    struct source_config config;
    struct sensor_table *table;
    struct ledger *ledger;
    struct queue *queue;
    struct source_env env;
    struct source *source;
};

static void start(struct bench *b, const struct driver *driver, size_t capacity)
{
    static struct driver_schema schema = {.name = "file", .polled = true};
    static char name[] = "x", unit[] = "";

    memset(b, 0, sizeof(*b));
    atomic_store(&played.opens, 0);
    atomic_store(&played.closes, 0);
    atomic_store(&played.polls, 0);
    for (uint32_t i = 0; i < SENSORS; i++) {
        b->sensors[i] = (struct sensor_config){.name = name,
                                               .unit = unit,
                                               .index = i,
                                               .every_us = 100 * US_PER_MS,
                                               .scale = 1,
                                               .min = (double)-INFINITY,
                                               .max = (double)INFINITY};
    }
    b->device =
        (struct device_config){.name = unit, .sensors = b->sensors, .sensor_count = SENSORS};
    b->config = (struct source_config){
        .name = name, .schema = &schema, .devices = &b->device, .device_count = 1};
    assert_int_equal(sensor_table_create(&b->table, SENSORS), GW_OK);
    assert_int_equal(ledger_create(&b->ledger, 1), GW_OK);
    assert_int_equal(queue_create(&b->queue, LANES, capacity, sizeof(struct reading)), GW_OK);
    b->env = (struct source_env){
        .queue = b->queue, .sensors = b->table, .ledger = b->ledger, .push_timeout_ms = 10};
    assert_int_equal(source_create(&b->source, &b->config, &b->env), GW_OK);
    b->source->driver = driver;
}

static void finish(struct bench *b)
{
    source_stop(b->source);
    source_destroy(b->source);
    queue_destroy(b->queue);
    ledger_destroy(b->ledger);
    sensor_table_destroy(b->table);
}

static void wait_until_more(atomic_int *counter, int than)
{
    for (int i = 0; i < 60000 && atomic_load(counter) <= than; i++)
        clock_sleep_us(US_PER_MS);
    assert_true(atomic_load(counter) > than);
}

static void a_driver_that_fails_is_closed_and_opened_again(void **state)
{
    struct bench b;

    (void)state;
    atomic_store(&played.refusals, 1);
    atomic_store(&played.failures, 1);
    played.next_us = US_PER_MS;
    start(&b, &polled, 1024);
    assert_int_equal(source_start(b.source), GW_OK);
    wait_until_more(&played.polls, 3);
    assert_int_equal(atomic_load(&b.source->status), SOURCE_OPEN);
    assert_int_equal(atomic_load(&b.source->errors), 1);
    assert_int_equal(atomic_load(&b.source->opens), 2);
    assert_int_equal(atomic_load(&played.closes), 1);
    source_stop(b.source);
    assert_int_equal(atomic_load(&played.closes), 2);
    assert_int_equal(atomic_load(&played.opens), 2);
    assert_int_equal(atomic_load(&b.source->status), SOURCE_CLOSED);
    finish(&b);
}

static void what_cannot_be_opened_has_no_values_and_says_so(void **state)
{
    struct bench b;
    struct reading r;
    size_t n;

    (void)state;
    atomic_store(&played.refusals, 1000000);
    start(&b, &polled, 1024);
    assert_int_equal(source_start(b.source), GW_OK);
    assert_int_equal(queue_pop(b.queue, 0, &r, 1, 60000, &n), GW_OK);
    assert_int_equal(r.quality, QUALITY_TIMEOUT);
    assert_int_equal(atomic_load(&b.source->status), SOURCE_FAILED);
    assert_string_equal(b.source->last_error, "nobody there");
    finish(&b);
}

static void stopping_wakes_a_source_that_sleeps(void **state)
{
    struct bench b;

    (void)state;
    atomic_store(&played.refusals, 0);
    atomic_store(&played.failures, 0);
    played.next_us = LONG_US;
    start(&b, &polled, 1024);
    assert_int_equal(source_start(b.source), GW_OK);
    wait_until_more(&played.polls, 0);
    finish(&b); /* ctest's time-out is the bound: nothing waits for LONG_US */
    assert_int_equal(atomic_load(&played.closes), 1);
}

static void a_sensor_always_takes_the_same_lane(void **state)
{
    struct bench b;
    struct reading batch[200], got[200];
    size_t n;

    (void)state;
    atomic_store(&played.refusals, 0);
    start(&b, &pushed, 1024);
    for (size_t i = 0; i < 200; i++)
        batch[i] = (struct reading){.sensor = (uint32_t)(i % SENSORS), .time_us = (int64_t)i};
    source_emit_batch(b.source, batch, 200);
    size_t all = 0;
    for (size_t lane = 0; lane < LANES; lane++) {
        assert_int_equal(queue_pop(b.queue, lane, got, 200, 0, &n), GW_OK);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(got[i].sensor % LANES, lane);
            assert_true(i == 0 || got[i].time_us > got[i - 1].time_us);
        }
        all += n;
    }
    assert_int_equal(all, 200);
    assert_int_equal(ledger_get(b.ledger, 0).accepted, 200);
    finish(&b);
}

static void drops_into_a_full_queue(const struct driver *driver)
{
    struct bench b;

    atomic_store(&played.refusals, 0);
    start(&b, driver, 4);
    for (int i = 0; i < 7; i++)
        source_emit(b.source, &b.sensors[0], i, i);
    struct ledger_entry books = ledger_get(b.ledger, 0);
    assert_int_equal(books.accepted, 7);
    assert_int_equal(books.dropped[DROP_QUEUE_FULL], 3);
    queue_close(b.queue);
    source_emit(b.source, &b.sensors[0], 8, 8);
    books = ledger_get(b.ledger, 0);
    assert_int_equal(books.accepted, 8);
    assert_int_equal(books.dropped[DROP_QUEUE_FULL] + books.dropped[DROP_SHUTDOWN], 4);
    finish(&b);
}

static void what_does_not_fit_is_counted(void **state)
{
    (void)state;
    drops_into_a_full_queue(&polled);
    drops_into_a_full_queue(&pushed);
}

static void what_became_no_reading_is_in_the_books(void **state)
{
    struct bench b;

    (void)state;
    start(&b, &pushed, 4);
    source_reject(b.source, DROP_BAD_PAYLOAD);
    struct ledger_entry books = ledger_get(b.ledger, 0);
    assert_int_equal(books.accepted, 1);
    assert_int_equal(books.dropped[DROP_BAD_PAYLOAD], 1);
    assert_int_equal(ledger_in_flight(&books), 0);
    finish(&b);
}

static void waits_double_up_to_the_cap(void **state)
{
    (void)state;
    struct backoff b = {.first_us = 1000, .cap_us = 30000, .seed = 1};
    static const int64_t most[] = {1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000};
    bool is_spread = false;

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
            int64_t wait = backoff_next(&b);
            assert_true(wait <= most[i] && wait >= most[i] - most[i] / 4);
            is_spread = is_spread || wait != most[i];
        }
        backoff_reset(&b);
    }
    assert_true(is_spread);
}

static void swallow(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    (void)line;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_driver_that_fails_is_closed_and_opened_again),
        cmocka_unit_test(what_cannot_be_opened_has_no_values_and_says_so),
        cmocka_unit_test(stopping_wakes_a_source_that_sleeps),
        cmocka_unit_test(a_sensor_always_takes_the_same_lane),
        cmocka_unit_test(what_does_not_fit_is_counted),
        cmocka_unit_test(what_became_no_reading_is_in_the_books),
        cmocka_unit_test(waits_double_up_to_the_cap),
    };
    log_set_sink(swallow, NULL);
    return cmocka_run_group_tests_name("drivers/source", tests, NULL, NULL);
}
