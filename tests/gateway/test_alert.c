/* SPDX-License-Identifier: Apache-2.0 */
/* The alert book: rules bound to sensors, ids, and what a restart takes over. */
#include "tests/gateway/alert_fixture.h"

static char all[] = "*", boilers[] = "boiler/*", hot[] = "hot", silent[] = "silent",
            greenhouse[] = "greenhouse";

static struct rule_config rules[] = {
    {.name = hot,
     .sensor = boilers,
     .kind = RULE_LEVEL,
     .high = {NONE, 80, 90},
     .low = {NONE, NONE, NONE},
     .rate = {NONE, NONE, NONE},
     .hysteresis = 2},
    {.name = silent,
     .sensor = all,
     .kind = RULE_STALE,
     .high = {NONE, NONE, NONE},
     .low = {NONE, NONE, NONE},
     .rate = {NONE, NONE, NONE},
     .stale_us = 60 * US_PER_SECOND,
     .severity = SEVERITY_WARNING},
};
static const struct driver_schema pushed = {.name = "mqtt", .wildcard_names = true};
static char made[] = "greenhouse/{1}";
static struct sensor_config made_sensors[] = {{.name = made, .index = SENSOR_NONE}};
static struct device_config made_devices[] = {{.sensors = made_sensors, .sensor_count = 1}};
static struct source_config sources[] = {
    {.name = greenhouse, .schema = &pushed, .devices = made_devices, .device_count = 1}};
static const struct config config = {
    .rules = rules, .rule_count = 2, .sources = sources, .source_count = 1};

static int setup(void **state)
{
    static struct book b;

    book_open(&b, &config, 4);
    *state = &b;
    return 0;
}

static void a_rule_watches_the_sensors_of_its_glob_only(void **state)
{
    struct book *b = *state;

    assert_null(read_value(b, 1, 1, 200)); /* attic is no boiler */
    struct alert_change *c = read_value(b, 0, 1, 85);
    assert_non_null(c);
    assert_null(c->next);
    assert_int_equal(c->state, ALERT_RAISED);
    assert_int_equal(c->severity, SEVERITY_WARNING);
    assert_int_equal(c->sensor, 0);
    assert_string_equal(c->rule, "hot");
    assert_true(c->value == 85 && c->limit == 80);
    assert_int_equal(alert_book_active(b->alerts), 1);
    alert_change_free(c);
}

static void an_excursion_keeps_its_id_and_the_next_gets_another(void **state)
{
    struct book *b = *state;
    struct alert_change *raised = read_value(b, 0, 1, 85);
    struct alert_change *escalated = read_value(b, 0, 2, 95);
    struct alert_change *cleared = read_value(b, 0, 3, 70);
    struct alert_change *again = read_value(b, 0, 4, 85);

    assert_int_equal(raised->alert_id, 100);
    assert_int_equal(escalated->alert_id, 100);
    assert_int_equal(escalated->state, ALERT_ESCALATED);
    assert_int_equal(escalated->severity, SEVERITY_CRITICAL);
    assert_int_equal(cleared->alert_id, 100);
    assert_int_equal(cleared->state, ALERT_CLEARED);
    assert_int_equal(cleared->since_us, raised->time_us);
    assert_int_equal(again->alert_id, 101);
    assert_int_equal(alert_book_active(b->alerts), 1);
    alert_change_free(raised);
    alert_change_free(escalated);
    alert_change_free(cleared);
    alert_change_free(again);
}

static void one_reading_can_end_one_alert_and_begin_another(void **state)
{
    struct book *b = *state;
    struct alert_change *quiet = tick(b, 0, 61);

    assert_non_null(quiet); /* boiler/flow was never seen */
    assert_string_equal(quiet->rule, "silent");
    struct alert_change *both = read_value(b, 0, 62, 85);
    assert_non_null(both);
    assert_string_equal(both->rule, "hot");
    assert_int_equal(both->state, ALERT_RAISED);
    assert_non_null(both->next);
    assert_string_equal(both->next->rule, "silent");
    assert_int_equal(both->next->state, ALERT_CLEARED);
    assert_int_equal(both->next->alert_id, quiet->alert_id);
    alert_change_free(quiet);
    alert_change_free(both);
}

static void a_tick_touches_its_own_lane_only(void **state)
{
    struct book *b = *state;
    struct alert_change *first = tick(b, 0, 61), *second = tick(b, 1, 61);

    assert_int_equal(first->sensor, 0);
    assert_null(first->next);
    assert_int_equal(second->sensor, 1);
    assert_null(second->next);
    assert_null(tick(b, 0, 100)); /* once is enough */
    alert_change_free(first);
    alert_change_free(second);
}

static void a_sensor_that_appears_later_is_watched_too(void **state)
{
    struct book *b = *state;
    uint32_t late = add(b->sensors, "boiler/return");
    struct alert_change *c = read_value(b, late, 1, 99);

    assert_non_null(c);
    assert_int_equal(c->severity, SEVERITY_CRITICAL);
    assert_int_equal(c->sensor, late);
    alert_change_free(c);
}

static struct alert_change active_change(const char *rule)
{
    struct alert_change c = {.alert_id = 42,
                             .state = ALERT_RAISED,
                             .severity = SEVERITY_WARNING,
                             .since_us = START_US - US_PER_HOUR,
                             .time_us = START_US - US_PER_HOUR,
                             .limit = 80,
                             .value = 85,
                             .sensor = SENSOR_NONE};

    strcpy(c.rule, rule);
    return c;
}

static void an_alert_of_the_last_run_is_not_raised_again(void **state)
{
    struct book *b = *state;
    struct alert_change before = active_change("hot");

    assert_int_equal(alert_book_restore(b->alerts, &before, "boiler/flow", START_US, START_US),
                     GW_OK);
    assert_int_equal(alert_book_active(b->alerts), 1);
    assert_null(read_value(b, 0, 1, 85));
    struct alert_change *cleared = read_value(b, 0, 2, 70);
    assert_int_equal(cleared->state, ALERT_CLEARED);
    assert_int_equal(cleared->alert_id, 42);
    assert_int_equal(cleared->since_us, before.since_us);
    assert_int_equal(alert_book_active(b->alerts), 0);
    alert_change_free(cleared);
}

static void an_alert_of_a_sensor_that_is_not_back_yet_waits_for_it(void **state)
{
    struct book *b = *state;
    struct alert_change before = active_change("silent");

    assert_int_equal(
        alert_book_restore(b->alerts, &before, "greenhouse/3/humidity", START_US, START_US), GW_OK);
    uint32_t late = add(b->sensors, "greenhouse/3/humidity");
    struct alert_change *cleared = read_value(b, late, 1, 50);
    assert_non_null(cleared);
    assert_int_equal(cleared->state, ALERT_CLEARED);
    assert_int_equal(cleared->alert_id, 42);
    alert_change_free(cleared);
}

static void an_alert_that_nothing_watches_any_more_is_given_back(void **state)
{
    struct book *b = *state;
    struct alert_change renamed = active_change("too_hot"), gone = active_change("hot");

    assert_int_equal(alert_book_restore(b->alerts, &renamed, "boiler/flow", START_US, START_US),
                     GW_ENOENT);
    assert_int_equal(alert_book_restore(b->alerts, &gone, "boiler/removed", START_US, START_US),
                     GW_ENOENT);
    assert_int_equal(alert_book_restore(b->alerts, &gone, "attic/temp", START_US, START_US),
                     GW_ENOENT);
    assert_int_equal(alert_book_active(b->alerts), 0);
}

/* --- what people order --- */

static struct alert_command command(enum alert_verb verb, double seconds)
{
    return (struct alert_command){.verb = verb,
                                  .sensor = "boiler/flow",
                                  .rule = "hot",
                                  .shelve_us = (int64_t)(seconds * 1e6),
                                  .who = "ann",
                                  .comment = "on my way"};
}

/* Orders it, and lets the lane's worker come by. */
static struct alert_change *order(struct book *b, enum alert_verb verb, double seconds, double at)
{
    struct alert_command c = command(verb, seconds);

    assert_int_equal(alert_book_command(b->alerts, &c, 0, NULL), GW_OK);
    return tick(b, 0, at);
}

static void check_change(struct alert_change *c, enum alert_state state,
                         enum alert_withheld withheld)
{
    assert_non_null(c);
    assert_int_equal(c->state, state);
    assert_int_equal(c->withheld, withheld);
    assert_null(c->next);
    alert_change_free(c);
}

static void an_acknowledged_alert_is_so_until_it_gets_worse(void **state)
{
    struct book *b = *state;

    check_change(read_value(b, 0, 1, 85), ALERT_RAISED, ALERT_TOLD);
    struct alert_change *c = order(b, ALERT_ACKNOWLEDGE, 0, 2);
    assert_int_equal(c->alert_id, 100);
    assert_int_equal(c->time_us, START_US + 2 * US_PER_SECOND);
    assert_true(c->value == 85 && c->limit == 80);
    assert_string_equal(c->who, "ann");
    assert_string_equal(c->comment, "on my way");
    check_change(c, ALERT_ACKNOWLEDGED, ALERT_TOLD);
    assert_null(order(b, ALERT_ACKNOWLEDGE, 0, 3)); /* it is already */
    check_change(read_value(b, 0, 4, 95), ALERT_ESCALATED, ALERT_TOLD);
    check_change(order(b, ALERT_ACKNOWLEDGE, 0, 5), ALERT_ACKNOWLEDGED, ALERT_TOLD);
    check_change(read_value(b, 0, 6, 70), ALERT_CLEARED, ALERT_TOLD);
    check_change(read_value(b, 0, 7, 85), ALERT_RAISED, ALERT_TOLD); /* the next is new */
    check_change(order(b, ALERT_ACKNOWLEDGE, 0, 8), ALERT_ACKNOWLEDGED, ALERT_TOLD);
}

static void what_is_shelved_is_told_when_its_time_is_over(void **state)
{
    struct book *b = *state;
    struct alert_change *c = order(b, ALERT_SHELVE, 50, 1);

    assert_int_equal(c->alert_id, 0); /* nothing is active: only the shelf is stored */
    assert_int_equal(c->shelf, SHELF_PUT);
    assert_int_equal(c->until_us, START_US + 51 * US_PER_SECOND);
    alert_change_free(c);
    check_change(read_value(b, 0, 2, 85), ALERT_RAISED, ALERT_WITHHELD_SHELVED);
    check_change(read_value(b, 0, 3, 95), ALERT_ESCALATED, ALERT_WITHHELD_SHELVED);
    assert_int_equal(alert_book_active(b->alerts), 1);
    assert_null(tick(b, 0, 50));
    c = tick(b, 0, 51);
    assert_int_equal(c->shelf, SHELF_DROP);
    assert_int_equal(c->severity, SEVERITY_CRITICAL);
    check_change(c, ALERT_ESCALATED, ALERT_TOLD);
    assert_int_equal(alert_book_active(b->alerts), 1);
    check_change(read_value(b, 0, 52, 70), ALERT_CLEARED, ALERT_TOLD);
}

static void shelving_an_active_alert_is_told_and_so_is_its_end(void **state)
{
    struct book *b = *state;

    check_change(read_value(b, 0, 1, 85), ALERT_RAISED, ALERT_TOLD);
    struct alert_change *c = order(b, ALERT_SHELVE, 50, 2);
    assert_int_equal(c->shelf, SHELF_PUT);
    assert_int_equal(c->alert_id, 100);
    check_change(c, ALERT_SHELVED, ALERT_TOLD);
    c = order(b, ALERT_UNSHELVE, 0, 10);
    assert_int_equal(c->shelf, SHELF_DROP);
    check_change(c, ALERT_RAISED, ALERT_TOLD);
    assert_int_equal(alert_book_active(b->alerts), 1);
}

static void a_shelf_that_ends_without_an_alert_is_forgotten(void **state)
{
    struct book *b = *state;

    alert_change_free(order(b, ALERT_SHELVE, 50, 1));
    struct alert_change *c = tick(b, 0, 51);
    assert_int_equal(c->alert_id, 0);
    assert_int_equal(c->shelf, SHELF_DROP);
    alert_change_free(c);
    assert_null(tick(b, 0, 52));
    check_change(read_value(b, 0, 53, 85), ALERT_RAISED, ALERT_TOLD);
}

static void orders_for_what_is_not_there_are_refused(void **state)
{
    struct book *b = *state;
    char why[ORDER_WHY_SIZE];
    struct alert_command c = command(ALERT_ACKNOWLEDGE, 0);

    c.sensor = "boiler/flwo";
    assert_int_equal(alert_book_command(b->alerts, &c, 0, why), GW_ENOENT);
    assert_string_equal(why, "there is no sensor of that name");
    c = command(ALERT_ACKNOWLEDGE, 0);
    c.rule = "hto";
    assert_int_equal(alert_book_command(b->alerts, &c, 0, why), GW_ENOENT);
    assert_string_equal(why, "no rule \"hto\" watches that sensor");
    c = command(ALERT_SHELVE, 0);
    assert_int_equal(alert_book_command(b->alerts, &c, 0, why), GW_EINVAL);
    c = command(ALERT_SHELVE, 2 * 365 * 86400.0);
    assert_int_equal(alert_book_command(b->alerts, &c, 0, why), GW_EINVAL);
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    assert_null(order(b, ALERT_ACKNOWLEDGE, 0, 1));
    assert_null(order(b, ALERT_UNSHELVE, 0, 2));
}

static void people_s_marks_outlive_a_restart(void **state)
{
    struct book *b = *state;
    struct alert_change before = active_change("hot");
    struct alert_change shelf = {.shelf = SHELF_PUT,
                                 .time_us = START_US - 10 * US_PER_SECOND,
                                 .until_us = START_US + 50 * US_PER_SECOND};

    before.state = ALERT_ACKNOWLEDGED;
    strcpy(before.who, "ann");
    strcpy(shelf.rule, "hot");
    assert_int_equal(alert_book_restore(b->alerts, &before, "boiler/flow", START_US, START_US),
                     GW_OK);
    assert_int_equal(alert_book_restore(b->alerts, &shelf, "boiler/flow", START_US, START_US),
                     GW_OK);
    assert_int_equal(alert_book_active(b->alerts), 1);
    assert_null(order(b, ALERT_ACKNOWLEDGE, 0, 1)); /* it is */
    assert_null(tick(b, 0, 49));
    struct alert_change *c = tick(b, 0, 50);
    assert_string_equal(c->who, "ann");
    check_change(c, ALERT_ACKNOWLEDGED, ALERT_TOLD);
}

/* The clock of a Pi may stand at 1970 when it starts. */
static void a_shelf_is_never_longer_than_it_was(void **state)
{
    struct book *b = *state;
    struct alert_change shelf = {
        .shelf = SHELF_PUT, .time_us = START_US, .until_us = START_US + 50 * US_PER_SECOND};

    strcpy(shelf.rule, "hot");
    assert_int_equal(alert_book_restore(b->alerts, &shelf, "boiler/flow", START_US, 0), GW_OK);
    struct alert_change *c = tick(b, 0, 50);
    assert_non_null(c);
    alert_change_free(c);
}

static void limits_of_a_sensor_can_be_drawn(void **state)
{
    struct alert_limit limits[4];

    (void)state;
    assert_int_equal(alert_limits(&config, "boiler/flow", limits, 4), 2);
    assert_string_equal(limits[0].rule, "hot");
    assert_true(limits[0].value == 80 && limits[0].severity == SEVERITY_WARNING);
    assert_true(limits[1].value == 90 && limits[1].severity == SEVERITY_CRITICAL);
    assert_false(limits[1].is_low);
    assert_int_equal(alert_limits(&config, "boiler/flow", limits, 1), 2);
    assert_int_equal(alert_limits(&config, "attic/temp", limits, 4), 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_rule_watches_the_sensors_of_its_glob_only),
        TEST(an_excursion_keeps_its_id_and_the_next_gets_another),
        TEST(one_reading_can_end_one_alert_and_begin_another),
        TEST(a_tick_touches_its_own_lane_only),
        TEST(a_sensor_that_appears_later_is_watched_too),
        TEST(an_alert_of_the_last_run_is_not_raised_again),
        TEST(an_alert_of_a_sensor_that_is_not_back_yet_waits_for_it),
        TEST(an_alert_that_nothing_watches_any_more_is_given_back),
        TEST(an_acknowledged_alert_is_so_until_it_gets_worse),
        TEST(what_is_shelved_is_told_when_its_time_is_over),
        TEST(shelving_an_active_alert_is_told_and_so_is_its_end),
        TEST(a_shelf_that_ends_without_an_alert_is_forgotten),
        TEST(orders_for_what_is_not_there_are_refused),
        TEST(people_s_marks_outlive_a_restart),
        TEST(a_shelf_is_never_longer_than_it_was),
        TEST(limits_of_a_sensor_can_be_drawn),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
