/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/schema.h"
#include "tests/storage/fixture.h"

#include "gateway/core/metrics.h"
#include "storage/query.h"

#include <fcntl.h>
#include <sys/stat.h>

static void appended_readings_are_seen_through_the_views(void **state)
{
    struct fixture *f = *state;
    char text[512];

    fixture_open(f);
    struct record r[] = {good(0, T0 + 123456, 21.5), good(1, T0, 7)};
    append(f, r, 2);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 2);
    assert_string_equal(sql_text(f,
                                 "SELECT time || ' ' || sensor || ' ' || value || ' ' || unit ||"
                                 " ' ' || quality FROM readings WHERE sensor = 'device/s0'",
                                 text),
                        "2023-11-14T22:13:20.123Z device/s0 21.5 °C good");
    assert_string_equal(
        sql_text(f, "SELECT value || ' ' || time FROM latest WHERE sensor = 'device/s1'", text),
        "7.0 2023-11-14T22:13:20.000Z");
    assert_int_equal(sql_int(f, "SELECT count(*) FROM latest"), SENSORS);
    assert_int_equal(sql_int(f, "SELECT age_s > 1e6 FROM latest WHERE value IS NOT NULL"), 1);
}

static void only_good_numbers_are_stored_as_numbers(void **state)
{
    struct fixture *f = *state;
    struct record r[] = {good(0, T0, (double)NAN), good(1, T0, (double)INFINITY), good(2, T0, 1),
                         good(3, T0, 0), good(4, T0, 3)};
    char text[512];

    fixture_open(f);
    r[2].reading.quality = QUALITY_TIMEOUT;
    r[3].reading.flags = READING_INTEGER;
    r[3].reading.integer = INT64_C(9007199254740993);
    append(f, r, 5);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading WHERE value IS NULL"), 3);
    assert_true(sql_int(f, "SELECT value FROM readings WHERE sensor = 'device/s3'") ==
                INT64_C(9007199254740993));
    assert_string_equal(
        sql_text(f, "SELECT group_concat(typeof(value)) FROM reading ORDER BY sensor_id", text),
        "null,null,null,integer,real");
    assert_string_equal(
        sql_text(f, "SELECT quality FROM readings WHERE sensor = 'device/s2'", text), "timeout");
}

static void duplicates_are_counted_exactly_for_each_source(void **state)
{
    struct fixture *f = *state;
    struct record r[300];
    uint64_t duplicates = 0;

    fixture_open(f);
    for (uint32_t i = 0; i < 300; i++)
        r[i] = good(i % 3, T0 + i, i);
    append(f, r, 300);
    /* The same again, out of order, with some new ones in between and before. */
    for (uint32_t i = 0; i < 300; i++)
        r[i] = i % 10 ? good((299 - i) % 3, T0 + 299 - i, 0) : good(i % 3, T0 - 1 - i, 0);
    for (uint32_t i = 0; i < 300; i++)
        ledger_accept(f->ledger, r[i].reading.sensor % 2, 1);
    assert_int_equal(store_append(f->store, r, 300, &duplicates), GW_OK);
    assert_int_equal(duplicates, 270);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 330);
    /* And within one batch. */
    struct record twice[] = {good(5, T0, 1), good(5, T0, 2), good(5, T0 + 1, 3)};
    for (size_t i = 0; i < 3; i++)
        ledger_accept(f->ledger, 1, 1);
    assert_int_equal(store_append(f->store, twice, 3, &duplicates), GW_OK);
    assert_int_equal(duplicates, 1);
    assert_int_equal(sql_int(f, "SELECT value FROM reading WHERE sensor_id = 6 LIMIT 1"), 1);

    struct ledger_entry total = ledger_total(f->ledger);
    assert_int_equal(total.accepted, 603);
    assert_int_equal(total.committed, 332);
    assert_int_equal(total.dropped[DROP_DUPLICATE], 271);
    assert_int_equal(ledger_get(f->ledger, 0).committed,
                     sql_int(f, "SELECT count(*) FROM reading WHERE sensor_id % 2 = 1"));
    assert_int_equal(ledger_in_flight(&total), 0);
}

static void each_commit_saves_the_ledger_with_itself_in_it(void **state)
{
    struct fixture *f = *state;

    fixture_open(f);
    struct record r[] = {good(0, T0, 1), good(1, T0, 2), good(1, T0, 2)};
    append(f, r, 3);
    ledger_drop(f->ledger, 0, DROP_BAD_PAYLOAD, 0);
    assert_int_equal(sql_int(f, "SELECT sum(readings) FROM ledger WHERE what = 'accepted'"), 3);
    assert_int_equal(sql_int(f, "SELECT sum(readings) FROM ledger WHERE what = 'committed'"), 2);
    assert_int_equal(
        sql_int(f, "SELECT readings FROM ledger WHERE what = 'duplicate' AND source = 'broker'"),
        1);
    assert_int_equal(sql_int(f, "SELECT commits FROM run"), 1);
    assert_int_equal(sql_int(f, "SELECT ended_at IS NULL FROM run"), 1);
    fixture_close(f);
    assert_int_equal(sql_int(f, "SELECT ended_at IS NULL FROM run"), 0);
}

static void sensors_keep_their_rows_over_restarts(void **state)
{
    struct fixture *f = *state;
    struct record r = good(7, T0, 1);

    fixture_open(f);
    append(f, &r, 1);
    fixture_close(f);

    /* The same names under other indices, one with a new unit, and one that is new. */
    sensor_table_destroy(f->sensors);
    assert_int_equal(sensor_table_create(&f->sensors, 10), GW_OK);
    f->options.sensors = f->sensors;
    uint32_t index;
    struct sensor other = {.name = "new/one", .unit = "", .device = "", .source = 0};
    struct sensor known = {.name = "device/s7", .unit = "K", .device = "device", .source = 1};
    assert_int_equal(sensor_table_add(f->sensors, &other, &index), GW_OK);
    assert_int_equal(sensor_table_add(f->sensors, &known, &index), GW_OK);
    fixture_open(f);
    r = good(index, T0, 99);
    uint64_t duplicates;
    assert_int_equal(store_append(f->store, &r, 1, &duplicates), GW_OK);
    assert_int_equal(duplicates, 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM sensor"), SENSORS + 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM sensor WHERE unit = 'K'"), 1);

    /* One that appears while running. */
    struct sensor late = {.name = "late/one", .unit = "", .device = "", .source = 1};
    assert_int_equal(sensor_table_add(f->sensors, &late, &index), GW_OK);
    r = good(index, T0, 5);
    append(f, &r, 1);
    assert_int_equal(sql_int(f, "SELECT value FROM latest WHERE sensor = 'late/one'"), 5);
}

static void the_latest_is_the_newest_by_time(void **state)
{
    struct fixture *f = *state;
    struct record r[] = {good(0, T0 + 5, 5), good(0, T0 + 3, 3)};

    fixture_open(f);
    append(f, r, 2);
    r[0] = good(0, T0 + 4, 4);
    append(f, r, 1);
    assert_int_equal(sql_int(f, "SELECT value FROM latest WHERE sensor = 'device/s0'"), 5);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 3);
}

static void an_edited_sensor_latest_loses_nothing(void **state)
{
    struct fixture *f = *state;
    struct record r[100];
    uint64_t duplicates;

    fixture_open(f);
    for (uint32_t i = 0; i < 100; i++)
        r[i] = good(0, T0 + i, i);
    append(f, r, 100);
    fixture_close(f);
    sql_write(f, "DELETE FROM sensor_latest");
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    fixture_open(f);
    for (uint32_t i = 0; i < 100; i++)
        r[i] = good(0, T0 + 50 + i, i);
    assert_int_equal(store_append(f->store, r, 100, &duplicates), GW_OK);
    assert_int_equal(duplicates, 50);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 150);
    assert_int_equal(sql_int(f, "SELECT time FROM sensor_latest"), T0 + 149);
}

static void the_settings_are_those_that_survive_a_power_cut(void **state)
{
    struct fixture *f = *state;
    char text[512];

    fixture_open(f);
    assert_string_equal(sql_text(f, "PRAGMA journal_mode", text), "wal");
    assert_int_equal(sql_int(f, "PRAGMA auto_vacuum"), 2);
    assert_int_equal(sql_int(f, "PRAGMA user_version"), SCHEMA_VERSION);
    assert_int_equal(strlen(store_instance(f->store)), 8);
    assert_string_equal(sql_text(f, "SELECT value FROM meta WHERE key = 'instance'", text),
                        store_instance(f->store));
}

/* Where times and sizes have 32 bits by default (Debian 12 on armhf), libraries refuse such a file.
 * On file systems that end at 2038 it is only large. */
static void a_file_of_3_gib_that_was_changed_in_2040_is_a_database_like_any_other(void **state)
{
    const off_t size = (off_t)3 << 30; /* the end is a hole */
    const int64_t year_2040 = INT64_C(2208988800) * US_PER_SECOND;
    const struct timespec at = {.tv_sec = (time_t)(year_2040 / US_PER_SECOND)};
    struct fixture *f = *state;
    struct query *q;
    struct store_facts facts;
    char text[512];

    clock_fake(0, year_2040);
    fixture_open(f);
    struct record r[] = {good(0, year_2040, 21.5), good(0, year_2040 + US_PER_SECOND, 22.5)};
    append(f, &r[0], 1);
    fixture_close(f);
    assert_int_equal(truncate(f->path, size), 0);
    assert_int_equal(utimensat(AT_FDCWD, f->path, (struct timespec[]){at, at}, 0), 0);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    assert_int_equal(query_facts(q, &facts), GW_OK);
    assert_true(facts.bytes == (uint64_t)size);
    assert_true(facts.newest_us == year_2040);
    query_close(q);

    fixture_open(f);
    append(f, &r[1], 1);
    fixture_close(f);
    assert_int_equal(utimensat(AT_FDCWD, f->path, (struct timespec[]){at, at}, 0), 0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 2);
    assert_string_equal(sql_text(f, "SELECT max(time) FROM readings", text),
                        "2040-01-01T00:00:01.000Z");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(appended_readings_are_seen_through_the_views),
        T(only_good_numbers_are_stored_as_numbers),
        T(duplicates_are_counted_exactly_for_each_source),
        T(each_commit_saves_the_ledger_with_itself_in_it),
        T(sensors_keep_their_rows_over_restarts),
        T(the_latest_is_the_newest_by_time),
        T(an_edited_sensor_latest_loses_nothing),
        T(a_file_of_3_gib_that_was_changed_in_2040_is_a_database_like_any_other),
        T(the_settings_are_those_that_survive_a_power_cut),
    };
    return cmocka_run_group_tests_name("storage/store", tests, NULL, NULL);
}
