/* SPDX-License-Identifier: Apache-2.0 */
/* A reload's rules take the place of those in force: what goes on, what is judged anew, what ends.
 */
#include "config/expr.h"
#include "tests/gateway/alert_fixture.h"

static char boilers[] = "boiler/*", hot[] = "hot", other[] = "other", silent[] = "silent",
            attic[] = "attic/*", made[] = "garden/{1}", all_made[] = "garden/*",
            garden[] = "garden";
static struct sensor_config made_sensors[] = {{.name = made, .index = SENSOR_NONE}};
static struct device_config made_devices[] = {{.sensors = made_sensors, .sensor_count = 1}};
static const struct driver_schema pushed = {.name = "mqtt", .wildcard_names = true};
static struct source_config sources[] = {
    {.name = garden, .schema = &pushed, .devices = made_devices, .device_count = 1}};

static struct rule_config level(char *name, char *glob, double warning, double critical)
{
    return (struct rule_config){.name = name,
                                .sensor = glob,
                                .kind = RULE_LEVEL,
                                .high = {NONE, warning, critical},
                                .low = {NONE, NONE, NONE},
                                .rate = {NONE, NONE, NONE},
                                .hysteresis = 2};
}

static struct rule_config stale(char *name, char *glob, double seconds)
{
    return (struct rule_config){.name = name,
                                .sensor = glob,
                                .kind = RULE_STALE,
                                .high = {NONE, NONE, NONE},
                                .low = {NONE, NONE, NONE},
                                .rate = {NONE, NONE, NONE},
                                .stale_us = (int64_t)(seconds * 1e6),
                                .severity = SEVERITY_WARNING};
}

/* Two configurations: the present one, and the one that a test makes of it. */
static struct rule_config rules[2][3];
static struct config config[2];

static void start_again(struct book *b)
{
    alert_book_destroy(b->alerts);
    book_begin(b, &config[0]);
}

/* Sensor 0 is watched by "hot" (80, 90), 1 by no rule. */
static int setup(void **state)
{
    static struct book b;

    memset(rules, 0, sizeof(rules));
    rules[0][0] = rules[1][0] = level(hot, boilers, 80, 90);
    for (size_t i = 0; i < 2; i++)
        config[i] = (struct config){
            .rules = rules[i], .rule_count = 1, .sources = sources, .source_count = 1};
    book_open(&b, &config[0], 8);
    *state = &b;
    return 0;
}

/* The second configuration comes into force, in lane 0 first; what that tells of its sensors. */
static struct alert_change *rebind(struct book *b, double at)
{
    assert_int_equal(alert_book_rebind(b->alerts, &config[1], 0), GW_ETIMEDOUT);
    assert_true(alert_book_rebinds(b->alerts, 0) && alert_book_rebinds(b->alerts, 1));
    struct alert_change *changes = tick(b, 0, at);
    assert_false(alert_book_rebinds(b->alerts, 0));
    assert_null(tick(b, 1, at));
    return changes;
}

static void check(struct alert_change *c, enum alert_state state, int64_t id)
{
    assert_non_null(c);
    assert_int_equal(c->state, state);
    assert_int_equal(c->alert_id, id);
    assert_null(c->next);
    alert_change_free(c);
}

static void the_same_rules_notice_nothing(void **state)
{
    struct book *b = *state;

    check(read_value(b, 0, 1, 85), ALERT_RAISED, 100);
    assert_null(rebind(b, 2));
    assert_null(read_value(b, 0, 3, 86));
    assert_int_equal(alert_book_active(b->alerts), 1);
    check(read_value(b, 0, 4, 70), ALERT_CLEARED, 100);
}

static void what_was_crossed_goes_on_to_mature(void **state)
{
    struct book *b = *state;

    rules[0][0].for_us = rules[1][0].for_us = 60 * US_PER_SECOND;
    assert_null(read_value(b, 0, 1, 85));
    assert_null(rebind(b, 50));
    check(tick(b, 0, 61), ALERT_RAISED, 100);
}

static void a_shorter_for_counts_from_when_it_was_crossed(void **state)
{
    struct book *b = *state;

    rules[0][0].for_us = 3600 * US_PER_SECOND;
    rules[1][0].for_us = 60 * US_PER_SECOND;
    assert_null(read_value(b, 0, 1, 85));
    check(rebind(b, 100), ALERT_RAISED, 100);
}

static void a_lower_limit_judges_the_last_value_at_once(void **state)
{
    struct book *b = *state;

    rules[1][0].high[SEVERITY_WARNING] = 60;
    assert_null(read_value(b, 0, 1, 70));
    struct alert_change *c = rebind(b, 5);
    assert_true(c && c->value == 70 && c->limit == 60);
    assert_int_equal(c->time_us, START_US + 5 * US_PER_SECOND);
    check(c, ALERT_RAISED, 100);
}

static void a_higher_limit_ends_the_alert_at_once(void **state)
{
    struct book *b = *state;

    rules[1][0].high[SEVERITY_WARNING] = 88;
    check(read_value(b, 0, 1, 85), ALERT_RAISED, 100);
    check(rebind(b, 2), ALERT_CLEARED, 100);
    assert_int_equal(alert_book_active(b->alerts), 0);
    check(read_value(b, 0, 3, 89), ALERT_RAISED, 101);
}

static void an_alert_that_is_still_one_keeps_its_id_and_marks(void **state)
{
    struct book *b = *state;
    const struct alert_command ack = {
        .verb = ALERT_ACKNOWLEDGE, .sensor = "boiler/flow", .rule = hot, .who = "ann"};

    rules[1][0].high[SEVERITY_WARNING] = 75;
    rules[1][0].repeat_us = US_PER_SECOND; /* which would remind, were it not acknowledged */
    check(read_value(b, 0, 1, 85), ALERT_RAISED, 100);
    assert_int_equal(alert_book_command(b->alerts, &ack, 0, NULL), GW_OK);
    check(tick(b, 0, 2), ALERT_ACKNOWLEDGED, 100);
    assert_null(rebind(b, 10));
    assert_null(tick(b, 0, 20));
    assert_null(read_value(b, 0, 21, 76)); /* within the new hysteresis */
    check(read_value(b, 0, 22, 70), ALERT_CLEARED, 100);
}

static void a_removed_rule_s_alert_is_cleared_and_says_why(void **state)
{
    struct book *b = *state;

    config[1].rule_count = 0;
    check(read_value(b, 0, 1, 85), ALERT_RAISED, 100);
    struct alert_change *c = rebind(b, 2);
    assert_non_null(c);
    assert_string_equal(c->comment, ALERT_UNWATCHED);
    assert_int_equal(c->withheld, ALERT_TOLD);
    check(c, ALERT_CLEARED, 100);
    assert_int_equal(alert_book_active(b->alerts), 0);
    assert_null(read_value(b, 0, 3, 95));
}

static void a_rule_that_leaves_the_sensor_is_removed_from_it(void **state)
{
    struct book *b = *state;

    rules[1][0].sensor = attic;
    check(read_value(b, 0, 1, 85), ALERT_RAISED, 100);
    check(rebind(b, 2), ALERT_CLEARED, 100);
    check(read_value(b, 1, 3, 85), ALERT_RAISED, 101);
}

static void another_kind_of_the_same_name_is_another_rule(void **state)
{
    struct book *b = *state;

    rules[1][0] = stale(hot, boilers, 60);
    check(read_value(b, 0, 1, 85), ALERT_RAISED, 100);
    check(rebind(b, 2), ALERT_CLEARED, 100);
    assert_null(tick(b, 0, 60));
    struct alert_change *c = tick(b, 0, 61); /* it was seen at 1 s: silent, not never seen */
    assert_true(c && c->reason == REASON_SILENT);
    check(c, ALERT_RAISED, 101);
}

static void a_longer_silence_that_is_allowed_ends_its_alert(void **state)
{
    struct book *b = *state;

    rules[0][0] = stale(silent, boilers, 60);
    rules[1][0] = stale(silent, boilers, 600);
    start_again(b);
    check(tick(b, 0, 61), ALERT_RAISED, 100);
    check(rebind(b, 100), ALERT_CLEARED, 100);
    assert_null(tick(b, 0, 599));
    check(tick(b, 0, 600), ALERT_RAISED, 101);
}

static void a_sensor_that_is_gone_leaves_no_alert(void **state)
{
    struct book *b = *state;
    struct sensor s = *sensor_table_get(b->sensors, 0);
    uint32_t index;

    check(read_value(b, 0, 1, 85), ALERT_RAISED, 100);
    s.gone = true;
    assert_int_equal(sensor_table_put(b->sensors, &s, &index), GW_OK);
    check(rebind(b, 2), ALERT_CLEARED, 100);
    assert_null(read_value(b, 0, 3, 95)); /* was under way */
}

static void a_new_sensor_is_watched_from_then_on(void **state)
{
    struct book *b = *state;

    rules[1][1] = stale(silent, boilers, 60);
    config[1].rule_count = 2;
    assert_null(read_value(b, 0, 1, 50));
    add(b->sensors, "boiler/return"); /* 2, in lane 0 */
    assert_null(rebind(b, 30));
    check(tick(b, 0, 62), ALERT_RAISED, 100); /* boiler/flow, since 1 s */
    struct alert_change *c = tick(b, 0, 91);
    assert_true(c && c->sensor == 2 && c->reason == REASON_NEVER_SEEN);
    check(c, ALERT_RAISED, 101);
}

static void a_shelf_survives_unless_its_rule_goes(void **state)
{
    struct book *b = *state;
    const struct alert_command shelve = {
        .verb = ALERT_SHELVE, .sensor = "boiler/flow", .rule = hot, .shelve_us = INT64_C(1) << 40};

    assert_int_equal(alert_book_command(b->alerts, &shelve, 0, NULL), GW_OK);
    check(tick(b, 0, 1), ALERT_SHELVED, 0);
    rules[1][0].high[SEVERITY_WARNING] = 70;
    assert_null(rebind(b, 2));
    struct alert_change *c = read_value(b, 0, 3, 75);
    assert_true(c && c->withheld == ALERT_WITHHELD_SHELVED);
    check(c, ALERT_RAISED, 100);
    config[1].rule_count = 0;
    c = rebind(b, 4);
    assert_true(c && c->shelf == SHELF_DROP && c->withheld == ALERT_WITHHELD_SHELVED);
    check(c, ALERT_CLEARED, 100);
}

static void an_alert_that_waits_for_its_sensor_is_cleared_when_nothing_watches_it(void **state)
{
    struct book *b = *state;
    struct alert_change before = {.alert_id = 42,
                                  .severity = SEVERITY_WARNING,
                                  .state = ALERT_RAISED,
                                  .sensor = SENSOR_NONE,
                                  .value = 85};

    rules[0][1] = rules[1][1] = level(other, all_made, 80, 90);
    config[0].rule_count = config[1].rule_count = 2;
    start_again(b);
    strcpy(before.rule, other);
    assert_int_equal(alert_book_restore(b->alerts, &before, "garden/3", START_US, START_US), GW_OK);
    assert_null(rebind(b, 1));
    assert_int_equal(alert_book_active(b->alerts), 1);
    config[1].rule_count = 1;
    check(rebind(b, 2), ALERT_CLEARED, 42);
    assert_null(rebind(b, 3)); /* once */
    assert_int_equal(alert_book_active(b->alerts), 0);
}

/* "boiler/flow" in lane 0, which judges, "attic/temp" in lane 1. */
static void an_expression_keeps_its_inputs_and_what_was_crossed(void **state)
{
    struct book *b = *state;
    static char text[] = "\"boiler/flow\" - \"attic/temp\" > 50", sensor[] = "boiler/flow";
    const char *why;
    size_t column;
    static struct expr expr;
    struct rule_config rule = {.name = hot,
                               .sensor = sensor,
                               .kind = RULE_EXPRESSION,
                               .expression = text,
                               .high = {NONE, NONE, NONE},
                               .low = {NONE, NONE, NONE},
                               .rate = {NONE, NONE, NONE},
                               .max_age_us = 600 * US_PER_SECOND,
                               .for_us = 60 * US_PER_SECOND,
                               .severity = SEVERITY_WARNING};

    assert_true(expr_parse(text, &expr, &column, &why));
    rule.expr = &expr;
    rules[0][0] = rules[1][0] = rule;
    start_again(b);
    assert_null(read_value(b, 1, 1, 10));
    assert_null(read_value(b, 0, 1, 80));
    assert_int_equal(alert_book_rebind(b->alerts, &config[1], 0), GW_ETIMEDOUT);
    assert_null(tick(b, 0, 20)); /* the judging lane has moved, the other has not */
    assert_null(read_value(b, 1, 21, 12));
    assert_null(tick(b, 0, 22));
    assert_null(tick(b, 1, 23));
    assert_null(tick(b, 0, 60));
    check(tick(b, 0, 61), ALERT_RAISED, 100);
    assert_null(read_value(b, 1, 62, 40));
    check(tick(b, 0, 63), ALERT_CLEARED, 100);
}

static void a_second_reload_may_come_before_the_first_is_taken_over(void **state)
{
    struct book *b = *state;
    static struct config last; /* the book keeps it until its end */

    last = config[0];
    check(read_value(b, 0, 1, 85), ALERT_RAISED, 100);
    config[1].rule_count = 0;
    assert_int_equal(alert_book_rebind(b->alerts, &config[1], 0), GW_ETIMEDOUT);
    assert_int_equal(alert_book_rebind(b->alerts, &last, 0), GW_ETIMEDOUT);
    assert_null(tick(b, 0, 2)); /* it was never without the rule */
    assert_int_equal(alert_book_active(b->alerts), 1);
    assert_null(tick(b, 1, 2));
    check(read_value(b, 0, 3, 70), ALERT_CLEARED, 100);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_same_rules_notice_nothing),
        TEST(what_was_crossed_goes_on_to_mature),
        TEST(a_shorter_for_counts_from_when_it_was_crossed),
        TEST(a_lower_limit_judges_the_last_value_at_once),
        TEST(a_higher_limit_ends_the_alert_at_once),
        TEST(an_alert_that_is_still_one_keeps_its_id_and_marks),
        TEST(a_removed_rule_s_alert_is_cleared_and_says_why),
        TEST(a_rule_that_leaves_the_sensor_is_removed_from_it),
        TEST(another_kind_of_the_same_name_is_another_rule),
        TEST(a_longer_silence_that_is_allowed_ends_its_alert),
        TEST(a_sensor_that_is_gone_leaves_no_alert),
        TEST(a_new_sensor_is_watched_from_then_on),
        TEST(a_shelf_survives_unless_its_rule_goes),
        TEST(an_alert_that_waits_for_its_sensor_is_cleared_when_nothing_watches_it),
        TEST(an_expression_keeps_its_inputs_and_what_was_crossed),
        TEST(a_second_reload_may_come_before_the_first_is_taken_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
