/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/storage/writer_fixture.h"

#include "gateway/core/metrics.h"

#include <assert.h>
#include <stdatomic.h>

struct bench {
    struct writer_rig rig;
    sqlite3 *blocker;
    atomic_int outbox, not_durable;
    _Atomic int64_t told_at_us;
};

static void on_outbox(void *arg)
{
    struct bench *b = arg;

    atomic_fetch_add(&b->outbox, 1);
}

static void on_not_durable(void *arg, const struct alert_change *change)
{
    struct bench *b = arg;

    if (strcmp(change->rule, "overheat") != 0) /* not asserted: this is the writer's thread */
        return;
    atomic_store(&b->told_at_us, clock_mono_us());
    atomic_fetch_add(&b->not_durable, 1);
}

static void start(struct bench *b, struct fixture *f, int64_t flush_us, size_t batch)
{
    *b = (struct bench){0};
    rig_start(&b->rig, f,
              (struct writer_options){
                  .flush_us = flush_us,
                  .batch = batch,
                  .on_outbox = on_outbox,
                  .on_not_durable = on_not_durable,
                  .arg = b,
              });
}

/* Another program's write transaction: every commit of ours fails until it ends. */
static void block(struct bench *b)
{
    assert_int_equal(sqlite3_open(b->rig.f->path, &b->blocker), SQLITE_OK);
    sqlite3_busy_timeout(b->blocker, FIXTURE_BUSY_MS); /* the writer may be at its housekeeping */
    assert_int_equal(sqlite3_exec(b->blocker, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
}

static void unblock(struct bench *b)
{
    sqlite3_close(b->blocker);
    b->blocker = NULL;
}

static bool wait_for(atomic_int *counter, int value)
{
    int64_t end = clock_mono_us() + SOON_US;

    while (atomic_load(counter) < value) {
        if (clock_mono_us() > end)
            return false;
        clock_sleep_us(US_PER_MS);
    }
    return true;
}

static void assert_books_balance(const struct fixture *f, uint64_t accepted)
{
    struct ledger_entry total = ledger_total(f->ledger);

    assert_int_equal(total.accepted, accepted);
    assert_int_equal(ledger_in_flight(&total), 0);
    assert_int_equal(total.committed, sql_int(f, "SELECT count(*) FROM reading"));
}

static void readings_are_committed_once_a_flush(void **state)
{
    struct fixture *f = *state;
    struct bench b;

    const int64_t flush_us = 300 * US_PER_MS;
    int64_t begin = clock_mono_us();
    start(&b, f, flush_us, 0);
    push_readings(&b.rig, T0, 500);
    assert_true(wait_for_rows(&b.rig, "SELECT count(*) FROM reading", 500));
    int64_t most = 2 + (clock_mono_us() - begin) / flush_us;
    assert_in_range(sql_int(f, "SELECT commits FROM run"), 1, most);
    assert_true(writer_healthy(b.rig.writer));
    rig_stop(&b.rig, SOON_US);
    assert_books_balance(f, 500);
}

static void a_full_batch_does_not_wait(void **state)
{
    struct fixture *f = *state;
    struct bench b;

    start(&b, f, 3600 * US_PER_SECOND, 100);
    push_readings(&b.rig, T0, 250);
    assert_true(wait_for_rows(&b.rig, "SELECT count(*) FROM reading", 200));
    rig_stop(&b.rig, SOON_US);
    assert_books_balance(f, 250);
}

static void a_transition_forces_an_early_flush(void **state)
{
    struct fixture *f = *state;
    struct bench b;
    struct record r = good(1, T0, 81.5);

    start(&b, f, 3600 * US_PER_SECOND, 0);
    r.changes = new_change(1, 1, ALERT_RAISED, T0);
    push(&b.rig, r);
    assert_true(wait_for(&b.outbox, 1));
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event"), 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 1);
    /* A storm of them: at most ten commits a second. */
    int64_t begin = clock_mono_us();
    for (int i = 2; i <= 200; i++) {
        r = (struct record){.changes = new_change(i, 1, ALERT_RAISED, T0 + i)};
        push(&b.rig, r);
        clock_sleep_us(2 * US_PER_MS);
    }
    assert_true(wait_for_rows(&b.rig, "SELECT count(*) FROM alert_event", 200));
    int64_t took = clock_mono_us() - begin;
    assert_true(sql_int(f, "SELECT commits FROM run") <= 3 + took / WRITER_EARLY_FLUSH_US);
    assert_int_equal(atomic_load(&b.not_durable), 0);
    rig_stop(&b.rig, SOON_US);
}

static void a_failing_store_keeps_the_batch_and_tries_again(void **state)
{
    struct fixture *f = *state;
    struct bench b;

    start(&b, f, 10 * US_PER_MS, 1000);
    block(&b);
    push_readings(&b.rig, T0, 500);
    assert_true(wait_until_healthy(&b.rig, false));
    unblock(&b);
    assert_true(wait_for_rows(&b.rig, "SELECT count(*) FROM reading", 500));
    assert_true(wait_until_healthy(&b.rig, true));
    rig_stop(&b.rig, SOON_US);
    assert_books_balance(f, 500);
}

static void alerts_go_out_although_the_store_fails(void **state)
{
    struct fixture *f = *state;
    struct bench b;
    struct record r = good(1, T0, 81.5);

    start(&b, f, 10 * US_PER_MS, 1000);
    block(&b);
    int64_t before = metric_get(METRIC_ALERTS_NOT_DURABLE), begin = clock_mono_us();
    r.changes = new_change(1, 1, ALERT_RAISED, T0);
    push(&b.rig, r);
    assert_true(wait_for(&b.not_durable, 1));
    assert_true(atomic_load(&b.told_at_us) - begin >= WRITER_PATIENCE_US);
    r = (struct record){.changes = new_change(1, 1, ALERT_CLEARED, T0 + 1)};
    push(&b.rig, r);
    assert_true(wait_for(&b.not_durable, 2));
    unblock(&b);
    /* They are still stored, once, and told once. */
    assert_true(wait_for(&b.outbox, 1));
    rig_stop(&b.rig, SOON_US);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event"), 2);
    assert_int_equal(atomic_load(&b.not_durable), 2);
    assert_int_equal(metric_get(METRIC_ALERTS_NOT_DURABLE) - before, 2);
    assert_books_balance(f, 1);
}

static void a_store_that_fails_for_long_loses_readings_but_no_alerts(void **state)
{
    struct fixture *f = *state;
    struct bench b;

    start(&b, f, 10 * US_PER_MS, 100);
    block(&b);
    for (int i = 1; i <= 10; i++) {
        struct record r = good(1, T0 - i, 81.5);
        r.changes = new_change(i, 1, ALERT_RAISED, T0);
        push(&b.rig, r);
    }
    push_readings(&b.rig, T0, 600);
    unblock(&b);
    rig_stop(&b.rig, SOON_US);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert"), 10);
    assert_int_equal(atomic_load(&b.not_durable), 10);
    assert_books_balance(f, 610);
    struct ledger_entry total = ledger_total(f->ledger);
    assert_in_range(total.dropped[DROP_STORE_FAILED], 1, 600);
    /* The newest are kept. */
    assert_int_equal(sql_int(f, "SELECT max(time) FROM reading"), T0 + 599);
}

static void stopping_gives_up_in_time(void **state)
{
    struct fixture *f = *state;
    struct bench b;

    start(&b, f, 10 * US_PER_MS, 100);
    block(&b);
    push_readings(&b.rig, T0, 120);
    struct record r = {.changes = new_change(1, 1, ALERT_RAISED, T0)};
    push(&b.rig, r);
    int64_t begin = clock_mono_us();
    rig_stop(&b.rig, 500 * US_PER_MS);
    assert_true(clock_mono_us() - begin < SOON_US); /* the store fails for ever */
    unblock(&b);
    struct ledger_entry total = ledger_total(f->ledger);
    assert_int_equal(total.dropped[DROP_STORE_FAILED], 120);
    assert_books_balance(f, 120);
}

static void answers_of_the_broker_reach_the_outbox(void **state)
{
    struct fixture *f = *state;
    struct bench b;

    start(&b, f, 20 * US_PER_MS, 0);
    struct record r = {.changes = new_change(1, 1, ALERT_RAISED, T0)};
    push(&b.rig, r);
    assert_true(wait_for(&b.outbox, 1));
    assert_int_equal(
        writer_outbox_done(b.rig.writer, &(struct outbox_result){.seq = 1, .delivered = true}),
        GW_OK);
    assert_true(wait_for_rows(
        &b.rig, "SELECT count(*) FROM alert_event WHERE published_at IS NOT NULL", 1));
    /* One that comes at the very end still counts. */
    r = (struct record){.changes = new_change(1, 1, ALERT_CLEARED, T0 + 1)};
    push(&b.rig, r);
    assert_true(wait_for(&b.outbox, 2));
    assert_int_equal(
        writer_outbox_done(b.rig.writer, &(struct outbox_result){.seq = 2, .delivered = true}),
        GW_OK);
    rig_stop(&b.rig, SOON_US);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event WHERE published_at IS NULL"), 0);
}

static struct write_event new_event(double value, const char *id, const char *error)
{
    struct write_event e = {.time_us = T0, .value = value, .read_back = value};

    snprintf(e.sensor, sizeof(e.sensor), "a/1");
    snprintf(e.origin, sizeof(e.origin), "mqtt");
    snprintf(e.id, sizeof(e.id), "%s", id);
    snprintf(e.error, sizeof(e.error), "%s", error);
    return e;
}

static void a_sensor_that_was_set_is_an_event_of_the_next_transaction(void **state)
{
    struct bench b;
    const struct write_event done = new_event(21.5, "x1", ""),
                             refused = new_event((double)NAN, "", "no such sensor");

    start(&b, *state, 20 * US_PER_MS, 0);
    assert_int_equal(writer_note_write(b.rig.writer, &done), GW_OK);
    assert_int_equal(writer_note_write(b.rig.writer, &refused), GW_OK);
    assert_true(wait_for_rows(&b.rig, "SELECT count(*) FROM write_event", 2));
    assert_int_equal(sql_int(b.rig.f,
                             "SELECT count(*) FROM write_event WHERE time = 1700000000000000"
                             " AND sensor = 'a/1' AND value = 21.5 AND read_back = 21.5"
                             " AND origin = 'mqtt' AND request = 'x1' AND error IS NULL"),
                     1);
    assert_int_equal(sql_int(b.rig.f,
                             "SELECT count(*) FROM writes WHERE value IS NULL AND request IS"
                             " NULL AND error = 'no such sensor' AND time ="
                             " '2023-11-14T22:13:20.000Z'"),
                     1);
    rig_stop(&b.rig, SOON_US);
}

static void events_wait_while_the_store_fails_and_are_bounded(void **state)
{
    struct bench b;
    const struct write_event e = new_event(1, "", "");
    int taken = 0;

    start(&b, *state, 1000, 0);
    block(&b);
    while (taken < 100000 && writer_note_write(b.rig.writer, &e) == GW_OK)
        taken++;
    assert_in_range(taken, 256, 99999);
    unblock(&b);
    rig_stop(&b.rig, SOON_US);
    assert_int_equal(sql_int(b.rig.f, "SELECT count(*) FROM write_event"), taken);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(readings_are_committed_once_a_flush),
        T(a_full_batch_does_not_wait),
        T(a_transition_forces_an_early_flush),
        T(a_failing_store_keeps_the_batch_and_tries_again),
        T(alerts_go_out_although_the_store_fails),
        T(a_store_that_fails_for_long_loses_readings_but_no_alerts),
        T(stopping_gives_up_in_time),
        T(answers_of_the_broker_reach_the_outbox),
        T(a_sensor_that_was_set_is_an_event_of_the_next_transaction),
        T(events_wait_while_the_store_fails_and_are_bounded),
    };
    return cmocka_run_group_tests_name("storage/writer", tests, NULL, NULL);
}
