/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/storage/fixture.h"

#include "storage/query.h"

struct seen {
    char text[1024];
    int64_t last_seq;
};

static bool see_outbox(void *arg, const struct outbox_row *row)
{
    struct seen *s = arg;
    size_t used = strlen(s->text);

    assert_true(row->seq > s->last_seq);
    s->last_seq = row->seq;
    snprintf(s->text + used, sizeof(s->text) - used, "%lld:%s:%s ", (long long)row->alert_id,
             row->state, row->sensor);
    return true;
}

static const char *outbox(struct query *q, struct seen *s)
{
    *s = (struct seen){0};
    assert_int_equal(query_outbox(q, 0, 100, see_outbox, s), GW_OK);
    return s->text;
}

static void raise_and_clear(struct fixture *f, int64_t id, uint32_t sensor, bool clear)
{
    struct record r = good(sensor, T0 + id, 81.5);

    r.changes = new_change(id, sensor, ALERT_RAISED, T0 + id);
    r.changes->since_us = T0 + id;
    if (clear)
        r.changes->next = new_change(id, sensor, ALERT_CLEARED, T0 + id + 1);
    append(f, &r, 1);
    alert_change_free(r.changes);
}

static void transitions_wait_in_the_outbox_until_they_are_done(void **state)
{
    struct fixture *f = *state;
    struct seen s;
    struct query *q;
    uint64_t depth;

    fixture_open(f);
    assert_int_equal(store_next_alert_id(f->store), 1);
    raise_and_clear(f, 1, 2, true);
    raise_and_clear(f, 2, 3, false);
    assert_int_equal(store_next_alert_id(f->store), 3);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    assert_string_equal(outbox(q, &s),
                        "1:raised:device/s2 1:cleared:device/s2 2:raised:device/s3 ");

    struct outbox_result done[] = {{1, true, 0, false}, {2, false, 0x87, false}};
    assert_int_equal(store_outbox_done(f->store, done, 2), GW_OK);
    assert_int_equal(store_append(f->store, NULL, 0, NULL), GW_OK);
    assert_string_equal(outbox(q, &s), "2:raised:device/s3 ");
    assert_int_equal(query_outbox_depth(q, &depth), GW_OK);
    assert_int_equal(depth, 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event WHERE published_at > 0"), 1);
    assert_int_equal(
        sql_int(f, "SELECT reason_code FROM alert_event WHERE failed_at > 0 AND seq = 2"), 0x87);
    /* Nothing to do is no transaction. */
    int64_t commits = sql_int(f, "SELECT commits FROM run");
    assert_int_equal(store_append(f->store, NULL, 0, NULL), GW_OK);
    assert_int_equal(sql_int(f, "SELECT commits FROM run"), commits);
    query_close(q);
}

static bool see_alert(void *arg, const struct alert_row *row)
{
    struct seen *s = arg;
    size_t used = strlen(s->text);

    assert_int_equal(strlen(row->instance), 8);
    snprintf(s->text + used, sizeof(s->text) - used, "%lld:%s:%s:%s:%d ", (long long)row->id,
             row->rule, row->severity, row->state, row->cleared_us != 0);
    return true;
}

static bool note_id(void *arg, const struct alert_row *row)
{
    char *ids = arg;

    snprintf(ids + strlen(ids), 64 - strlen(ids), "%lld ", (long long)row->id);
    return true;
}

static void alerts_are_listed_newest_first(void **state)
{
    struct fixture *f = *state;
    struct seen s = {0};
    struct query *q;

    fixture_open(f);
    raise_and_clear(f, 1, 2, true);
    raise_and_clear(f, 2, 3, false);
    raise_and_clear(f, 3, 4, true);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    assert_int_equal(query_alerts(q, &(struct alert_filter){.limit = 2}, see_alert, &s), GW_OK);
    assert_string_equal(s.text, "3:overheat:warning:cleared:1 2:overheat:warning:raised:0 ");
    s = (struct seen){0};
    assert_int_equal(query_alerts(q, &(struct alert_filter){.active = true}, see_alert, &s), GW_OK);
    assert_string_equal(s.text, "2:overheat:warning:raised:0 ");
    char text[512];
    assert_string_equal(sql_text(f,
                                 "SELECT id || sensor || rule || severity || state || value ||"
                                 " limit_value || unit || raised FROM active_alerts",
                                 text),
                        "2device/s3overheatwarningraised81.575.0°C2023-11-14T22:13:20.000Z");
    query_close(q);
}

static void alerts_are_found_by_time_rule_sensor_and_state(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *name;
        struct alert_filter filter;
        const char *ids;
    } cases[] = {
        {"all", {0}, "4 3 2 1 "},
        {"the newest two", {.limit = 2}, "4 3 "},
        {"active", {.active = true}, "2 "},
        {"one sensor", {.sensor = "device/s3"}, "2 "},
        {"sensors like", {.sensor = "*/s[45]"}, "4 3 "},
        {"sensors like, the newest", {.sensor = "*/s[245]", .limit = 1}, "4 "},
        {"a rule", {.rule = "over*"}, "4 3 2 1 "},
        {"no such rule", {.rule = "under*"}, ""},
        {"a state", {.state = "cleared"}, "4 3 1 "},
        {"a severity", {.severity = "critical"}, ""},
        /* Alert n lasts from T0 + n to T0 + n + 1; the second goes on. */
        {"raised before", {.until_us = T0 + 3}, "2 1 "},
        {"still there after", {.since_us = T0 + 4}, "4 3 2 "},
        {"over before", {.since_us = T0 + 6}, "2 "},
        {"a moment", {.since_us = T0 + 2, .until_us = T0 + 3}, "2 1 "},
    };
    struct query *q;

    fixture_open(f);
    for (int64_t id = 1; id <= 4; id++)
        raise_and_clear(f, id, (uint32_t)id + 1, id != 2);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char ids[64] = "";
        assert_int_equal(query_alerts(q, &cases[i].filter, note_id, ids), GW_OK);
        if (strcmp(ids, cases[i].ids) != 0)
            fail_msg("%s: %s", cases[i].name, ids);
    }
    query_close(q);
}

struct restored {
    struct alert_change change;
    char sensor[64];
    int count;
};

static void restore(void *arg, const struct alert_change *change, const char *sensor)
{
    struct restored *r = arg;

    r->change = *change;
    r->count++;
    snprintf(r->sensor, sizeof(r->sensor), "%s", sensor);
}

static void an_alert_of_a_sensor_that_is_gone_can_still_be_cleared(void **state)
{
    struct fixture *f = *state;
    struct restored got = {0};

    fixture_open(f);
    raise_and_clear(f, 1, 2, true);
    raise_and_clear(f, 2, 3, false);
    fixture_close(f);
    sensor_table_destroy(f->sensors);
    assert_int_equal(sensor_table_create(&f->sensors, 10), GW_OK);
    f->options.sensors = f->sensors;
    fixture_open(f);
    assert_int_equal(store_active_alerts(f->store, restore, &got), GW_OK);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.change.alert_id, 2);
    assert_int_equal(got.change.sensor, SENSOR_NONE);
    assert_int_equal(got.change.state, ALERT_RAISED);
    assert_int_equal(got.change.since_us, T0 + 2);
    assert_string_equal(got.change.rule, "overheat");
    assert_string_equal(got.sensor, "device/s3");

    struct record r = {.changes = new_change(2, SENSOR_NONE, ALERT_CLEARED, T0 + 100)};
    append(f, &r, 1);
    alert_change_free(r.changes);
    assert_int_equal(sql_int(f, "SELECT cleared_at FROM alert WHERE id = 2"), T0 + 100);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event WHERE alert_id = 2"), 2);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM active_alerts"), 0);
}

static void alert_ids_are_never_given_out_twice(void **state)
{
    struct fixture *f = *state;
    char text[512], instance[16];

    fixture_open(f);
    strcpy(instance, store_instance(f->store));
    raise_and_clear(f, store_next_alert_id(f->store), 2, true);
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(store_next_alert_id(f->store), 2);
    raise_and_clear(f, 2, 2, true);
    fixture_close(f);
    sql_write(f, "DELETE FROM alert; DELETE FROM alert_event");
    fixture_open(f);
    assert_int_equal(store_next_alert_id(f->store), 3);
    assert_string_equal(sql_text(f, "SELECT value FROM meta WHERE key = 'instance'", text),
                        instance);
    /* While running, the database keeps a distance to what may have been given out. */
    assert_true(sql_int(f, "SELECT value FROM meta WHERE key = 'next_alert_id'") > 3);
}

static enum gw_err append_change(struct fixture *f, struct alert_change change)
{
    struct record r = {.changes = &change};
    uint64_t duplicates;

    return store_append(f->store, &r, 1, &duplicates);
}

static struct alert_change a_change(int64_t id, enum alert_state state, int64_t after)
{
    struct alert_change c = {.alert_id = id,
                             .sensor = 2,
                             .state = (uint8_t)state,
                             .severity = SEVERITY_WARNING,
                             .reason = REASON_HIGH,
                             .since_us = T0,
                             .time_us = T0 + after,
                             .value = 81.5,
                             .limit = 75,
                             .rule = "overheat"};

    return c;
}

static void an_acknowledged_alert_stays_so_until_it_gets_worse(void **state)
{
    struct fixture *f = *state;
    struct restored got = {0};
    struct alert_change ack = a_change(1, ALERT_ACKNOWLEDGED, 10);
    char text[512];

    strcpy(ack.who, "ann");
    strcpy(ack.comment, "on my way");
    fixture_open(f);
    append_change(f, a_change(1, ALERT_RAISED, 0));
    append_change(f, ack);
    assert_string_equal(sql_text(f,
                                 "SELECT state || acknowledged_by || acknowledged_at || reason"
                                 " FROM alert",
                                 text),
                        "acknowledgedann1700000000000010high");
    assert_string_equal(
        sql_text(f, "SELECT who || comment FROM alert_event WHERE who IS NOT NULL", text),
        "annon my way");
    assert_string_equal(sql_text(f, "SELECT acknowledged_by FROM active_alerts", text), "ann");
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(store_active_alerts(f->store, restore, &got), GW_OK);
    assert_int_equal(got.change.state, ALERT_ACKNOWLEDGED);
    assert_int_equal(got.change.reason, REASON_HIGH);
    assert_int_equal(got.change.time_us, T0 + 10);
    assert_string_equal(got.change.who, "ann");
    append_change(f, a_change(1, ALERT_ESCALATED, 20));
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert WHERE acknowledged_at IS NULL AND"
                                " acknowledged_by IS NULL"),
                     1);
    assert_int_equal(store_active_alerts(f->store, restore, &got), GW_OK);
    assert_int_equal(got.change.state, ALERT_ESCALATED);
}

static void what_is_withheld_is_stored_and_not_in_the_outbox(void **state)
{
    struct fixture *f = *state;
    struct alert_change withheld = a_change(1, ALERT_RAISED, 0),
                        told = a_change(1, ALERT_RAISED, 5);
    struct restored got = {0};
    struct query *q;
    uint64_t depth = 9;
    struct seen s;

    withheld.withheld = ALERT_WITHHELD_SHELVED;
    fixture_open(f);
    append_change(f, withheld);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    assert_int_equal(query_outbox_depth(q, &depth), GW_OK);
    assert_int_equal(depth, 0);
    assert_string_equal(outbox(q, &s), "");
    assert_int_equal(store_active_alerts(f->store, restore, &got), GW_OK);
    assert_int_equal(got.change.time_us, 0); /* nobody was told */
    append_change(f, told);
    assert_string_equal(outbox(q, &s), "1:raised:device/s2 ");
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert"), 1);
    query_close(q);
}

static void reminders_and_summaries_are_events_only(void **state)
{
    struct fixture *f = *state;
    struct alert_change reminder = a_change(1, ALERT_RAISED, 60);
    struct alert_change summary = a_change(1, ALERT_LIMITED, 70);
    struct restored got = {0};

    reminder.repeat = 1;
    fixture_open(f);
    append_change(f, a_change(1, ALERT_RAISED, 0));
    append_change(f, reminder);
    append_change(f, summary);
    assert_int_equal(sql_int(f, "SELECT changed_at FROM alert"), T0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert WHERE state = 'raised'"), 1);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event"), 3);
    assert_int_equal(store_active_alerts(f->store, restore, &got), GW_OK);
    assert_int_equal(got.change.time_us, T0 + 60);
    assert_int_equal(got.change.repeat, 1);
}

static void a_shelf_is_kept_until_it_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct alert_change put = a_change(0, ALERT_SHELVED, 0), drop = a_change(0, ALERT_CLEARED, 9);
    struct restored got = {0};

    put.shelf = SHELF_PUT;
    put.until_us = T0 + 100;
    strcpy(put.who, "ann");
    drop.shelf = SHELF_DROP;
    fixture_open(f);
    append_change(f, put);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert"), 0);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event"), 0);
    fixture_close(f);
    fixture_open(f);
    assert_int_equal(store_shelves(f->store, restore, &got), GW_OK);
    assert_int_equal(got.count, 1);
    assert_int_equal(got.change.until_us, T0 + 100);
    assert_int_equal(got.change.time_us, T0);
    assert_string_equal(got.sensor, "device/s2");
    assert_string_equal(got.change.rule, "overheat");
    assert_string_equal(got.change.who, "ann");
    append_change(f, drop);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_shelf"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(transitions_wait_in_the_outbox_until_they_are_done),
        T(alerts_are_listed_newest_first),
        T(alerts_are_found_by_time_rule_sensor_and_state),
        T(an_alert_of_a_sensor_that_is_gone_can_still_be_cleared),
        T(alert_ids_are_never_given_out_twice),
        T(an_acknowledged_alert_stays_so_until_it_gets_worse),
        T(what_is_withheld_is_stored_and_not_in_the_outbox),
        T(reminders_and_summaries_are_events_only),
        T(a_shelf_is_kept_until_it_is_dropped),
    };
    return cmocka_run_group_tests_name("storage/alerts", tests, NULL, NULL);
}
