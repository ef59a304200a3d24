/* SPDX-License-Identifier: Apache-2.0 */
/* Writes and syncs that fail, at each place where they can. Whatever fails, a batch is stored once
 * or not at all, and the next try goes on by itself. */
#include "tests/storage/vfs_fixture.h"

#define BATCH 100

static struct record batch[BATCH];

static void make_batch(int64_t from)
{
    for (uint32_t i = 0; i < BATCH; i++)
        batch[i] = good(i % SENSORS, from + i, i);
}

/* How many tries it took; the batch is the caller's until then, as in the writer. */
static int append_with_patience(struct fixture *f)
{
    for (int tries = 1; tries <= 20; tries++) {
        if (store_append(f->store, batch, BATCH, NULL) == GW_OK)
            return tries;
    }
    fail_msg("the store does not recover");
    return 0;
}

static void assert_stored(struct fixture *f, int64_t batches)
{
    struct ledger_entry total = ledger_total(f->ledger);
    char text[512];

    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), batches * BATCH);
    assert_int_equal(total.committed, batches * BATCH);
    assert_int_equal(ledger_in_flight(&total), 0);
    assert_int_equal(sql_int(f, "SELECT sum(readings) FROM ledger WHERE what = 'committed'"),
                     batches * BATCH);
    assert_string_equal(sql_text(f, "PRAGMA quick_check", text), "ok");
}

/* Housekeeping may fail, too; it must only come round again. */
static void maintain(struct fixture *f, int64_t wall_us)
{
    bool more = true;

    for (int i = 0; more && i < 100; i++) {
        if (store_maintain(f->store, wall_us, &more) != GW_OK)
            more = true;
    }
}

static void feed(struct fixture *f, int64_t *batches, int64_t n, void (*spoil)(int64_t batch))
{
    for (int64_t i = 0; i < n; i++, (*batches)++) {
        int64_t now = T0 + *batches * US_PER_MINUTE;
        make_batch(now);
        clock_fake((*batches + 1) * US_PER_MINUTE, now);
        ledger_accept(f->ledger, 0, BATCH / 2);
        ledger_accept(f->ledger, 1, BATCH / 2);
        if (spoil)
            spoil(*batches);
        append_with_patience(f);
        maintain(f, now);
    }
}

static void fail_one_sync(int64_t n)
{
    vfs.fail_sync_at = (int)(n % 7) + 1;
    vfs.fail_syncs = 1;
}

/* Each batch meets one sync that fails: that of its commit, of a checkpoint, of housekeeping. */
static void a_sync_that_fails_once_costs_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t batches = 0;

    clock_fake(1, T0);
    fixture_open(f);
    feed(f, &batches, 200, fail_one_sync);
    assert_true(vfs.calls_of_sync > 300);
    assert_stored(f, 200);
    fixture_close(f);
    assert_int_equal(sql_int(f, "SELECT sum(count) FROM reading_minute"), 200 * BATCH);
}

static void fail_some_syncs(int64_t n)
{
    vfs.fail_sync_at = 1;
    vfs.fail_syncs = (int)(n % 9);
}

static void syncs_that_fail_again_and_again_cost_nothing(void **state)
{
    struct fixture *f = *state;
    int64_t batches = 0;

    clock_fake(1, T0);
    fixture_open(f);
    feed(f, &batches, 60, fail_some_syncs);
    assert_stored(f, 60);
}

/* The sync of the COMMIT fails, and then those of opening it again: what SQLite called failed is
 * found in the log later, with its alert. */
static void a_commit_that_only_seemed_to_fail_is_counted_once(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    for (int n = 0; n < 20; n++) {
        make_batch(T0 + n * US_PER_MINUTE);
        batch[5].changes = new_change(n + 1, 5, ALERT_RAISED, T0 + n);
        ledger_accept(f->ledger, 0, BATCH / 2);
        ledger_accept(f->ledger, 1, BATCH / 2);
        vfs.fail_sync_at = 1;
        vfs.fail_syncs = 3 + n % 4;
        append_with_patience(f);
        alert_change_free(batch[5].changes);
        batch[5].changes = NULL;
    }
    assert_stored(f, 20);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event"), 20);
    assert_int_equal(ledger_total(f->ledger).dropped[DROP_DUPLICATE], 0);
    /* A real duplicate is still one. */
    vfs.fail_syncs = 0;
    ledger_accept(f->ledger, 0, BATCH / 2);
    ledger_accept(f->ledger, 1, BATCH / 2);
    append_with_patience(f);
    assert_int_equal(ledger_total(f->ledger).dropped[DROP_DUPLICATE], BATCH);
}

static void booted(struct timesync *out)
{
    *out = (struct timesync){.is_just_booted = true};
    strcpy(out->boot, "a");
}

/* The same while readings wait for the clock to be set, where no key tells two batches apart. */
static void a_batch_that_waits_for_its_time_is_stored_once_too(void **state)
{
    struct fixture *f = *state;
    struct ledger_entry total;

    clock_fake(20 * US_PER_SECOND, 20 * US_PER_SECOND);
    f->options.timesync = booted;
    f->options.earliest_us = T0;
    fixture_open(f);
    for (int n = 0; n < 20; n++) {
        int64_t now = (30 + n) * US_PER_SECOND;
        clock_fake(now, now);
        make_batch(now);
        ledger_accept(f->ledger, 0, BATCH / 2);
        ledger_accept(f->ledger, 1, BATCH / 2);
        vfs.fail_sync_at = 1;
        vfs.fail_syncs = 3 + n % 4;
        append_with_patience(f);
    }
    total = ledger_total(f->ledger);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_undated"), 20 * BATCH);
    assert_int_equal(total.committed, 20 * BATCH);
    assert_int_equal(ledger_in_flight(&total), 0);
    assert_int_equal(sql_int(f, "SELECT sum(readings) FROM ledger WHERE what = 'committed'"),
                     20 * BATCH);
}

static void while_nothing_can_be_written_batches_fail_whole(void **state)
{
    struct fixture *f = *state;
    int64_t batches = 0;

    clock_fake(1, T0);
    fixture_open(f);
    feed(f, &batches, 5, NULL);
    for (int round = 0; round < 3; round++) {
        vfs.fail_writes = true;
        make_batch(T0 + batches * US_PER_MINUTE);
        for (int i = 0; i < 10; i++) {
            assert_int_equal(store_append(f->store, batch, BATCH, NULL), GW_EIO);
            assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), batches * BATCH);
        }
        vfs.fail_writes = false;
        feed(f, &batches, 5, NULL);
        assert_stored(f, batches);
    }
}

static void a_full_disk_fails_whole_and_recovers(void **state)
{
    struct fixture *f = *state;
    int64_t batches = 0;
    bool failed = false;

    clock_fake(1, T0);
    fixture_open(f);
    feed(f, &batches, 5, NULL);
    vfs.is_full = true;
    for (int i = 0; i < 50 && !failed; i++) {
        make_batch(T0 + batches * US_PER_MINUTE);
        ledger_accept(f->ledger, 0, BATCH / 2);
        ledger_accept(f->ledger, 1, BATCH / 2);
        enum gw_err err = store_append(f->store, batch, BATCH, NULL);
        failed = err != GW_OK;
        if (failed)
            assert_int_equal(err, GW_ENOSPC);
        else
            batches++;
    }
    assert_true(failed);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), batches * BATCH);
    vfs.is_full = false;
    append_with_patience(f);
    assert_stored(f, batches + 1);
}

static int setup(void **state)
{
    vfs_begin(10);
    vfs.count_only = true; /* what is tested is what fails */
    fixture_setup(state);
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    return 0;
}

static void silence(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    (void)line;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, vfs_teardown)
    const struct CMUnitTest tests[] = {
        T(a_sync_that_fails_once_costs_nothing),
        T(syncs_that_fail_again_and_again_cost_nothing),
        T(a_commit_that_only_seemed_to_fail_is_counted_once),
        T(a_batch_that_waits_for_its_time_is_stored_once_too),
        T(while_nothing_can_be_written_batches_fail_whole),
        T(a_full_disk_fails_whole_and_recovers),
    };
    log_set_sink(silence, NULL);
    return cmocka_run_group_tests_name("storage/io", tests, NULL, NULL);
}
