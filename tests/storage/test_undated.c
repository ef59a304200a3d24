/* SPDX-License-Identifier: Apache-2.0 */
/* A machine that does not know the time when it starts, on a fake clock. */
#include "tests/storage/fixture.h"

#include "gateway/core/metrics.h"

#define EARLIEST (T0 - 1000 * US_PER_DAY)
#define EPOCH_US (100 * US_PER_SECOND) /* 1970: what such a machine starts with */

static struct timesync machine; /* what timesync_look() would say */
static int64_t mono, wall;

static void look(struct timesync *out)
{
    *out = machine;
}

static void set_clock(int64_t wall_us)
{
    wall = wall_us;
    clock_fake(mono, wall);
}

static void pass(int64_t us)
{
    mono += us;
    set_clock(wall + us);
}

static void boot(struct fixture *f, const char *name, int64_t wall_us)
{
    mono = 20 * US_PER_SECOND;
    set_clock(wall_us);
    strcpy(machine.boot, name);
    fixture_open(f);
}

static void maintain_all(struct fixture *f)
{
    bool more = true;

    for (int i = 0; more && i < 1000; i++)
        assert_int_equal(store_maintain(f->store, wall, &more), GW_OK);
    assert_false(more);
}

/* Each second one reading of each sensor, stored at once; its value counts on. */
static void read_for(struct fixture *f, int seconds)
{
    static double value;
    struct record r[SENSORS];

    for (int i = 0; i < seconds; i++) {
        for (uint32_t k = 0; k < SENSORS; k++)
            r[k] = good(k, wall, ++value);
        append(f, r, SENSORS);
        pass(US_PER_SECOND);
        maintain_all(f);
    }
}

/* The law of a database from which retention has taken nothing. */
static void assert_law(const struct fixture *f)
{
    struct ledger_entry total = ledger_total(f->ledger);

    assert_int_equal(ledger_in_flight(&total), 0);
    assert_int_equal(total.committed, sql_int(f, "SELECT (SELECT count(*) FROM reading) +"
                                                 " (SELECT count(*) FROM reading_undated)"));
}

static void a_clock_that_is_set_makes_nothing_wait(void **state)
{
    struct fixture *f = *state;

    boot(f, "a", T0);
    read_for(f, 5);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 5 * SENSORS);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM clock_wait"), 0);
}

static void readings_before_the_time_is_known_get_it_later(void **state)
{
    struct fixture *f = *state;

    boot(f, "a", EPOCH_US);
    int64_t began = mono;
    read_for(f, 60);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_undated"), 60 * SENSORS);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM undated WHERE boot = 'a' AND uptime_s >= 20"),
                     60 * SENSORS);
    assert_int_equal(metric_get(METRIC_CLOCK_WAITING), 1);
    assert_law(f);
    set_clock(T0);
    int64_t offset = wall - mono;
    maintain_all(f);
    read_for(f, 10);
    assert_int_equal(metric_get(METRIC_CLOCK_WAITING), 0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_undated"), 0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 70 * SENSORS);
    assert_int_equal(sql_int(f, "SELECT min(time) FROM reading"), offset + began);
    assert_int_equal(sql_int(f, "SELECT max(time) FROM reading"), wall - US_PER_SECOND);
    /* Their order is that in which they were taken, and the newest is known as such. */
    assert_int_equal(sql_int(f,
                             "SELECT count(*) FROM (SELECT value, lag(value) OVER (ORDER BY time,"
                             " sensor_id) AS before FROM reading) WHERE value <= before"),
                     0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM sensor_latest WHERE time = (SELECT max(time)"
                                " FROM reading)"),
                     SENSORS);
    assert_int_equal(sql_int(f, "SELECT readings FROM clock_wait"), 60 * SENSORS);
    assert_int_equal(sql_int(f, "SELECT shift FROM clock_wait"),
                     T0 - EPOCH_US - 60 * US_PER_SECOND);
    assert_law(f);
    fixture_close(f);
    assert_int_equal(sql_int(f, "SELECT sum(count) FROM reading_minute"), 70 * SENSORS);
}

/* Stamped before the step, in the queue during it, stored after it. */
static void readings_that_were_under_way_when_the_time_came_are_dated_too(void **state)
{
    struct fixture *f = *state;
    struct record r[2];

    boot(f, "a", EPOCH_US);
    read_for(f, 2);
    r[0] = good(0, wall, 1000);
    int64_t stamped = mono;
    pass(3 * US_PER_SECOND);
    set_clock(T0);
    r[1] = good(0, wall, 1001);
    append(f, r, 2);
    maintain_all(f);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_undated"), 0);
    assert_int_equal(sql_int(f, "SELECT time FROM reading WHERE value = 1000"),
                     stamped + wall - mono);
    assert_int_equal(sql_int(f, "SELECT time FROM reading WHERE value = 1001"), wall);
    assert_law(f);
}

static void a_restart_while_waiting_loses_nothing(void **state)
{
    struct fixture *f = *state;

    boot(f, "a", EPOCH_US);
    int64_t began = mono;
    read_for(f, 10);
    fixture_close(f);
    pass(30 * US_PER_SECOND);
    fixture_open(f);
    read_for(f, 10);
    set_clock(T0);
    maintain_all(f);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 20 * SENSORS);
    assert_int_equal(sql_int(f, "SELECT min(time) FROM reading"), wall - mono + began);
    assert_int_equal(sql_int(f, "SELECT max(time) - min(time) FROM reading"), 49 * US_PER_SECOND);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM clock_wait WHERE ended_at = 1700000000000000"
                                " AND shift > 0 AND readings = 200"),
                     2);
}

/* The time never came: the readings stay, in order, marked with their boot. */
static void a_boot_without_time_keeps_its_readings_apart(void **state)
{
    struct fixture *f = *state;

    f->options.raw_us = 2 * US_PER_DAY;
    boot(f, "a", EPOCH_US);
    read_for(f, 10);
    fixture_close(f);
    boot(f, "b", T0);
    read_for(f, 10);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 10 * SENSORS);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM undated WHERE boot = 'a'"), 10 * SENSORS);
    assert_int_equal(sql_int(f, "SELECT shift IS NULL AND ended_at IS NOT NULL FROM clock_wait"),
                     1);
    assert_law(f);
    /* They grow old like others do. */
    for (int day = 0; day < 4; day++) {
        maintain_all(f);
        pass(US_PER_DAY);
    }
    maintain_all(f);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_undated"), 0);
}

/* The time of the last stop, or of the last hour, is what many machines start with. */
static void a_clock_behind_the_database_is_not_believed_after_a_boot(void **state)
{
    struct fixture *f = *state;

    boot(f, "a", T0);
    read_for(f, 120);
    fixture_close(f);
    machine.is_just_booted = true;
    boot(f, "b", T0 + 60 * US_PER_SECOND);
    read_for(f, 5);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_undated"), 5 * SENSORS);
    /* It runs on past what the database has seen: now it may be right. */
    for (int i = 0; i < 60; i++)
        pass(US_PER_SECOND);
    maintain_all(f);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_undated"), 0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 125 * SENSORS);
    assert_law(f);
}

static void a_clock_that_was_set_back_by_somebody_is_believed(void **state)
{
    struct fixture *f = *state;

    boot(f, "a", T0);
    read_for(f, 120);
    /* While running, and over a restart of the gateway alone. */
    set_clock(wall - US_PER_HOUR);
    read_for(f, 10);
    fixture_close(f);
    fixture_open(f);
    read_for(f, 10);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_undated"), 0);
    assert_law(f);
    fixture_close(f);
    /* And after a boot, when the kernel says that it is the true time. */
    machine.is_just_booted = machine.is_synchronised = true;
    boot(f, "b", T0 - US_PER_HOUR);
    read_for(f, 10);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_undated"), 0);
}

static void a_machine_without_a_clock_waits_for_ten_minutes_at_most(void **state)
{
    struct fixture *f = *state;

    machine.is_just_booted = true;
    machine.keeps_time = false;
    boot(f, "a", T0);
    read_for(f, 10);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading_undated"), 10 * SENSORS);
    machine.is_just_booted = false;
    pass(2 * US_PER_SECOND);
    maintain_all(f);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 10 * SENSORS);
    assert_int_equal(sql_int(f, "SELECT min(time) FROM reading"), T0);
    assert_int_equal(sql_int(f, "SELECT shift FROM clock_wait"), 0);
}

static void a_reading_with_a_time_of_its_own_does_not_wait(void **state)
{
    struct fixture *f = *state;
    struct record r = good(0, T0 + 5, 1);

    r.reading.flags = READING_OWN_TIME;
    boot(f, "a", EPOCH_US);
    append(f, &r, 1);
    assert_int_equal(sql_int(f, "SELECT time FROM reading"), T0 + 5);
    set_clock(T0 + US_PER_HOUR);
    append(f, &r, 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 1);
}

/* Of two with the same time the one that waited moves on by a microsecond. */
static void no_reading_is_lost_because_its_time_is_taken(void **state)
{
    struct fixture *f = *state;
    struct record r = good(0, 0, 7);

    boot(f, "a", EPOCH_US);
    read_for(f, 3);
    r.reading.time_us = T0 - 3 * US_PER_SECOND;
    r.reading.flags = READING_OWN_TIME;
    append(f, &r, 1);
    set_clock(T0);
    maintain_all(f);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM reading"), 3 * SENSORS + 1);
    assert_law(f);
}

/* One transition, stored at once. */
static void change(struct fixture *f, enum alert_state state, int64_t since_us, int64_t time_us)
{
    struct record r = {.changes = new_change(7, 0, state, time_us)};

    r.changes->since_us = since_us;
    if (state == ALERT_SHELVED) {
        r.changes->shelf = SHELF_PUT;
        r.changes->until_us = time_us + US_PER_HOUR;
    }
    append(f, &r, 1);
    alert_change_free(r.changes);
}

static void alerts_before_the_time_is_known_get_it_later(void **state)
{
    struct fixture *f = *state;

    boot(f, "a", EPOCH_US);
    int64_t raised = wall;
    change(f, ALERT_RAISED, raised, raised);
    pass(5 * US_PER_SECOND);
    change(f, ALERT_SHELVED, raised, wall);
    assert_int_equal(sql_int(f, "SELECT raised_at FROM alert"), raised);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event WHERE uptime IS NOT NULL"), 2);
    pass(5 * US_PER_SECOND);
    int64_t old = wall;
    set_clock(T0);
    maintain_all(f);
    change(f, ALERT_CLEARED, raised, old); /* it was on its way meanwhile */
    assert_int_equal(sql_int(f, "SELECT raised_at FROM alert"), T0 - 10 * US_PER_SECOND);
    assert_int_equal(sql_int(f, "SELECT cleared_at FROM alert"), T0);
    assert_int_equal(sql_int(f, "SELECT changed_at FROM alert"), T0);
    assert_int_equal(sql_int(f, "SELECT min(time) FROM alert_event"), T0 - 10 * US_PER_SECOND);
    assert_int_equal(sql_int(f, "SELECT until FROM alert_event WHERE state = 'shelved'"),
                     T0 - 5 * US_PER_SECOND + US_PER_HOUR);
    assert_int_equal(sql_int(f, "SELECT shelved_at FROM alert_shelf"), T0 - 5 * US_PER_SECOND);
    assert_int_equal(sql_int(f, "SELECT until FROM alert_shelf"),
                     T0 - 5 * US_PER_SECOND + US_PER_HOUR);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event WHERE uptime IS NOT NULL"), 0);
}

static void alerts_of_a_boot_without_time_stay_and_are_known_as_such(void **state)
{
    struct fixture *f = *state;

    f->options.hour_us = US_PER_DAY;
    boot(f, "a", EPOCH_US);
    change(f, ALERT_RAISED, wall, wall);
    change(f, ALERT_CLEARED, wall, wall + 1);
    sql_write(f, "UPDATE alert_event SET published_at = 1");
    fixture_close(f);
    boot(f, "b", T0);
    maintain_all(f);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event WHERE run_id = 1"), 2);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert WHERE cleared_at < 1000000000"), 1);
    /* They age from when that was certain. */
    for (int hours = 0; hours < 60; hours++) {
        pass(US_PER_HOUR);
        maintain_all(f);
    }
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert"), 0);
}

static void set_sensor(struct fixture *f, double value)
{
    struct write_event e = {.time_us = wall, .value = value, .read_back = value};

    strcpy(e.sensor, "device/s1");
    strcpy(e.origin, "mqtt");
    assert_int_equal(store_note_writes(f->store, &e, 1), GW_OK);
}

static void commit_writes(struct fixture *f)
{
    assert_int_equal(store_append(f->store, NULL, 0, NULL), GW_OK);
}

static void sensors_set_before_the_time_is_known_get_it_later(void **state)
{
    struct fixture *f = *state;

    boot(f, "a", EPOCH_US);
    set_sensor(f, 1);
    commit_writes(f);
    assert_int_equal(sql_int(f, "SELECT time FROM write_event"), EPOCH_US);
    assert_int_equal(sql_int(f, "SELECT uptime FROM write_event WHERE run_id = 1"), mono);
    pass(4 * US_PER_SECOND);
    set_sensor(f, 2); /* the time comes before it is stored */
    pass(6 * US_PER_SECOND);
    set_clock(T0);
    maintain_all(f);
    commit_writes(f);
    set_sensor(f, 3);
    commit_writes(f);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM write_event WHERE uptime IS NOT NULL"), 0);
    assert_int_equal(sql_int(f, "SELECT time FROM write_event WHERE value = 1"),
                     T0 - 10 * US_PER_SECOND);
    assert_int_equal(sql_int(f, "SELECT time FROM write_event WHERE value = 2"),
                     T0 - 6 * US_PER_SECOND);
    assert_int_equal(sql_int(f, "SELECT time FROM write_event WHERE value = 3"), T0);
}

static void sensors_set_in_a_boot_without_time_age_from_when_that_was_certain(void **state)
{
    struct fixture *f = *state;

    f->options.hour_us = US_PER_DAY;
    boot(f, "a", EPOCH_US);
    set_sensor(f, 1);
    fixture_close(f);
    boot(f, "b", T0);
    maintain_all(f);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM write_event WHERE run_id = 1"), 1);
    for (int hours = 0; hours < 60; hours++) {
        pass(US_PER_HOUR);
        maintain_all(f);
    }
    assert_int_equal(sql_int(f, "SELECT count(*) FROM write_event"), 0);
}

static int setup(void **state)
{
    fixture_setup(state);
    struct fixture *f = *state;
    machine = (struct timesync){.keeps_time = true};
    f->options.timesync = look;
    f->options.earliest_us = EARLIEST;
    metric_set(METRIC_CLOCK_WAITING, 0);
    return 0;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(a_clock_that_is_set_makes_nothing_wait),
        T(readings_before_the_time_is_known_get_it_later),
        T(readings_that_were_under_way_when_the_time_came_are_dated_too),
        T(a_restart_while_waiting_loses_nothing),
        T(a_boot_without_time_keeps_its_readings_apart),
        T(a_clock_behind_the_database_is_not_believed_after_a_boot),
        T(a_clock_that_was_set_back_by_somebody_is_believed),
        T(a_machine_without_a_clock_waits_for_ten_minutes_at_most),
        T(a_reading_with_a_time_of_its_own_does_not_wait),
        T(no_reading_is_lost_because_its_time_is_taken),
        T(alerts_before_the_time_is_known_get_it_later),
        T(alerts_of_a_boot_without_time_stay_and_are_known_as_such),
        T(sensors_set_before_the_time_is_known_get_it_later),
        T(sensors_set_in_a_boot_without_time_age_from_when_that_was_certain),
    };
    return cmocka_run_group_tests_name("storage/undated", tests, NULL, NULL);
}
