/* SPDX-License-Identifier: Apache-2.0 */
/* The database as a public interface: what docs/schema.md promises. */
#include "storage/schema.h"
#include "tests/storage/fixture.h"

#include "storage/copy.h"
#include "storage/query.h"

static char *read_page(void)
{
    static char page[32768];
    FILE *file = fopen(PROJECT_SOURCE "/docs/schema.md", "r");

    assert_non_null(file);
    size_t n = fread(page, 1, sizeof(page) - 1, file);
    fclose(file);
    assert_in_range(n, 1000, sizeof(page) - 2);
    page[n] = '\0';
    return page;
}

/* A sensor with the name that the page uses, silent others, and one alert of each kind, now. */
static void fill(struct fixture *f)
{
    struct sensor flow = {.name = "boiler/flow_temp", .unit = "°C", .device = "boiler"};
    int64_t now = clock_wall_us();
    struct record r[200];
    uint32_t index;

    assert_int_equal(sensor_table_add(f->sensors, &flow, &index), GW_OK);
    fixture_open(f);
    for (uint32_t i = 0; i < 200; i++)
        r[i] = good(index, now - (200 - i) * US_PER_MINUTE, 20 + i % 50);
    r[199].reading.quality = QUALITY_TIMEOUT;
    r[10].changes = new_change(1, index, ALERT_RAISED, r[10].reading.time_us);
    r[10].changes->next = new_change(1, index, ALERT_CLEARED, r[11].reading.time_us);
    r[20].changes = new_change(2, index, ALERT_RAISED, r[20].reading.time_us);
    for (uint32_t i = 0; i < 200; i++)
        ledger_accept(f->ledger, 0, 1);
    assert_int_equal(store_append(f->store, r, 200, NULL), GW_OK);
    alert_change_free(r[10].changes);
    alert_change_free(r[20].changes);
    fixture_close(f);
}

/* Runs one statement; gives its number of rows. */
static int run(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *st;
    int rows = 0, rc;

    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    while ((rc = sqlite3_step(st)) == SQLITE_ROW)
        rows++;
    if (rc != SQLITE_DONE)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_finalize(st);
    return rows;
}

static void every_question_of_the_page_has_an_answer(void **state)
{
    struct fixture *f = *state;
    sqlite3 *db;
    int questions = 0;

    fill(f);
    assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    for (char *p = read_page(); (p = strstr(p, "```sql\n")) != NULL; questions++) {
        p += strlen("```sql\n");
        char *end = strstr(p, "```");
        assert_non_null(end);
        *end = '\0';
        if (run(db, p) == 0)
            fail_msg("no rows: %s", p);
        p = end + 1;
    }
    sqlite3_close(db);
    assert_int_equal(questions, 10);
}

static void views_and_tables_have_the_columns_that_the_page_lists(void **state)
{
    struct fixture *f = *state;
    char text[512];
    static const struct {
        const char *name, *columns;
    } cases[] = {
        {"readings", "time, sensor, value, unit, quality, time_us"},
        {"latest", "sensor, value, unit, quality, time, age_s"},
        {"active_alerts",
         "id, sensor, rule, severity, state, value, limit_value, unit, raised, changed, "
         "acknowledged_by, shelved_until"},
        {"undated", "seq, boot, uptime_s, sensor, value, unit, quality"},
        {"reading", "time, sensor_id, value, quality"},
        {"reading_minute", "minute, sensor_id, min, max, sum, count, bad"},
        {"reading_hour", "sensor_id, hour, min, max, sum, count, bad"},
    };

    fixture_open(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char sql[200];
        snprintf(sql, sizeof(sql), "SELECT group_concat(name, ', ') FROM pragma_table_info('%s')",
                 cases[i].name);
        assert_string_equal(sql_text(f, sql, text), cases[i].columns);
        if (i < 4)
            assert_non_null(strstr(read_page(), cases[i].columns));
    }
    /* The page names every table and view there is. */
    sqlite3 *db;
    sqlite3_stmt *st;
    assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT '`' || name || '`' FROM sqlite_schema WHERE type"
                                        " IN ('table', 'view') AND name NOT LIKE 'sqlite_%'",
                                        -1, &st, NULL),
                     SQLITE_OK);
    while (sqlite3_step(st) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(st, 0);
        if (!strstr(read_page(), name))
            fail_msg("docs/schema.md does not tell of %s", name);
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
}

static void the_sqlite3_shell_reads_it_live_and_after(void **state)
{
    struct fixture *f = *state;
    struct record r = good(3, T0, 4.25);
    char command[200], line[200];

    snprintf(command, sizeof(command), "sqlite3 -readonly %s 'SELECT * FROM readings' 2>&1",
             f->path);
    if (system("sqlite3 --version >/dev/null 2>&1") != 0)
        skip();
    fixture_open(f);
    append(f, &r, 1);
    for (int round = 0; round < 2; round++) {
        FILE *shell = popen(command, "r");
        assert_non_null(shell);
        assert_non_null(fgets(line, sizeof(line), shell));
        assert_int_equal(pclose(shell), 0);
        assert_string_equal(line,
                            "2023-11-14T22:13:20.000Z|device/s3|4.25|°C|good|1700000000000000\n");
        fixture_close(f);
    }
}

static void hot_queries_use_their_indexes(void **state)
{
    struct fixture *f = *state;
    char text[512];
    static const struct {
        const char *sql, *plan;
    } cases[] = {
        {"SELECT seq FROM alert_event WHERE seq > 5 AND published_at IS NULL AND failed_at IS NULL"
         " AND withheld IS NULL ORDER BY seq LIMIT 10",
         "alert_event_outbox"},
        {"SELECT * FROM readings WHERE time_us > 5", "PRIMARY KEY (time>?)"},
        {"SELECT id FROM alert WHERE cleared_at IS NULL", "alert_not_cleared"},
    };

    fixture_open(f);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        sqlite3 *db;
        sqlite3_stmt *st;
        snprintf(text, sizeof(text), "EXPLAIN QUERY PLAN %s", cases[i].sql);
        assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
        assert_int_equal(sqlite3_step(st), SQLITE_ROW);
        const char *plan = (const char *)sqlite3_column_text(st, 3);
        if (!strstr(plan, cases[i].plan))
            fail_msg("%s: %s", cases[i].sql, plan);
        sqlite3_finalize(st);
        sqlite3_close(db);
    }
}

/* A database as the first release left it. */
static void make_version_1(struct fixture *f)
{
    static char sql[65536];
    FILE *file = fopen(TEST_DATA "/schema_1.sql", "r");

    assert_non_null(file);
    size_t n = fread(sql, 1, sizeof(sql) - 1, file);
    fclose(file);
    assert_in_range(n, 1000, sizeof(sql) - 2);
    sql[n] = '\0';
    sql_write(f, sql);
    assert_int_equal(sql_int(f, "PRAGMA user_version"), 1);
}

static void a_database_of_version_1_keeps_its_rows_and_goes_on(void **state)
{
    struct fixture *f = *state;
    struct record r = good(0, T0, 1);

    make_version_1(f);
    fixture_open(f);
    append(f, &r, 1);
    fixture_close(f);
    assert_int_equal(sql_int(f, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 45 + 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert"), 2);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM run"), 2 + 1);
    assert_int_equal(sql_int(f, "SELECT value = 'e90a9364' FROM meta WHERE key = 'instance'"), 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM pragma_integrity_check"
                                " WHERE integrity_check = 'ok'"),
                     1);
}

/* The old program did not count them; its last minute is made again, and so knows them. */
static void bad_readings_are_counted_from_the_migration_on(void **state)
{
    struct fixture *f = *state;
    struct record r = good(0, T0 + 10 * 365 * US_PER_DAY, 1);

    make_version_1(f);
    sql_write(f, "INSERT INTO reading_minute VALUES (1795602120000000, 1, 1, 2, 3, 2)");
    fixture_open(f);
    r.reading.quality = QUALITY_TIMEOUT;
    append(f, &r, 1);
    fixture_close(f);
    assert_int_equal(sql_int(f, "SELECT value FROM meta WHERE key = 'bad_counted_from'"),
                     1795602240000000);
    assert_int_equal(sql_int(f, "SELECT bad IS NULL FROM reading_minute"
                                " WHERE minute = 1795602120000000"),
                     1);
    assert_int_equal(sql_int(f, "SELECT sum(bad) = (SELECT count(*) FROM reading WHERE value IS"
                                " NULL AND time < 1795602240000000) FROM reading_minute"
                                " WHERE minute = 1795602180000000"),
                     1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_hour WHERE bad IS NULL"), 2);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_hour WHERE bad = 1 AND count = 0"),
                     1);
}

static bool count_latest(void *arg, const struct latest_row *row)
{
    int *rows = arg;

    *rows += row->time_us != 0;
    return true;
}

static bool count_history(void *arg, const struct history_row *row)
{
    int *rows = arg;

    *rows += (int)row->count;
    return true;
}

static bool count_alert(void *arg, const struct alert_row *row)
{
    int *rows = arg;

    (void)row;
    ++*rows;
    return true;
}

/* A newer program reads the file before the gateway was restarted, and copies it as it is. */
static void a_database_of_version_1_is_read_and_copied_as_it_is(void **state)
{
    struct fixture *f = *state;
    const struct alert_filter all = {0};
    char target[120], name[512];
    struct query *q;
    int latest = 0, readings = 0, alerts = 0;
    uint64_t copied = 0;

    make_version_1(f);
    snprintf(target, sizeof(target), "%s.copy", f->path);
    const struct copy_request copy = {.source = f->path, .target = target};
    assert_int_equal(copy_database(&copy, &copied), GW_OK);
    assert_int_equal(copied, sql_int(f, "SELECT count(*) FROM reading"));
    assert_int_equal(query_open(&q, f->path), GW_OK);
    assert_int_equal(query_latest(q, NULL, count_latest, &latest), GW_OK);
    assert_true(latest > 0);
    sql_text(f, "SELECT sensor FROM latest ORDER BY time DESC LIMIT 1", name);
    struct history_request r = {
        .sensor = name, .since_us = 0, .until_us = INT64_MAX / 2, .every_us = US_PER_MINUTE};
    assert_int_equal(query_history(q, &r, count_history, &readings), GW_OK);
    assert_true(readings > 0);
    int sum = readings;
    r.every_us = readings = 0;
    assert_int_equal(query_history(q, &r, count_history, &readings), GW_OK);
    assert_int_equal(readings, sum);
    assert_int_equal(query_alerts(q, &all, count_alert, &alerts), GW_EINVAL);
    query_close(q);

    /* The gateway brings the copy up to date like any other. */
    assert_int_equal(rename(target, f->path), 0);
    assert_int_equal(sql_int(f, "PRAGMA user_version"), 1);
    fixture_open(f);
    assert_int_equal(sql_int(f, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 45);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    assert_int_equal(query_alerts(q, &all, count_alert, &alerts), GW_OK);
    assert_int_equal(alerts, 2);
    query_close(q);
}

/* The statements behind all tables, indexes and views. Returns owned. */
static char *schema_of(const char *path)
{
    sqlite3 *db;
    sqlite3_stmt *st;

    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT group_concat(sql, char(10)) FROM"
                                        " (SELECT sql FROM sqlite_schema ORDER BY name)",
                                        -1, &st, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    char *text = strdup((const char *)sqlite3_column_text(st, 0));
    sqlite3_finalize(st);
    sqlite3_close(db);
    assert_non_null(text);
    return text;
}

static void a_migrated_database_has_the_schema_of_a_new_one(void **state)
{
    struct fixture *f = *state;
    char old[120];

    make_version_1(f);
    fixture_open(f);
    fixture_close(f);
    snprintf(old, sizeof(old), "%s.old", f->path);
    assert_int_equal(rename(f->path, old), 0);
    fixture_open(f);
    char *migrated = schema_of(old), *fresh = schema_of(f->path);
    assert_string_equal(migrated, fresh);
    free(migrated);
    free(fresh);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(every_question_of_the_page_has_an_answer),
        T(views_and_tables_have_the_columns_that_the_page_lists),
        T(the_sqlite3_shell_reads_it_live_and_after),
        T(hot_queries_use_their_indexes),
        T(a_database_of_version_1_keeps_its_rows_and_goes_on),
        T(bad_readings_are_counted_from_the_migration_on),
        T(a_database_of_version_1_is_read_and_copied_as_it_is),
        T(a_migrated_database_has_the_schema_of_a_new_one),
    };
    return cmocka_run_group_tests_name("storage/schema", tests, NULL, NULL);
}
