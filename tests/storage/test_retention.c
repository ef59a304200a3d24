/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/storage/fixture.h"

#define DAY US_PER_DAY

static int64_t mono = US_PER_SECOND;

/* Lets 20 s pass and housekeeping run until it has nothing left to do. */
static void maintain_all(struct fixture *f, int64_t wall_us)
{
    bool more = true;

    mono += 20 * US_PER_SECOND;
    clock_fake(mono, wall_us);
    for (int i = 0; more && i < 10000; i++)
        assert_int_equal(store_maintain(f->store, wall_us, &more), GW_OK);
    assert_false(more);
}

/* One reading an hour of every sensor. */
static void fill_days(struct fixture *f, int64_t from, int days)
{
    struct record batch[SENSORS];

    for (int64_t t = from; t < from + days * DAY; t += US_PER_HOUR) {
        for (uint32_t i = 0; i < SENSORS; i++)
            batch[i] = good(i, t, i);
        append(f, batch, SENSORS);
        if (t % DAY < US_PER_HOUR)
            maintain_all(f, t);
    }
}

static void each_table_keeps_its_own_age(void **state)
{
    struct fixture *f = *state;

    f->options.raw_us = 5 * DAY;
    f->options.minute_us = 10 * DAY;
    f->options.hour_us = 20 * DAY;
    clock_fake(mono, T0);
    fixture_open(f);
    fill_days(f, T0, 30);
    int64_t now = T0 + 30 * DAY;
    maintain_all(f, now);
    char sql[200];
    snprintf(sql, sizeof(sql), "SELECT %lld - min(time) FROM reading", (long long)now);
    assert_in_range(sql_int(f, sql), 5 * DAY - US_PER_HOUR, 5 * DAY + US_PER_MINUTE);
    snprintf(sql, sizeof(sql), "SELECT %lld - min(minute) FROM reading_minute", (long long)now);
    assert_in_range(sql_int(f, sql), 10 * DAY - US_PER_HOUR, 10 * DAY + US_PER_HOUR);
    snprintf(sql, sizeof(sql), "SELECT %lld - min(hour) FROM reading_hour", (long long)now);
    assert_in_range(sql_int(f, sql), 20 * DAY - US_PER_HOUR, 20 * DAY + US_PER_HOUR);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 5 * 24 * SENSORS);
    /* What is gone must have been rolled up. */
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_hour WHERE count != 1"), 0);
}

static void zero_keeps_for_ever(void **state)
{
    struct fixture *f = *state;

    clock_fake(mono, T0);
    fixture_open(f);
    fill_days(f, T0, 5);
    maintain_all(f, T0 + 5 * DAY);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 5 * 24 * SENSORS);
}

static void a_clock_jump_deletes_nothing(void **state)
{
    struct fixture *f = *state;
    struct record r;

    f->options.raw_us = f->options.minute_us = f->options.hour_us = 30 * DAY;
    clock_fake(mono, T0);
    fixture_open(f);
    fill_days(f, T0, 3);
    int64_t now = T0 + 3 * DAY;
    /* Two years ahead, and readings go on under that time; then even a restart. */
    r = good(0, now + 730 * DAY, 1);
    append(f, &r, 1);
    for (int i = 0; i < 100; i++)
        maintain_all(f, now + 730 * DAY + i * US_PER_MINUTE);
    fixture_close(f);
    fixture_open(f);
    maintain_all(f, now + 731 * DAY);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 3 * 24 * SENSORS + 1);
    /* Mended: still nothing. */
    maintain_all(f, now + US_PER_HOUR);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 3 * 24 * SENSORS + 1);
    /* And backwards, to before everything. */
    maintain_all(f, US_PER_HOUR);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 3 * 24 * SENSORS + 1);
}

static void a_clock_that_holds_for_a_day_is_believed(void **state)
{
    struct fixture *f = *state;

    f->options.raw_us = 2 * DAY;
    clock_fake(mono, T0);
    fixture_open(f);
    fill_days(f, T0, 1);
    fixture_close(f);
    /* Ten days off. */
    clock_fake(mono, T0 + 11 * DAY);
    fixture_open(f);
    maintain_all(f, T0 + 11 * DAY);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 24 * SENSORS);
    mono += DAY;
    maintain_all(f, T0 + 12 * DAY);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 0);
}

static void max_size_is_kept_and_the_newest_stay(void **state)
{
    struct fixture *f = *state;
    struct record batch[1000];
    int64_t t = T0;

    f->options.max_size = 2 << 20;
    clock_fake(mono, T0);
    fixture_open(f);
    for (int i = 0; i < 300; i++) {
        for (uint32_t k = 0; k < 1000; k++)
            batch[k] = good(k % SENSORS, t += US_PER_SECOND / 10, k + 0.5);
        append(f, batch, 1000);
        if (i % 10 == 9)
            maintain_all(f, t);
    }
    maintain_all(f, t);
    int64_t bytes = sql_int(f, "PRAGMA page_count") * sql_int(f, "PRAGMA page_size");
    assert_in_range(bytes, (2 << 20) * 3 / 4, (2 << 20) * 21 / 20);
    assert_int_equal(sql_int(f, "SELECT max(time) FROM reading"), t);
    assert_true(sql_int(f, "SELECT min(time) FROM reading") > T0 + US_PER_HOUR);
    /* The story of what was removed is still told by the minutes, and is whole. */
    assert_int_equal(sql_int(f, "SELECT sum(count) FROM reading_minute WHERE minute <"
                                " (SELECT value FROM meta WHERE key = 'raw_pruned_to')"),
                     sql_int(f, "SELECT ((SELECT value FROM meta WHERE key = 'raw_pruned_to')"
                                " - 1700000000000000) / 100000 - 1"));
}

static double seconds(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Housekeeping until nothing is left to do; the longest call, in seconds: so long the writer, and
 * with it whoever reads sensors, would have waited. */
static double maintain_timed(struct fixture *f, int64_t wall_us, double longest)
{
    bool more = true;

    mono += 20 * US_PER_SECOND;
    clock_fake(mono, wall_us);
    while (more) {
        double start = seconds();
        assert_int_equal(store_maintain(f->store, wall_us, &more), GW_OK);
        longest = fmax(longest, seconds() - start);
    }
    return longest;
}

static int64_t age(const struct fixture *f, const char *oldest, int64_t now)
{
    return now - sql_int(f, oldest);
}

static void each_age_is_held_within_five_percent_at_every_moment(void **state)
{
    struct fixture *f = *state;
    struct record batch[SENSORS];
    double longest = 0;
    int64_t t = T0;

    f->options.raw_us = 2 * DAY;
    f->options.minute_us = 4 * DAY;
    f->options.hour_us = 8 * DAY;
    clock_fake(mono, T0);
    fixture_open(f);
    for (int i = 0; i < 10 * 24 * 2; i++, t += 30 * US_PER_MINUTE) {
        for (uint32_t k = 0; k < SENSORS; k++)
            batch[k] = good(k, t + k, i);
        append(f, batch, SENSORS);
        longest = maintain_timed(f, t, longest);
        if (t - T0 > 2 * DAY + DAY / 10)
            assert_in_range(age(f, "SELECT min(time) FROM reading", t), 2 * DAY * 95 / 100,
                            2 * DAY * 105 / 100);
        if (t - T0 > 4 * DAY + DAY / 5)
            assert_in_range(age(f, "SELECT min(minute) FROM reading_minute", t), 4 * DAY * 95 / 100,
                            4 * DAY * 105 / 100);
        if (t - T0 > 8 * DAY + DAY / 2)
            assert_in_range(age(f, "SELECT min(hour) FROM reading_hour", t), 8 * DAY * 95 / 100,
                            8 * DAY * 105 / 100);
    }
    print_message("ages: the longest slice took %.1f ms\n", longest * 1e3);
}

static void max_size_is_held_within_five_percent_at_every_moment(void **state)
{
    struct fixture *f = *state;
    struct record batch[1000];
    const int64_t max = 4 << 20;
    int64_t t = T0;
    double longest = 0;
    bool was_full = false;

    f->options.max_size = max;
    clock_fake(mono, T0);
    fixture_open(f);
    for (int i = 0; i < 350; i++) {
        for (uint32_t k = 0; k < 1000; k++)
            batch[k] = good(k % SENSORS, t += US_PER_SECOND / 100, k + 0.5);
        append(f, batch, 1000);
        longest = maintain_timed(f, t, longest);
        if (i % 10)
            continue;
        int64_t pages = sql_int(f, "PRAGMA page_count"),
                spare = sql_int(f, "PRAGMA freelist_count");
        assert_true(pages * 4096 <= max * 105 / 100);
        was_full = was_full || (pages - spare) * 4096 >= max * 95 / 100;
        if (was_full)
            assert_in_range((pages - spare) * 4096, max * 95 / 100, max * 105 / 100);
    }
    assert_true(was_full);
    assert_int_equal(ledger_total(f->ledger).committed, 350000);
    print_message("max_size: the longest slice took %.1f ms\n", longest * 1e3);
    fixture_close(f);
    assert_int_equal(sql_int(f, "SELECT sum(count) FROM reading_minute"), 350000);
}

/* Readings stamped ahead of the clock cannot be rolled up yet, so they must not go either. */
static void what_is_not_rolled_up_yet_stays(void **state)
{
    struct fixture *f = *state;
    struct record batch[1000];
    int64_t t = T0 + US_PER_HOUR;

    f->options.max_size = 1 << 20;
    clock_fake(mono, T0);
    fixture_open(f);
    for (int i = 0; i < 40; i++) {
        for (uint32_t k = 0; k < 1000; k++)
            batch[k] = good(k % SENSORS, t += US_PER_SECOND, k + 0.5);
        append(f, batch, 1000);
    }
    maintain_all(f, T0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 40000);
    maintain_all(f, t);
    assert_true(sql_int(f, "SELECT count(*) FROM reading") < 40000);
    fixture_close(f);
    assert_int_equal(sql_int(f, "SELECT sum(count) FROM reading_minute"), 40000);
}

static void old_alerts_go_but_never_undelivered_ones(void **state)
{
    struct fixture *f = *state;

    f->options.hour_us = 2 * DAY;
    clock_fake(mono, T0);
    fixture_open(f);
    for (int64_t id = 1; id <= 3; id++) {
        struct record r = {.changes = new_change(id, 1, ALERT_RAISED, T0)};
        if (id < 3)
            r.changes->next = new_change(id, 1, ALERT_CLEARED, T0 + 1);
        append(f, &r, 1);
        alert_change_free(r.changes);
    }
    struct outbox_result done[] = {{1, true, 0, false}, {2, true, 0, false}};
    assert_int_equal(store_outbox_done(f->store, done, 2), GW_OK);
    assert_int_equal(store_append(f->store, NULL, 0, NULL), GW_OK);
    for (int day = 0; day < 4; day++)
        maintain_all(f, T0 + day * DAY);
    assert_int_equal(sql_int(f, "SELECT group_concat(id, '') FROM alert"), 23);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event"), 3);
}

static void late_readings_do_not_destroy_rollups_of_pruned_times(void **state)
{
    struct fixture *f = *state;

    f->options.raw_us = 2 * DAY;
    clock_fake(mono, T0);
    fixture_open(f);
    fill_days(f, T0, 5);
    maintain_all(f, T0 + 5 * DAY);
    struct record r = good(0, T0 + 5, 100);
    append(f, &r, 1);
    maintain_all(f, T0 + 5 * DAY);
    char sql[200];
    snprintf(sql, sizeof(sql), "SELECT sum(count) FROM reading_minute WHERE minute <= %lld",
             (long long)T0);
    assert_int_equal(sql_int(f, sql), SENSORS);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(each_table_keeps_its_own_age),
        T(zero_keeps_for_ever),
        T(a_clock_jump_deletes_nothing),
        T(a_clock_that_holds_for_a_day_is_believed),
        T(max_size_is_kept_and_the_newest_stay),
        T(each_age_is_held_within_five_percent_at_every_moment),
        T(max_size_is_held_within_five_percent_at_every_moment),
        T(what_is_not_rolled_up_yet_stays),
        T(old_alerts_go_but_never_undelivered_ones),
        T(late_readings_do_not_destroy_rollups_of_pruned_times),
    };
    return cmocka_run_group_tests_name("storage/retention", tests, NULL, NULL);
}
