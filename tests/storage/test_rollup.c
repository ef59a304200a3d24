/* SPDX-License-Identifier: Apache-2.0 */
/* Roll-ups against what a plain GROUP BY over the raw readings says, whatever order they came in.
 */
#include "storage/internal.h"
#include "tests/storage/fixture.h"

#include <sys/wait.h>

/* Rows of the roll-up that differ from the raw readings', or are missing, or should not be there.
 */
#define DIFFERENCES(table, start, span)                                                            \
    "WITH raw AS (SELECT time / " span " * " span " AS " start ", sensor_id, min(value) AS min,"   \
    " max(value) AS max, sum(value) AS sum, count(value) AS count, sum(value IS NULL) AS bad"      \
    " FROM reading GROUP BY 1, 2)"                                                                 \
    "SELECT count(*) FROM raw FULL JOIN " table " r USING (" start ", sensor_id)"                  \
    " WHERE raw.count IS NOT r.count OR raw.bad IS NOT r.bad OR raw.min IS NOT r.min"              \
    " OR raw.max IS NOT r.max OR (raw.sum IS NULL) IS NOT (r.sum IS NULL)"                         \
    " OR abs(raw.sum - r.sum) > 1e-6"
#define MINUTE_DIFFERENCES DIFFERENCES("reading_minute", "minute", "60000000")
#define HOUR_DIFFERENCES DIFFERENCES("reading_hour", "hour", "3600000000")

static unsigned seed;

static unsigned dice(unsigned sides)
{
    seed = seed * 1103515245U + 12345U;
    return (seed >> 16) % sides;
}

static void maintain_all(struct fixture *f, int64_t wall_us)
{
    bool more = true;

    while (more)
        assert_int_equal(store_maintain(f->store, wall_us, &more), GW_OK);
}

static struct record bad(uint32_t sensor, int64_t time_us)
{
    struct record r = good(sensor, time_us, 0);

    r.reading.quality = QUALITY_TIMEOUT;
    return r;
}

/* Three hours of readings: mostly in order, some late by up to two hours, some twice, some bad. */
static struct record random_record(int64_t now)
{
    int64_t late = dice(10) ? dice(3) * US_PER_SECOND : dice(7200) * US_PER_SECOND;
    struct record r = good(dice(SENSORS), now - late + dice(1000), dice(2000) / 8.0 - 100);

    if (dice(20) == 0)
        r.reading.quality = QUALITY_TIMEOUT;
    return r;
}

/* For a test of many transactions, and not of what the disk holds. */
static void open_without_sync(struct fixture *f)
{
    fixture_open(f);
    assert_int_equal(db_exec(f->store->db, "PRAGMA synchronous = OFF"), GW_OK);
}

static void rollups_equal_a_recomputation_from_raw(void **state)
{
    struct fixture *f = *state;
    struct record batch[100];

    for (unsigned round = 0; round < 3; round++) {
        seed = 7 + round;
        clock_fake(1, T0);
        open_without_sync(f);
        for (int64_t t = 0; t < 10800; t += 20) {
            int64_t now = T0 + (round * 10800 + t) * US_PER_SECOND;
            clock_fake(US_PER_SECOND * (t + 1), now);
            for (size_t i = 0; i < 100; i++)
                batch[i] = i && dice(30) == 0 ? batch[i - 1] : random_record(now);
            append(f, batch, 100);
            if (dice(3) == 0)
                maintain_all(f, now);
            if (dice(100) == 0) {
                fixture_close(f);
                open_without_sync(f);
            }
        }
        fixture_close(f);
        assert_int_equal(sql_int(f, MINUTE_DIFFERENCES), 0);
        assert_int_equal(sql_int(f, HOUR_DIFFERENCES), 0);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM rollup_pending"), 0);
        assert_true(sql_int(f, "SELECT count(*) FROM reading_hour") >= 3 * SENSORS);
    }
}

/* Slices as short as there are, with readings of the same minutes and hours between them. */
/* Readings of that many seconds, twenty a second. */
static void append_random(struct fixture *f, int64_t seconds)
{
    struct record batch[100];

    for (int64_t t = 0; t < seconds; t += 5) {
        for (size_t i = 0; i < 100; i++)
            batch[i] = random_record(T0 + t * US_PER_SECOND);
        append(f, batch, 100);
    }
}

static void roll_up_in_slices(struct fixture *f, int64_t wall_us, unsigned late, int *slices)
{
    bool more = true;

    for (*slices = 0; more; ++*slices) {
        more = false;
        f->store->rollup.slice = (struct slice){.rows = 3, .least = 3, .most = 3};
        assert_int_equal(rollup_run(f->store, wall_us, 0, &more), GW_OK);
        if (*slices % 7 == 0 && (unsigned)*slices < late * 7) {
            int64_t time_us = T0 + dice(3000) * US_PER_SECOND + dice(1000);
            struct record r = dice(2) ? good(dice(SENSORS), time_us, dice(50)) : bad(3, time_us);
            append(f, &r, 1);
        }
    }
}

static void rollups_made_in_slices_are_whole(void **state)
{
    struct fixture *f = *state;
    int slices;

    seed = 5;
    clock_fake(1, T0);
    open_without_sync(f);
    append_random(f, 3000);
    for (unsigned late = 0; late < 100; late += 33) {
        roll_up_in_slices(f, T0 + 3 * US_PER_HOUR, late, &slices);
        assert_true(slices > 20);
        assert_int_equal(sql_int(f, MINUTE_DIFFERENCES), 0);
        assert_int_equal(sql_int(f, HOUR_DIFFERENCES), 0);
        assert_int_equal(sql_int(f, "SELECT count(*) FROM rollup_pending"), 0);
        struct record r = good(0, T0 + 60 * US_PER_SECOND + late, 1);
        append(f, &r, 1);
    }
}

/* What was summed up when a transaction failed, or the process ended, is summed up again. */
static void a_rollup_that_was_interrupted_is_made_whole(void **state)
{
    struct fixture *f = *state;
    int slices;

    seed = 6;
    clock_fake(1, T0);
    open_without_sync(f);
    append_random(f, 600);
    for (int round = 0; round < 50; round++) {
        bool more = false;
        f->store->rollup.slice = (struct slice){.rows = 3, .least = 3, .most = 3};
        assert_int_equal(rollup_run(f->store, T0 + 3 * US_PER_HOUR, 0, &more), GW_OK);
        f->store->is_stale = true; /* as after a failed transaction */
        if (!more)
            break;
    }
    roll_up_in_slices(f, T0 + 3 * US_PER_HOUR, 0, &slices);
    assert_int_equal(sql_int(f, MINUTE_DIFFERENCES), 0);
    assert_int_equal(sql_int(f, HOUR_DIFFERENCES), 0);
}

static void an_ended_minute_is_rolled_up_while_running(void **state)
{
    struct fixture *f = *state;
    struct record r[] = {good(0, T0, 1), good(0, T0 + US_PER_SECOND, 3), good(1, T0, 8)};
    int64_t minute = T0 - T0 % US_PER_MINUTE;

    clock_fake(1, T0);
    fixture_open(f);
    append(f, r, 3);
    maintain_all(f, minute + 59 * US_PER_SECOND);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_minute"), 0);
    maintain_all(f, minute + 66 * US_PER_SECOND);
    assert_int_equal(sql_int(f, MINUTE_DIFFERENCES), 0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_minute"), 2);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_hour"), 0);
    maintain_all(f, minute + 2 * US_PER_HOUR);
    assert_int_equal(sql_int(f, HOUR_DIFFERENCES), 0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_hour"), 2);
}

static void a_late_reading_mends_its_minute_and_hour(void **state)
{
    struct fixture *f = *state;
    struct record r = good(0, T0, 1);

    clock_fake(1, T0);
    fixture_open(f);
    append(f, &r, 1);
    maintain_all(f, T0 + 2 * US_PER_HOUR);
    r = good(0, T0 + 5, 9);
    append(f, &r, 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM rollup_pending"), 2);
    maintain_all(f, T0 + 2 * US_PER_HOUR);
    assert_int_equal(sql_int(f, MINUTE_DIFFERENCES), 0);
    assert_int_equal(sql_int(f, HOUR_DIFFERENCES), 0);
    assert_int_equal(sql_int(f, "SELECT max FROM reading_hour"), 9);
}

static void bad_readings_are_counted_beside_the_good_ones(void **state)
{
    struct fixture *f = *state;
    struct record r[] = {good(0, T0, 3), bad(0, T0 + 1), bad(0, T0 + 2), bad(1, T0)};

    clock_fake(1, T0);
    fixture_open(f);
    append(f, r, 4);
    maintain_all(f, T0 + 2 * US_PER_HOUR);
    for (int late = 0; late < 2; late++) {
        assert_int_equal(sql_int(f, MINUTE_DIFFERENCES), 0);
        assert_int_equal(sql_int(f, HOUR_DIFFERENCES), 0);
        assert_int_equal(sql_int(f, "SELECT sum(count) * 10 + sum(bad) FROM reading_hour"),
                         13 + 2 * late);
        /* One that had none but bad ones has no value. */
        assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_hour WHERE count = 0 AND bad > 0"
                                    " AND min IS NULL AND max IS NULL AND sum IS NULL"),
                         1);
        r[0] = bad(0, T0 + 3);
        r[1] = bad(1, T0 + 4);
        append(f, r, 2);
        maintain_all(f, T0 + 2 * US_PER_HOUR);
    }
}

static void a_failed_commit_does_not_spoil_the_accumulators(void **state)
{
    struct fixture *f = *state;
    struct record r[] = {good(0, T0, 1), good(0, T0 + 1, 2)};
    sqlite3 *other;

    clock_fake(1, T0);
    fixture_open(f);
    append(f, r, 1);
    /* Somebody else's transaction makes ours fail. */
    assert_int_equal(sqlite3_open(f->path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(store_append(f->store, r + 1, 1, NULL), GW_EBUSY);
    sqlite3_close(other);
    append(f, r + 1, 1);
    maintain_all(f, T0 + 2 * US_PER_HOUR);
    assert_int_equal(sql_int(f, MINUTE_DIFFERENCES), 0);
    assert_int_equal(sql_int(f, "SELECT count FROM reading_minute"), 2);
}

/* The process ends in the middle of a minute, with its accumulators. */
static void a_crash_does_not_spoil_the_rollups(void **state)
{
    struct fixture *f = *state;
    struct record r[] = {good(0, T0, 1), good(0, T0 + 1, 2), good(1, T0 + 2, 3), bad(2, T0 + 2)};

    clock_fake(1, T0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        if (store_open(&f->store, &f->options) != GW_OK ||
            store_append(f->store, r, 4, NULL) != GW_OK)
            _exit(1);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_minute"), 0);

    /* The minute goes on in the next run. */
    fixture_open(f);
    r[0] = good(0, T0 + 3, 4);
    append(f, r, 1);
    r[0] = good(0, T0 + US_PER_MINUTE, 5);
    append(f, r, 1);
    maintain_all(f, T0 + 2 * US_PER_HOUR);
    assert_int_equal(sql_int(f, MINUTE_DIFFERENCES), 0);
    assert_int_equal(sql_int(f, HOUR_DIFFERENCES), 0);
    fixture_close(f);
}

/* Nothing comes after the crash: the next start alone mends it. */
static void the_minute_of_a_crash_is_mended_at_the_next_start(void **state)
{
    struct fixture *f = *state;
    struct record r[] = {good(0, T0, 1), good(0, T0 + 1, 2), bad(0, T0 + 2)};

    clock_fake(1, T0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(store_open(&f->store, &f->options) != GW_OK ||
              store_append(f->store, r, 3, NULL) != GW_OK);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    clock_fake(1, T0 + 2 * US_PER_HOUR);
    fixture_open(f);
    assert_int_equal(sql_int(f, "SELECT count FROM reading_minute"), 2);
    assert_int_equal(sql_int(f, HOUR_DIFFERENCES), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(rollups_equal_a_recomputation_from_raw),
        T(rollups_made_in_slices_are_whole),
        T(a_rollup_that_was_interrupted_is_made_whole),
        T(an_ended_minute_is_rolled_up_while_running),
        T(a_late_reading_mends_its_minute_and_hour),
        T(bad_readings_are_counted_beside_the_good_ones),
        T(a_failed_commit_does_not_spoil_the_accumulators),
        T(a_crash_does_not_spoil_the_rollups),
        T(the_minute_of_a_crash_is_mended_at_the_next_start),
    };
    return cmocka_run_group_tests_name("storage/rollup", tests, NULL, NULL);
}
