/* SPDX-License-Identifier: Apache-2.0 */
/* What is sent again after the broker refused it, against a real store and a broker that is played.
 */
#include "gateway/amend.h"
#include "gateway/outbox.h"

#include "tests/storage/fixture.h"

#define HOUR US_PER_HOUR
#define LOST (-1)

static char prefix[] = "gw", gateway_name[] = "test";
static const struct config config = {
    .mqtt = {.prefix = prefix}, .gateway = {.name = gateway_name}, .storage = {.flush_us = 1}};

struct broker {
    struct amend *amend;
    struct query *query;
    char topic[128], text[512]; /* sent last */
    int sent, noted;
    int64_t noted_seq;
    bool is_full;
};

static bool on_send(void *arg, const char *topic, char *text, int64_t seq)
{
    struct broker *b = arg;

    (void)seq;
    snprintf(b->topic, sizeof(b->topic), "%s", topic);
    snprintf(b->text, sizeof(b->text), "%s", text);
    free(text);
    b->sent += !b->is_full;
    return !b->is_full;
}

static enum gw_err on_done(void *arg, const struct outbox_result *result)
{
    struct broker *b = arg;

    assert_true(result->delivered && result->amends);
    b->noted++;
    b->noted_seq = result->seq;
    return GW_OK;
}

/* Events 1 to 3: of one alert raised and cleared, the end refused; of another rule raised, refused.
 */
static void begin(struct fixture *f, struct broker *b)
{
    *b = (struct broker){0};
    fixture_open(f);
    sql_write(f,
              "INSERT INTO alert (id, sensor_id, rule, severity, state, raised_at, changed_at)"
              " VALUES (1, 1, 'hot', 'warning', 'cleared', 1, 2), (2, 1, 'wet', 'critical',"
              " 'raised', 3, 3);"
              "INSERT INTO alert_event (alert_id, time, state, severity, published_at, failed_at,"
              " reason_code) VALUES (1, 1, 'raised', 'warning', 1, NULL, 0),"
              " (1, 2, 'cleared', 'warning', NULL, 2, 149), (2, 3, 'raised', 'critical', NULL, 3,"
              " 149)");
    assert_int_equal(query_open(&b->query, f->path), GW_OK);
    b->amend =
        amend_create(&config, &(struct amend_link){.send = on_send, .done = on_done, .arg = b});
    assert_non_null(b->amend);
}

static void end(struct broker *b)
{
    amend_destroy(b->amend);
    query_close(b->query);
}

/* Answers what is under way, and lets it go on. */
static void answer(struct broker *b, int reason, int64_t now)
{
    amend_answer(b->amend, reason);
    amend_work(b->amend, b->query, now);
}

static void the_newest_refused_of_each_rule_is_sent_again_briefly(void **state)
{
    struct broker b;

    begin(*state, &b);
    amend_work(b.amend, b.query, 1);
    assert_int_equal(b.sent, 1);
    assert_string_equal(b.topic, "gw/test/alerts/device/s0/hot");
    assert_non_null(strstr(b.text, "\"state\":\"cleared\""));
    assert_null(strstr(b.text, "\"value\""));
    amend_work(b.amend, b.query, 1); /* one at a time */
    assert_int_equal(b.sent, 1);
    answer(&b, 0, 1);
    assert_int_equal(b.noted_seq, 2);
    assert_int_equal(b.sent, 2);
    assert_string_equal(b.topic, "gw/test/alerts/device/s0/wet");
    answer(&b, 0, 1);
    assert_int_equal(b.noted_seq, 3);
    assert_int_equal(b.sent, 2);
    end(&b);
}

static void what_is_noted_is_delivered_and_not_sent_again(void **state)
{
    struct fixture *f = *state;
    struct broker b;
    const struct outbox_result results[] = {{.seq = 2, .delivered = true, .amends = true},
                                            {.seq = 3, .delivered = true, .amends = true}};

    begin(f, &b);
    assert_int_equal(store_outbox_done(f->store, results, 2), GW_OK);
    assert_int_equal(store_append(f->store, NULL, 0, NULL), GW_OK);
    assert_int_equal(sql_int(f, "SELECT count(*) FROM alert_event WHERE published_at IS NULL"), 0);
    amend_work(b.amend, b.query, 1);
    assert_int_equal(b.sent, 0);
    end(&b);
}

static void what_is_refused_again_is_made_empty_and_stays_a_dead_letter(void **state)
{
    struct broker b;

    begin(*state, &b);
    amend_work(b.amend, b.query, 1);
    answer(&b, 0x95, 1);
    assert_string_equal(b.topic, "gw/test/alerts/device/s0/hot");
    assert_string_equal(b.text, "");
    answer(&b, 0, 1);
    assert_string_equal(b.topic, "gw/test/alerts/device/s0/wet");
    answer(&b, 0x87, 1);
    answer(&b, 0x87, 1); /* not even that */
    assert_int_equal(b.sent, 4);
    assert_int_equal(b.noted, 0);
    amend_work(b.amend, b.query, HOUR - 1);
    assert_int_equal(b.sent, 4);
    amend_work(b.amend, b.query, HOUR + 1);
    assert_int_equal(b.sent, 5);
    end(&b);
}

static void a_transition_that_is_not_the_newest_any_more_is_left_alone(void **state)
{
    struct fixture *f = *state;
    struct broker b;

    begin(f, &b);
    amend_work(b.amend, b.query, 1);
    sql_write(f, "INSERT INTO alert_event (alert_id, time, state, severity) VALUES (1, 9,"
                 " 'raised', 'warning')");
    answer(&b, 0x95, 1); /* no empty message over what is sent meanwhile */
    assert_string_equal(b.topic, "gw/test/alerts/device/s0/wet");
    assert_int_not_equal(b.text[0], '\0');
    end(&b);
}

/* Each form OUTBOX_PATIENCE times: another message may be what the broker hangs up on. */
static void what_costs_connections_is_made_empty_and_rests_for_a_day(void **state)
{
    struct broker b;
    int64_t now = 1;

    begin(*state, &b);
    for (int i = 0; i < 2 * OUTBOX_PATIENCE; i++) {
        amend_work(b.amend, b.query, now);
        assert_int_equal(b.sent, i + 1);
        assert_string_equal(b.topic, "gw/test/alerts/device/s0/hot");
        assert_int_equal(b.text[0] == '\0', i >= OUTBOX_PATIENCE);
        amend_answer(b.amend, LOST);
        amend_greet(b.amend, now);
        now += 3 * US_PER_SECOND;
    }
    amend_work(b.amend, b.query, now);
    for (int64_t hours = 1; hours < 24; hours++) {
        amend_greet(b.amend, hours * HOUR);
        amend_soon(b.amend, 2, hours * HOUR);
        amend_work(b.amend, b.query, hours * HOUR);
    }
    assert_int_equal(b.sent, 2 * OUTBOX_PATIENCE);
    amend_work(b.amend, b.query, 25 * HOUR);
    assert_int_equal(b.sent, 2 * OUTBOX_PATIENCE + 1);
    end(&b);
}

static void a_connection_that_ended_for_another_reason_changes_nothing(void **state)
{
    struct broker b;

    begin(*state, &b);
    amend_work(b.amend, b.query, 1);
    amend_answer(b.amend, LOST);
    amend_greet(b.amend, 1);
    amend_work(b.amend, b.query, 3 * US_PER_SECOND);
    assert_string_equal(b.topic, "gw/test/alerts/device/s0/hot");
    assert_non_null(strstr(b.text, "\"state\":\"cleared\""));
    answer(&b, 0, 3 * US_PER_SECOND);
    assert_int_equal(b.noted_seq, 2);
    end(&b);
}

static void what_the_store_has_not_noted_yet_is_waited_for(void **state)
{
    struct fixture *f = *state;
    struct broker b;

    begin(f, &b);
    answer(&b, 0, 1);
    answer(&b, 0, 1);
    answer(&b, 0, 1);
    assert_int_equal(b.sent, 2);
    sql_write(f, "UPDATE alert_event SET published_at = 4, failed_at = NULL;"
                 "INSERT INTO alert_event (alert_id, time, state, severity) VALUES (1, 9,"
                 " 'raised', 'warning')");
    amend_soon(b.amend, 4, 1); /* the writer is busy for a minute */
    for (int64_t seconds = 1; seconds < 60; seconds++)
        amend_work(b.amend, b.query, seconds * US_PER_SECOND);
    assert_int_equal(b.sent, 2);
    sql_write(f, "UPDATE alert_event SET failed_at = 10, reason_code = 149 WHERE seq = 4");
    amend_work(b.amend, b.query, 62 * US_PER_SECOND);
    assert_int_equal(b.sent, 3);
    end(&b);
}

static void a_client_that_takes_no_more_is_asked_again(void **state)
{
    struct broker b;

    begin(*state, &b);
    b.is_full = true;
    amend_work(b.amend, b.query, 1);
    assert_int_equal(b.sent, 0);
    b.is_full = false;
    amend_work(b.amend, b.query, 1);
    assert_int_equal(b.sent, 1);
    end(&b);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_newest_refused_of_each_rule_is_sent_again_briefly),
        TEST(what_is_noted_is_delivered_and_not_sent_again),
        TEST(what_is_refused_again_is_made_empty_and_stays_a_dead_letter),
        TEST(a_transition_that_is_not_the_newest_any_more_is_left_alone),
        TEST(what_costs_connections_is_made_empty_and_rests_for_a_day),
        TEST(a_connection_that_ended_for_another_reason_changes_nothing),
        TEST(what_the_store_has_not_noted_yet_is_waited_for),
        TEST(a_client_that_takes_no_more_is_asked_again),
    };

    return cmocka_run_group_tests_name("gateway/amend", tests, NULL, NULL);
}
