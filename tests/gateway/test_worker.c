/* SPDX-License-Identifier: Apache-2.0 */
/* Workers between their two queues: order, nothing lost, and a writer that is slow or gone. */
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/worker.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define NONE ((double)NAN)
#define LANES 3
#define SENSORS 10

static char any[] = "*", hot[] = "hot";
static struct rule_config rule = {.name = hot,
                                  .sensor = any,
                                  .kind = RULE_LEVEL,
                                  .high = {NONE, 1e6, NONE},
                                  .low = {NONE, NONE, NONE},
                                  .rate = {NONE, NONE, NONE}};
static const struct config config = {.rules = &rule, .rule_count = 1};

struct plant {
    struct sensor_table *sensors;
    struct ledger *ledger;
    struct live *live;
    struct alert_book *alerts;
    struct queue *readings, *records;
    struct worker_pool *pool;
};

static void start(struct plant *p, size_t record_capacity)
{
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    memset(p, 0, sizeof(*p));
    assert_int_equal(sensor_table_create(&p->sensors, SENSORS), GW_OK);
    for (int i = 0; i < SENSORS; i++) {
        char name[] = {'s', (char)('0' + i), '\0'};
        struct sensor s = {.name = name, .unit = "", .device = ""};
        uint32_t index;
        assert_int_equal(sensor_table_add(p->sensors, &s, &index), GW_OK);
    }
    assert_int_equal(ledger_create(&p->ledger, 1), GW_OK);
    assert_int_equal(live_create(&p->live, SENSORS), GW_OK);
    assert_int_equal(alert_book_create(&p->alerts, &config, p->sensors, LANES, 1, clock_mono_us()),
                     GW_OK);
    assert_int_equal(queue_create(&p->readings, LANES, 1000, sizeof(struct reading)), GW_OK);
    assert_int_equal(queue_create(&p->records, 1, record_capacity, sizeof(struct record)), GW_OK);
    assert_int_equal(workers_start(&p->pool, &(struct worker_options){.readings = p->readings,
                                                                      .records = p->records,
                                                                      .alerts = p->alerts,
                                                                      .live = p->live,
                                                                      .ledger = p->ledger,
                                                                      .sensors = p->sensors}),
                     GW_OK);
}

static void finish(struct plant *p)
{
    queue_destroy(p->readings);
    queue_destroy(p->records);
    alert_book_destroy(p->alerts);
    live_destroy(p->live);
    ledger_destroy(p->ledger);
    sensor_table_destroy(p->sensors);
}

static void push(struct plant *p, uint32_t sensor, int64_t time_us, double value)
{
    struct reading r = {
        .time_us = time_us, .value = value, .sensor = sensor, .quality = QUALITY_GOOD};
    size_t pushed = 0;

    assert_int_equal(queue_push(p->readings, sensor % LANES, &r, 1, 60000, &pushed), GW_OK);
    assert_int_equal(pushed, 1);
}

/* Takes what is in the record queue now, and checks that each sensor's times come without a gap. */
static size_t drain(struct plant *p, int64_t next[SENSORS], int timeout_ms)
{
    struct record records[32];
    size_t n = 0;

    queue_pop(p->records, 0, records, 32, timeout_ms, &n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(records[i].reading.time_us, next[records[i].reading.sensor]++);
    return n;
}

static void all_readings_come_out_in_each_sensors_order(void **state)
{
    enum { EACH = 5000 };
    struct plant p;
    int64_t next[SENSORS] = {0};
    size_t got = 0;

    (void)state;
    start(&p, 64);
    for (int64_t i = 0; i < (int64_t)EACH * SENSORS; i++) {
        struct reading r = {.time_us = i / SENSORS, .sensor = (uint32_t)(i % SENSORS)};
        while (queue_try_push(p.readings, r.sensor % LANES, &r, 1) == 0)
            got += drain(&p, next, 1);
    }
    queue_close(p.readings);
    for (int idle = 0; got < (size_t)EACH * SENSORS && idle < 60;) {
        size_t n = drain(&p, next, 1000);
        got += n;
        idle = n ? 0 : idle + 1;
    }
    assert_int_equal(got, EACH * SENSORS);
    workers_join(p.pool);
    finish(&p);
}

static void a_transition_travels_with_the_reading_that_caused_it(void **state)
{
    struct plant p;
    struct record r;
    struct reading seen;
    size_t n;

    (void)state;
    start(&p, 64);
    push(&p, 4, 77, 2e6);
    assert_int_equal(queue_pop(p.records, 0, &r, 1, 60000, &n), GW_OK);
    assert_true(r.has_reading);
    assert_int_equal(r.reading.time_us, 77);
    assert_non_null(r.changes);
    assert_int_equal(r.changes->state, ALERT_RAISED);
    assert_int_equal(r.changes->sensor, 4);
    assert_true(live_get(p.live, 4, &seen));
    assert_true(seen.value == 2e6);
    assert_false(live_get(p.live, 5, &seen));
    alert_change_free(r.changes);
    queue_close(p.readings);
    workers_join(p.pool);
    finish(&p);
}

static void swallow(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    assert_non_null(strstr(line, "alert of rule hot is lost"));
}

/* The store has given up: what the workers still hold is counted, not forgotten. */
static void what_no_writer_takes_is_counted_as_dropped(void **state)
{
    enum { N = 300, ROOM = 50 };
    struct plant p;
    struct record r;
    size_t n, taken = 0;

    (void)state;
    start(&p, ROOM);
    log_set_sink(swallow, NULL);
    for (int i = 0; i < N; i++)
        push(&p, (uint32_t)i % SENSORS, i, 2e6);
    queue_close(p.readings);
    queue_close(p.records);
    workers_join(p.pool);
    log_set_sink(NULL, NULL);
    while (queue_pop(p.records, 0, &r, 1, 0, &n) == GW_OK && n == 1) {
        alert_change_free(r.changes);
        taken++;
    }
    assert_int_equal(taken + ledger_get(p.ledger, 0).dropped[DROP_STORE_FAILED], N);
    assert_true(taken <= ROOM);
    finish(&p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_readings_come_out_in_each_sensors_order),
        cmocka_unit_test(a_transition_travels_with_the_reading_that_caused_it),
        cmocka_unit_test(what_no_writer_takes_is_counted_as_dropped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
