/* SPDX-License-Identifier: Apache-2.0 */
/* Commits that the database has lost without noticing are noticed. */
#include "tests/storage/fixture.h"

#include "gateway/core/metrics.h"

#include <signal.h>
#include <sys/wait.h>

#define BATCHES 60

static int64_t lost;

/* Commits and dies, so that the log stays as it is. */
static void write_and_die(struct fixture *f, int64_t from)
{
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct record r;
        if (store_open(&f->store, &f->options) != GW_OK)
            _exit(1);
        for (int i = 0; i < BATCHES; i++) {
            r = good((uint32_t)i % SENSORS, from + i, i);
            if (store_append(f->store, &r, 1, NULL) != GW_OK)
                _exit(1);
        }
        kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
}

static void flip_byte(const struct fixture *f, double where)
{
    char name[120];

    snprintf(name, sizeof(name), "%s-wal", f->path);
    FILE *file = fopen(name, "r+");
    assert_non_null(file);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    long at = (long)((double)ftell(file) * where);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    fputc(byte ^ 0x10, file);
    fclose(file);
}

/* Opens it, and gives how many commits are said to be missing. */
static int64_t missing_at_start(struct fixture *f)
{
    fixture_open(f);
    int64_t missing = metric_get(METRIC_ROLLED_BACK) - lost;
    lost += missing;
    return missing;
}

static void a_rotten_byte_in_the_log_is_reported(void **state)
{
    struct fixture *f = *state;

    write_and_die(f, T0);
    flip_byte(f, 0.7);
    int64_t missing = missing_at_start(f);
    int64_t rows = sql_int(f, "SELECT count(*) FROM reading");
    assert_in_range(rows, 1, BATCHES - 1);
    assert_int_equal(rows + missing, BATCHES);
    assert_true(store_next_alert_id(f->store) > 1000000);
    /* It is said once. */
    fixture_close(f);
    assert_int_equal(missing_at_start(f), 0);
}

static void a_whole_run_that_is_missing_is_reported(void **state)
{
    struct fixture *f = *state;
    struct record r = good(0, T0 - 5, 1);

    fixture_open(f);
    append(f, &r, 1);
    fixture_close(f);
    write_and_die(f, T0);
    flip_byte(f, 0.001);
    assert_int_equal(missing_at_start(f), BATCHES);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 1);
}

static void nothing_is_reported_when_nothing_is_missing(void **state)
{
    struct fixture *f = *state;
    struct record r = good(0, T0 + US_PER_HOUR, 1);
    char command[500];

    assert_int_equal(missing_at_start(f), 0);
    append(f, &r, 1);
    fixture_close(f);
    assert_int_equal(missing_at_start(f), 0);
    fixture_close(f);
    write_and_die(f, T0);
    assert_int_equal(missing_at_start(f), 0);
    fixture_close(f);
    /* Another database is another story. */
    snprintf(command, sizeof(command), "rm %s %s-wal %s-shm", f->path, f->path, f->path);
    assert_int_equal(system(command), 0);
    assert_int_equal(missing_at_start(f), 0);
}

static void an_older_copy_is_reported(void **state)
{
    struct fixture *f = *state;
    struct record r = good(0, T0, 1);
    char command[500];

    fixture_open(f);
    append(f, &r, 1);
    fixture_close(f);
    snprintf(command, sizeof(command), "cp %s %s.old", f->path, f->path);
    assert_int_equal(system(command), 0);
    fixture_open(f);
    for (int i = 1; i <= 5; i++) {
        r = good(0, T0 + i, 1);
        append(f, &r, 1);
    }
    fixture_close(f);
    snprintf(command, sizeof(command), "rm %s-wal %s-shm; mv %s.old %s", f->path, f->path, f->path,
             f->path);
    assert_int_equal(system(command), 0);
    assert_int_equal(missing_at_start(f), 5);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(a_rotten_byte_in_the_log_is_reported),
        T(a_whole_run_that_is_missing_is_reported),
        T(nothing_is_reported_when_nothing_is_missing),
        T(an_older_copy_is_reported),
    };
    return cmocka_run_group_tests_name("storage/mark", tests, NULL, NULL);
}
