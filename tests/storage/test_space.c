/* SPDX-License-Identifier: Apache-2.0 */
/* What happens before the disk is full. The program's statvfs() is ours: it says what each test
 * wants. */
#include "tests/storage/writer_fixture.h"

#include "gateway/core/metrics.h"

#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#define MB INT64_C(1000000)

static _Atomic int64_t free_bytes;

int statvfs(const char *path, struct statvfs *out)
{
    (void)path;
    *out = (struct statvfs){.f_bsize = 4096,
                            .f_frsize = 4096,
                            .f_blocks = (fsblkcnt_t)(100000 * MB / 4096),
                            .f_bavail = (fsblkcnt_t)(atomic_load(&free_bytes) / 4096)};
    return 0;
}

static int64_t mono;

/* Three seconds pass. */
static void pass(int64_t wall_us)
{
    mono += 3 * US_PER_SECOND;
    clock_fake(mono, wall_us);
}

static void maintain_all(struct fixture *f, int64_t wall_us)
{
    bool more = true;

    pass(wall_us);
    while (more)
        assert_int_equal(store_maintain(f->store, wall_us, &more), GW_OK);
}

static int64_t fill(struct fixture *f, int64_t t, int batches)
{
    struct record r[1000];

    for (int i = 0; i < batches; i++) {
        for (uint32_t k = 0; k < 1000; k++)
            r[k] = good(k % SENSORS, t += 50 * US_PER_MS, k + 0.5);
        append(f, r, 1000);
        maintain_all(f, t);
    }
    return t;
}

static void assert_law(const struct fixture *f)
{
    struct ledger_entry total = ledger_total(f->ledger);

    assert_int_equal(ledger_in_flight(&total), 0);
    assert_int_equal(sql_int(f, "SELECT sum(readings) FROM ledger WHERE what = 'committed'"),
                     total.committed);
}

static void below_min_free_the_oldest_make_room(void **state)
{
    struct fixture *f = *state;

    f->options.min_free = 100 * MB;
    atomic_store(&free_bytes, 500 * MB);
    clock_fake(mono, T0);
    fixture_open(f);
    int64_t t = fill(f, T0, 100);
    int64_t pages = sql_int(f, "PRAGMA page_count");
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 100000);
    atomic_store(&free_bytes, 70 * MB);
    t = fill(f, t, 100);
    assert_true(store_has_room(f->store));
    assert_in_range(sql_int(f, "PRAGMA page_count"), pages, pages + pages / 20);
    assert_int_equal(sql_int(f, "SELECT max(time) FROM reading"), t);
    assert_in_range(sql_int(f, "SELECT count(*) FROM reading"), 60000, 110000);
    assert_law(f);
    /* Minutes tell what was removed: nothing is missing there. */
    fixture_close(f);
    assert_int_equal(sql_int(f, "SELECT sum(count) FROM reading_minute"), 200000);
}

static void nothing_is_removed_while_there_is_room(void **state)
{
    struct fixture *f = *state;

    f->options.min_free = 100 * MB;
    atomic_store(&free_bytes, 110 * MB);
    clock_fake(mono, T0);
    fixture_open(f);
    fill(f, T0, 30);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 30000);
    /* No more than a tenth of the file system is asked for. */
    fixture_close(f);
    f->options.min_free = INT64_C(90000) * MB;
    atomic_store(&free_bytes, INT64_C(11000) * MB);
    fixture_open(f);
    pass(T0);
    assert_true(store_has_room(f->store));
}

static void below_half_of_it_there_is_no_room_until_there_is_more(void **state)
{
    static const struct {
        int64_t free_mb;
        bool has_room;
    } steps[] = {{500, true}, {60, true}, {49, false}, {55, false},
                 {61, true},  {51, true}, {0, false},  {500, true}};
    struct fixture *f = *state;

    f->options.min_free = 100 * MB;
    clock_fake(mono, T0);
    atomic_store(&free_bytes, 500 * MB);
    fixture_open(f);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        atomic_store(&free_bytes, steps[i].free_mb * MB);
        pass(T0);
        if (store_has_room(f->store) != steps[i].has_room)
            fail_msg("step %zu", i);
        assert_int_equal(metric_get(METRIC_STORE_FULL), !steps[i].has_room);
    }
}

/* --- with the writer --- */

static void start(struct writer_rig *rig, struct fixture *f, size_t batch)
{
    rig_start(rig, f, (struct writer_options){.flush_us = 10 * US_PER_MS, .batch = batch});
}

/* The store looks at the disk every two seconds only, when there is something to store. */
static uint32_t push_until_kept_back(struct writer_rig *rig, int64_t from)
{
    int64_t end = clock_mono_us() + SOON_US;
    uint32_t n = 0;

    for (; writer_healthy(rig->writer) && clock_mono_us() < end; n++) {
        push_readings(rig, from + n, 1);
        clock_sleep_us(20 * US_PER_MS);
    }
    assert_false(writer_healthy(rig->writer));
    return n;
}

static void a_full_disk_keeps_readings_back_while_alerts_are_stored(void **state)
{
    struct fixture *f = *state;
    struct writer_rig rig;

    f->options.min_free = 100 * MB;
    atomic_store(&free_bytes, 500 * MB);
    start(&rig, f, 200);
    push_readings(&rig, T0, 100);
    assert_true(wait_for_rows(&rig, "SELECT count(*) FROM reading", 100));
    atomic_store(&free_bytes, 10 * MB);
    uint32_t more = push_until_kept_back(&rig, T0 + 100);
    int64_t stored = sql_int(f, "SELECT count(*) FROM reading");
    for (int i = 1; i <= 100; i++) {
        struct record r = good(1, T0 + US_PER_SECOND + i, 81.5);
        r.changes = new_change(i, 1, ALERT_RAISED, T0);
        push(&rig, r);
    }
    assert_true(wait_for_rows(&rig, "SELECT count(*) FROM alert_event", 100));
    push_readings(&rig, T0 + 2 * US_PER_SECOND, 1000);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), stored);
    /* The newest were kept, and come in when there is room. */
    atomic_store(&free_bytes, 500 * MB);
    assert_true(wait_until_healthy(&rig, true));
    rig_stop(&rig, SOON_US);
    struct ledger_entry total = ledger_total(f->ledger);
    assert_int_equal(total.accepted, 1200 + more);
    assert_int_equal(ledger_in_flight(&total), 0);
    assert_int_equal(total.committed, sql_int(f, "SELECT count(*) FROM reading"));
    assert_in_range(total.dropped[DROP_DISK_FULL], 800, 1200);
    assert_int_equal(ledger_dropped(&total), total.dropped[DROP_DISK_FULL]);
    assert_int_equal(sql_int(f, "SELECT max(time) FROM reading"), T0 + 2 * US_PER_SECOND + 999);
    assert_int_equal(sql_int(f, "SELECT sum(readings) FROM ledger WHERE what = 'disk_full'"),
                     total.dropped[DROP_DISK_FULL]);
}

static void stopping_with_a_full_disk_counts_what_was_kept_back(void **state)
{
    struct fixture *f = *state;
    struct writer_rig rig;

    f->options.min_free = 100 * MB;
    atomic_store(&free_bytes, 10 * MB);
    start(&rig, f, 200);
    push_readings(&rig, T0, 50);
    rig_stop(&rig, 300 * US_PER_MS);
    struct ledger_entry total = ledger_total(f->ledger);
    assert_int_equal(total.dropped[DROP_DISK_FULL], 50);
    assert_int_equal(ledger_in_flight(&total), 0);
}

/* --- the log --- */

static int64_t log_bytes(const struct fixture *f)
{
    char name[120];
    struct stat st;

    snprintf(name, sizeof(name), "%s-wal", f->path);
    return stat(name, &st) == 0 ? st.st_size : 0;
}

static sqlite3 *hold_snapshot(const struct fixture *f)
{
    sqlite3 *reader;

    assert_int_equal(sqlite3_open_v2(f->path, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_exec(reader, "BEGIN; SELECT count(*) FROM reading", NULL, NULL, NULL),
                     SQLITE_OK);
    return reader;
}

static void a_reader_that_holds_on_cannot_make_the_log_grow_for_ever(void **state)
{
    struct fixture *f = *state;
    int64_t t = T0;
    int batches = 0;

    f->options.log_limit = 4 << 20;
    clock_fake(mono, T0);
    fixture_open(f);
    t = fill(f, t, 2);
    sqlite3 *reader = hold_snapshot(f);
    for (; batches < 1000; batches++) {
        pass(t);
        if (!store_has_room(f->store))
            break;
        t = fill(f, t, 1);
    }
    assert_in_range(batches, 20, 999);
    assert_in_range(log_bytes(f), 4 << 20, 5 << 20);
    assert_int_equal(metric_get(METRIC_WAL_BYTES), log_bytes(f));
    /* An alert still gets in. */
    struct record r = {.changes = new_change(1, 1, ALERT_RAISED, T0)};
    assert_int_equal(store_append(f->store, &r, 1, NULL), GW_OK);
    alert_change_free(r.changes);
    sqlite3_close(reader);
    for (int i = 0; i < 5; i++)
        pass(t);
    assert_true(store_has_room(f->store));
    assert_int_equal(log_bytes(f), 0);
    fill(f, t, 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 1000 * (batches + 3));
    assert_law(f);
}

static void retention_waits_for_the_log(void **state)
{
    struct fixture *f = *state;
    bool more;

    f->options.log_limit = 1 << 20;
    f->options.raw_us = US_PER_HOUR;
    clock_fake(mono, T0);
    fixture_open(f);
    int64_t t = fill(f, T0, 10);
    sqlite3 *reader = hold_snapshot(f);
    t = fill(f, t, 20);
    maintain_all(f, t + 10 * US_PER_HOUR);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 30000);
    sqlite3_close(reader);
    for (int i = 0; i < 5; i++) {
        pass(t + 10 * US_PER_HOUR);
        assert_int_equal(store_maintain(f->store, t + 10 * US_PER_HOUR, &more), GW_OK);
    }
    maintain_all(f, t + 10 * US_PER_HOUR);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 0);
}

static int setup(void **state)
{
    mono += US_PER_HOUR;
    return fixture_setup(state);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(below_min_free_the_oldest_make_room),
        T(nothing_is_removed_while_there_is_room),
        T(below_half_of_it_there_is_no_room_until_there_is_more),
        T(a_full_disk_keeps_readings_back_while_alerts_are_stored),
        T(stopping_with_a_full_disk_counts_what_was_kept_back),
        T(a_reader_that_holds_on_cannot_make_the_log_grow_for_ever),
        T(retention_waits_for_the_log),
    };
    return cmocka_run_group_tests_name("storage/space", tests, NULL, NULL);
}
