/* SPDX-License-Identifier: Apache-2.0 */
/* Which pattern makes a sensor, and which sensors of earlier runs are waited for. */
#include "gateway/made.h"

#include "tests/storage/fixture.h"

static char greenhouse[] = "greenhouse", first[] = "greenhouse/{1}/humidity",
            second[] = "greenhouse/{1}/{2}", fixed[] = "greenhouse/pump", hut[] = "hut",
            third[] = "hut/{1}", percent[] = "%", none[] = "", humidities[] = "*/humidity",
            mute[] = "mute";

static const struct driver_schema pushed = {.name = "mqtt", .wildcard_names = true};
static const struct driver_schema polled = {.name = "file"};
static struct sensor_config patterns[] = {
    {.name = first, .unit = percent, .index = SENSOR_NONE},
    {.name = second, .unit = none, .index = SENSOR_NONE},
    {.name = fixed, .unit = none, .index = 0},
};
static struct sensor_config foreign[] = {{.name = third, .unit = none, .index = SENSOR_NONE}};
static struct device_config devices[] = {
    {.sensors = patterns, .sensor_count = 3},
    {.sensors = foreign, .sensor_count = 1},
};
static struct source_config sources[] = {
    {.name = hut, .schema = &polled, .index = 0, .devices = &devices[1], .device_count = 1},
    {.name = greenhouse,
     .schema = &pushed,
     .index = 1,
     .devices = &devices[0],
     .device_count = 1,
     .extra_sensors = 4},
};
static struct rule_config rules[] = {
    {.name = mute, .sensor = humidities, .kind = RULE_STALE},
};
static const struct config config = {
    .sources = sources, .source_count = 2, .rules = rules, .rule_count = 1};

static void the_first_pattern_that_fits_makes_a_sensor(void **state)
{
    static const struct {
        const char *name;
        const struct sensor_config *by;
    } cases[] = {
        {"greenhouse/3/humidity", &patterns[0]},
        {"greenhouse/a/b/humidity", &patterns[0]},
        {"greenhouse/3/inner", &patterns[1]},
        {"greenhouse/3/humidity2", &patterns[1]},
        {"greenhouse//humidity", NULL},
        {"greenhouse/pump", NULL},
        {"greenhouse/3/", NULL},
        {"greenhouse/", NULL},
        {"hut/3", NULL}, /* that source makes none */
        {"", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct source_config *source = NULL;
        print_message("%s\n", cases[i].name);
        assert_ptr_equal(made_by(&config, cases[i].name, &source), cases[i].by);
        assert_ptr_equal(source, cases[i].by ? &sources[1] : NULL);
    }
}

static void sql(const struct fixture *f, const char *text)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, text, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

#define SENSOR(id, name, time)                                                                     \
    "INSERT INTO sensor VALUES (" id ", '" name "', 'old', 'greenhouse', '', 0);"                  \
    "INSERT INTO sensor_latest VALUES (" id ", " time ", 1, 0);"

static void those_that_a_stale_rule_watches_are_waited_for(void **state)
{
    struct fixture *f = *state;
    struct sensor_table *sensors;

    fixture_open(f);
    sql(f, "INSERT INTO reading VALUES (1000, 900, 1, 0);" /* the oldest that there is */
        SENSOR("901", "greenhouse/1/humidity", "5000") SENSOR("902", "greenhouse/2/humidity", "999")
            SENSOR("903", "greenhouse/3/inner", "5000")
                SENSOR("904", "elsewhere/4/humidity", "5000")
                    SENSOR("905", "greenhouse/5/humidity", "6000")
                        SENSOR("906", "greenhouse/6/humidity", "4000"));
    assert_int_equal(sensor_table_create(&sensors, 10), GW_OK);
    assert_int_equal(made_add_known(&config, f->path, sensors), GW_OK);
    /* 6 would be more than half of what the source may make; of 2 nothing is left. */
    assert_int_equal(sensor_table_count(sensors), 2);
    const struct sensor *s = sensor_table_get(sensors, 0);
    assert_string_equal(s->name, "greenhouse/5/humidity");
    assert_string_equal(s->unit, "%"); /* as the configuration says now */
    assert_int_equal(s->source, 1);
    assert_true(s->was_good);
    assert_string_equal(sensor_table_get(sensors, 1)->name, "greenhouse/1/humidity");
    sensor_table_destroy(sensors);
}

/* As at a reload: what is there counts, and no configured name is taken twice. */
static void what_the_source_has_made_already_counts(void **state)
{
    struct fixture *f = *state;
    struct sensor_table *sensors;
    uint32_t index;

    fixture_open(f);
    sql(f, "INSERT INTO reading VALUES (1000, 900, 1, 0);" SENSOR("901", "greenhouse/1/humidity",
                                                                  "5000")
               SENSOR("905", "greenhouse/5/humidity", "6000"));
    sql(f, "UPDATE sensor_latest SET value = NULL, quality = 3 WHERE sensor_id = 905");
    assert_int_equal(sensor_table_create(&sensors, 10), GW_OK);
    const struct sensor there = {
        .name = "greenhouse/9/humidity", .unit = "%", .device = "", .source = 1};
    assert_int_equal(sensor_table_add(sensors, &there, &index), GW_OK);
    assert_int_equal(made_add_known(&config, f->path, sensors), GW_OK);
    assert_int_equal(sensor_table_count(sensors), 2);
    const struct sensor *s = sensor_table_get(sensors, 1);
    assert_string_equal(s->name, "greenhouse/5/humidity");
    assert_false(s->was_good);
    assert_int_equal(made_add_known(&config, f->path, sensors), GW_OK);
    assert_int_equal(sensor_table_count(sensors), 2);
    sensor_table_destroy(sensors);
}

/* A sensor of the file that an earlier run had, and a reload has brought back. */
static void one_that_is_there_is_known_to_have_been_good(void **state)
{
    static const char *const names[] = {"hut/pump", "hut/door", "hut/new"};
    struct fixture *f = *state;
    struct sensor_table *sensors;
    uint32_t index;

    fixture_open(f);
    sql(f, "INSERT INTO reading VALUES (1000, 900, 1, 0);" SENSOR("901", "hut/pump", "5000")
               SENSOR("902", "hut/door", "6000"));
    sql(f, "UPDATE sensor_latest SET value = NULL, quality = 3 WHERE sensor_id = 902");
    assert_int_equal(sensor_table_create(&sensors, 10), GW_OK);
    for (size_t i = 0; i < 3; i++) {
        const struct sensor there = {
            .name = names[i], .unit = "bar", .device = "hut", .every_us = 7};
        assert_int_equal(sensor_table_add(sensors, &there, &index), GW_OK);
    }
    assert_int_equal(made_add_known(&config, f->path, sensors), GW_OK);
    assert_int_equal(sensor_table_count(sensors), 3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct sensor *s = sensor_table_get(sensors, i);
        assert_int_equal(s->was_good, i == 0);
        assert_string_equal(s->unit, "bar");
        assert_int_equal(s->every_us, 7);
    }
    sensor_table_destroy(sensors);
}

static void one_whose_alert_is_active_is_waited_for_however_old(void **state)
{
    struct fixture *f = *state;
    struct sensor_table *sensors;

    fixture_open(f);
    sql(f, "INSERT INTO reading VALUES (1000, 900, 1, 0);" SENSOR(
               "902", "greenhouse/2/humidity",
               "999") "INSERT INTO alert (id, sensor_id, rule, severity, state, raised_at,"
                      " changed_at) VALUES (7, 902, 'mute', 'warning', 'raised', 1, 1);");
    assert_int_equal(sensor_table_create(&sensors, 10), GW_OK);
    assert_int_equal(made_add_known(&config, f->path, sensors), GW_OK);
    assert_int_equal(sensor_table_count(sensors), 1);
    sensor_table_destroy(sensors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_pattern_that_fits_makes_a_sensor),
        cmocka_unit_test_setup_teardown(those_that_a_stale_rule_watches_are_waited_for,
                                        fixture_setup, fixture_teardown),
        cmocka_unit_test_setup_teardown(what_the_source_has_made_already_counts, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(one_that_is_there_is_known_to_have_been_good, fixture_setup,
                                        fixture_teardown),
        cmocka_unit_test_setup_teardown(one_whose_alert_is_active_is_waited_for_however_old,
                                        fixture_setup, fixture_teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
