/* SPDX-License-Identifier: Apache-2.0 */
/* Copies made while the gateway writes are one state of the database, and sound. */
#include "tests/storage/fixture.h"

#include "storage/copy.h"
#include "storage/query.h"
#include "storage/schema.h"
#include "storage/verify.h"

#define STEP (10 * US_PER_SECOND)
#define FILLED 1500 /* readings of two sensors: four hours */

struct job {
    struct fixture *f;
    char target[128];
    size_t next; /* step of the next reading */
    int calls, stop_at;
    bool late;
    double done;
};

static void append_steps(struct fixture *f, size_t from, size_t to)
{
    static struct record r[200];

    for (size_t n = 0; from < to; n = 0) {
        for (; n < sizeof(r) / sizeof(r[0]) && from < to; from++) {
            r[n++] = good(3, T0 + (int64_t)from * STEP, (double)(from % 101));
            r[n++] = good(4, T0 + (int64_t)from * STEP + 5, 5);
        }
        append(f, r, n);
    }
}

static void maintain(struct fixture *f, int64_t wall_us)
{
    bool more = true;

    while (more)
        assert_int_equal(store_maintain(f->store, wall_us, &more), GW_OK);
}

/* An alert that was raised and cleared, and one that stays, among the readings. */
static void append_alerts(struct fixture *f)
{
    struct record r[] = {good(5, T0 + 1000 * STEP, 80), good(5, T0 + 1400 * STEP, 90)};

    r[0].changes = new_change(1, 5, ALERT_RAISED, T0 + 1000 * STEP);
    r[0].changes->since_us = T0 + 1000 * STEP;
    r[0].changes->next = new_change(1, 5, ALERT_CLEARED, T0 + 1001 * STEP);
    r[1].changes = new_change(2, 5, ALERT_RAISED, T0 + 1400 * STEP);
    r[1].changes->since_us = T0 + 1400 * STEP;
    append(f, r, 2);
    alert_change_free(r[0].changes);
    alert_change_free(r[1].changes);
}

static struct job begin(struct fixture *f)
{
    struct job j = {.f = f, .next = FILLED, .stop_at = -1};

    snprintf(j.target, sizeof(j.target), "%s/copy.db", f->folder);
    clock_fake(1, T0);
    fixture_open(f);
    append_steps(f, 0, FILLED);
    append_alerts(f);
    clock_fake(US_PER_HOUR, T0 + FILLED * STEP);
    maintain(f, T0 + FILLED * STEP);
    return j;
}

/* Between two slices: the gateway goes on. */
static bool go_on(void *arg, double done, uint64_t rows)
{
    struct job *j = arg;

    assert_true((done >= j->done || j->late) && done <= 1);
    assert_true(rows > 0);
    j->done = done;
    if (j->calls++ == 0) {
        append_steps(j->f, j->next, j->next + 50);
        j->next += 50;
        clock_fake_advance(US_PER_MINUTE);
        maintain(j->f, T0 + (int64_t)j->next * STEP);
        if (j->late) {
            struct record r = good(6, T0 + 7, 1);
            append(j->f, &r, 1);
        }
    }
    return j->calls != j->stop_at;
}

static int64_t in_copy(const struct job *j, const char *sql)
{
    struct fixture other = {0};

    strcpy(other.path, j->target);
    return sql_int(&other, sql);
}

/* The number that it gives is that of the readings in the copy. */
static enum gw_err copy(struct job *j, int64_t since_us, int64_t until_us)
{
    uint64_t readings = 0;
    const struct copy_request r = {.source = j->f->path,
                                   .target = j->target,
                                   .since_us = since_us,
                                   .until_us = until_us,
                                   .progress = go_on,
                                   .arg = j};
    enum gw_err err = copy_database(&r, &readings);

    if (err == GW_OK)
        assert_int_equal(in_copy(j, "SELECT (SELECT count(*) FROM reading) +"
                                    " (SELECT count(*) FROM reading_undated)"),
                         readings);
    return err;
}

static const char *const tables[] = {"reading",        "reading_minute",  "reading_hour",
                                     "rollup_pending", "sensor",          "sensor_latest",
                                     "alert",          "alert_event",     "run",
                                     "ledger",         "sqlite_sequence", "meta",
                                     "quality"};

static void assert_same_rows(const struct job *j)
{
    char sql[512];

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s", tables[i]);
        if (in_copy(j, sql) != sql_int(j->f, sql))
            fail_msg("%s has not as many rows", tables[i]);
        sqlite3 *db;
        assert_int_equal(sqlite3_open(j->target, &db), SQLITE_OK);
        snprintf(sql, sizeof(sql), "ATTACH '%s' AS src", j->f->path);
        assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
        snprintf(sql, sizeof(sql),
                 "SELECT count(*) FROM (SELECT * FROM src.%s EXCEPT SELECT * FROM main.%s)",
                 tables[i], tables[i]);
        sqlite3_stmt *st;
        assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &st, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(st), SQLITE_ROW);
        if (sqlite3_column_int64(st, 0) != 0)
            fail_msg("%s differs", tables[i]);
        sqlite3_finalize(st);
        sqlite3_close(db);
    }
}

static void assert_sound(const struct job *j)
{
    assert_int_equal(in_copy(j, "SELECT count(*) FROM pragma_integrity_check"
                                " WHERE integrity_check = 'ok'"),
                     1);
    assert_int_equal(in_copy(j, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(in_copy(j, "PRAGMA application_id"), SCHEMA_APPLICATION_ID);
}

static void a_copy_is_the_database_as_it_is_at_the_end(void **state)
{
    struct job j = begin(*state);

    sql_write(j.f, "CREATE TABLE mine (x); INSERT INTO mine VALUES (7);"
                   "CREATE INDEX my_index ON mine (x); CREATE VIEW my_view AS SELECT x FROM mine");
    assert_int_equal(copy(&j, 0, 0), GW_OK);
    assert_true(j.calls > 3 && j.next > FILLED);
    assert_same_rows(&j);
    assert_sound(&j);
    assert_int_equal(in_copy(&j, "SELECT x FROM my_view"), 7);
    assert_int_equal(in_copy(&j, "SELECT count(*) FROM sqlite_schema"),
                     sql_int(j.f, "SELECT count(*) FROM sqlite_schema"));
}

static void a_reading_that_comes_late_is_in_the_copy_too(void **state)
{
    struct job j = begin(*state);

    j.late = true;
    assert_int_equal(copy(&j, 0, 0), GW_OK);
    assert_int_equal(in_copy(&j, "SELECT count(*) FROM reading WHERE time = 1700000000000007"), 1);
    assert_same_rows(&j);
    assert_sound(&j);
}

static void what_retention_removes_meanwhile_is_not_in_the_copy(void **state)
{
    struct fixture *f = *state;

    f->options.raw_us = 4 * US_PER_HOUR + 15 * US_PER_MINUTE;
    struct job j = begin(f);
    assert_int_equal(copy(&j, 0, 0), GW_OK);
    assert_true(sql_int(f, "SELECT min(time) FROM reading") > T0);
    assert_same_rows(&j);
}

static void the_gateway_goes_on_with_a_copy(void **state)
{
    struct job j = begin(*state);
    struct record r = good(3, T0 + 9000 * STEP, 1);

    assert_int_equal(copy(&j, 0, 0), GW_OK);
    fixture_close(j.f);
    strcpy(j.f->path, j.target);
    fixture_open(j.f);
    int64_t rows = sql_int(j.f, "SELECT count(*) FROM reading");
    append(j.f, &r, 1);
    append(j.f, &r, 1);
    assert_int_equal(sql_int(j.f, "SELECT count(*) FROM reading"), rows + 1);
    assert_true(store_next_alert_id(j.f->store) > 2);
}

struct sum {
    uint64_t count;
    double sum;
};

static bool add_up(void *arg, const struct history_row *row)
{
    struct sum *s = arg;

    s->count += row->count;
    s->sum += row->value * (double)row->count;
    return true;
}

static struct sum ask(const char *path, int64_t since_us, int64_t until_us, int64_t every_us)
{
    const struct history_request r = {
        .sensor = "device/s3", .since_us = since_us, .until_us = until_us, .every_us = every_us};
    struct sum s = {0};
    struct query *q;

    assert_int_equal(query_open(&q, path), GW_OK);
    assert_int_equal(query_history(q, &r, add_up, &s), GW_OK);
    query_close(q);
    return s;
}

static void a_span_answers_as_the_whole_does(void **state)
{
    struct job j = begin(*state);
    int64_t since = T0 + 100 * STEP + 3, until = T0 + 1200 * STEP + 4;

    assert_int_equal(copy(&j, since, until), GW_OK);
    assert_sound(&j);
    assert_int_equal(in_copy(&j, "SELECT count(*) FROM reading"), 2 * 1100 + 1);
    for (int64_t every = US_PER_SECOND; every <= US_PER_HOUR; every *= 60) {
        struct sum all = ask(j.f->path, since, until, every);
        struct sum part = ask(j.target, 0, INT64_MAX / 2, every);
        assert_int_equal(part.count, 1100);
        assert_int_equal(all.count, part.count);
        assert_true(fabs(all.sum - part.sum) < 1e-6);
    }
    assert_int_equal(in_copy(&j, "SELECT group_concat(id) = '1' FROM alert"), 1);
    assert_int_equal(in_copy(&j, "SELECT count(*) FROM alert_event"), 2);
    assert_int_equal(in_copy(&j, "SELECT count(*) FROM sensor"), SENSORS);
    assert_int_equal(in_copy(&j, "SELECT max(time) FROM sensor_latest"), T0 + 1200 * STEP);
    assert_int_equal(in_copy(&j, "SELECT count(*) FROM sensor_latest"), 3);
    assert_int_equal(in_copy(&j, "SELECT count(*) FROM run"), 1);
}

static void a_caller_may_stop_it(void **state)
{
    struct job j = begin(*state);

    j.stop_at = 2;
    assert_int_equal(copy(&j, 0, 0), GW_ECLOSED);
    assert_int_equal(j.calls, 2);
    strcat(j.f->path, ".none");
    assert_int_equal(copy(&j, 0, 0), GW_ENOENT);
}

struct verdict {
    int problems, calls;
    bool stop;
};

static bool note_call(void *arg, double done)
{
    struct verdict *v = arg;

    assert_true(done >= 0 && done < 1);
    v->calls++;
    return !v->stop;
}

static void note_problem(void *arg, const char *text)
{
    struct verdict *v = arg;

    assert_true(strlen(text) > 3);
    v->problems++;
}

static enum gw_err verify(struct fixture *f, bool quick, struct verdict *v,
                          struct verify_result *result)
{
    const struct verify_request r = {
        .path = f->path, .quick = quick, .progress = note_call, .problem = note_problem, .arg = v};

    return verify_database(&r, result);
}

static void damage(const char *path, long offset)
{
    FILE *file = fopen(path, "r+b");

    assert_non_null(file);
    assert_int_equal(fseek(file, offset, SEEK_SET), 0);
    for (int i = 0; i < 200; i++)
        fputc(0xa5, file);
    fclose(file);
}

static void a_check_tells_a_sound_database_from_a_damaged_one(void **state)
{
    struct job j = begin(*state);
    struct verify_result result;
    struct verdict v = {0};

    for (int quick = 0; quick < 2; quick++) {
        assert_int_equal(verify(j.f, quick, &v, &result), GW_OK);
        assert_int_equal(result.problems, 0);
        assert_int_equal(v.problems, 0);
        assert_int_equal(result.schema, SCHEMA_VERSION);
        assert_true(result.pages > 10 && result.page_size == 4096);
    }
    assert_true(v.calls > 0);
    v.stop = true;
    assert_int_equal(verify(j.f, false, &v, &result), GW_ECLOSED);
    v.stop = false;
    fixture_close(j.f);
    damage(j.f->path, (long)(result.pages - 3) * 4096);
    assert_int_equal(verify(j.f, true, &v, &result), GW_OK);
    assert_true(result.problems > 0);
    assert_int_equal(result.problems, v.problems);
    damage(j.f->path, 0);
    assert_int_equal(verify(j.f, true, &v, &result), GW_ECORRUPT);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(a_copy_is_the_database_as_it_is_at_the_end),
        T(a_reading_that_comes_late_is_in_the_copy_too),
        T(what_retention_removes_meanwhile_is_not_in_the_copy),
        T(the_gateway_goes_on_with_a_copy),
        T(a_span_answers_as_the_whole_does),
        T(a_caller_may_stop_it),
        T(a_check_tells_a_sound_database_from_a_damaged_one),
    };
    return cmocka_run_group_tests_name("storage/copy", tests, NULL, NULL);
}
