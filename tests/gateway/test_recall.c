/* SPDX-License-Identifier: Apache-2.0 */
/* What is told again to a broker that has forgotten it, against a real store and a broker that is
 * played. */
#include "gateway/recall.h"

#include "tests/storage/fixture.h"

#define LOST (-1)
#define LATER (3 * US_PER_SECOND)

static char prefix[] = "gw", gateway_name[] = "test";
static const struct config config = {
    .mqtt = {.prefix = prefix}, .gateway = {.name = gateway_name}, .storage = {.flush_us = 1}};

struct broker {
    struct recall *recall;
    struct query *query;
    char topic[128], text[512]; /* sent last */
    int sent;
    int64_t seqs[20];
    bool is_full;
};

static bool on_send(void *arg, const char *topic, char *text, int64_t seq)
{
    struct broker *b = arg;

    snprintf(b->topic, sizeof(b->topic), "%s", topic);
    snprintf(b->text, sizeof(b->text), "%s", text);
    free(text);
    if (b->is_full)
        return false;
    b->seqs[b->sent++] = seq;
    return true;
}

/* Alert 1 is over; 2 was raised and reminded of; 3 acknowledged; of 4 the last transition waits in
 * the outbox, of 5 it was refused; 6 was shelved before anybody knew; 7 raised, and again while
 * shelved. */
static void begin(struct fixture *f, struct broker *b)
{
    *b = (struct broker){0};
    fixture_open(f);
    sql_write(
        f,
        "INSERT INTO alert (id, sensor_id, rule, severity, state, raised_at, changed_at,"
        " cleared_at) VALUES (1, 1, 'hot', 'warning', 'cleared', 1, 2, 2), (2, 1, 'wet',"
        " 'critical', 'raised', 3, 3, NULL), (3, 2, 'wet', 'warning', 'acknowledged', 3, 4, NULL),"
        " (4, 3, 'wet', 'warning', 'escalated', 3, 4, NULL), (5, 4, 'wet', 'warning',"
        " 'escalated', 3, 4, NULL), (6, 5, 'wet', 'warning', 'raised', 3, 4, NULL),"
        " (7, 6, 'wet', 'warning', 'escalated', 3, 4, NULL);"
        "INSERT INTO alert_event (seq, alert_id, time, state, severity, value, repeat,"
        " published_at, failed_at, withheld) VALUES"
        " (1, 1, 1, 'raised', 'warning', 1, 0, 1, NULL, NULL),"
        " (2, 1, 2, 'cleared', 'warning', 1, 0, 1, NULL, NULL),"
        " (3, 2, 3, 'raised', 'critical', 2.5, 0, 1, NULL, NULL),"
        " (4, 2, 4, 'raised', 'critical', 3.5, 1, 1, NULL, NULL),"
        " (5, 3, 3, 'raised', 'warning', 1, 0, 1, NULL, NULL),"
        " (6, 3, 4, 'acknowledged', 'warning', 1, 0, 1, NULL, NULL),"
        " (7, 4, 3, 'raised', 'warning', 1, 0, 1, NULL, NULL),"
        " (8, 4, 4, 'escalated', 'critical', 1, 0, NULL, NULL, NULL),"
        " (9, 5, 3, 'raised', 'warning', 1, 0, 1, NULL, NULL),"
        " (10, 5, 4, 'escalated', 'critical', 1, 0, NULL, 4, NULL),"
        " (11, 6, 3, 'raised', 'warning', 1, 0, NULL, NULL, 'shelved'),"
        " (12, 7, 3, 'raised', 'warning', 1, 0, 1, NULL, NULL),"
        " (13, 7, 4, 'escalated', 'critical', 1, 0, NULL, NULL, 'shelved')");
    assert_int_equal(query_open(&b->query, f->path), GW_OK);
    b->recall = recall_create(&config, on_send, b);
    assert_non_null(b->recall);
}

static void end(struct broker *b)
{
    recall_destroy(b->recall);
    query_close(b->query);
}

static void work(struct broker *b)
{
    recall_work(b->recall, b->query, LATER);
}

static void answer(struct broker *b, int reason)
{
    recall_answer(b->recall, reason);
    work(b);
}

/* A connection without a session, in which all that is published has been before. */
static void connect_anew(struct broker *b)
{
    const struct recall_limits none = {.until = INT64_MAX};

    recall_begin(b->recall, &none, 0);
}

static void assert_sent(const struct broker *b, const int64_t *seqs, int n)
{
    assert_int_equal(b->sent, n);
    for (int i = 0; i < n; i++)
        assert_int_equal(b->seqs[i], seqs[i]);
}

static void the_last_state_of_each_active_alert_is_told_again(void **state)
{
    struct broker b;
    static const int64_t all[] = {4, 6, 12};

    begin(*state, &b);
    connect_anew(&b);
    work(&b);
    assert_string_equal(b.topic, "gw/test/alerts/device/s0/wet");
    assert_non_null(strstr(b.text, "\"state\":\"raised\""));
    assert_non_null(strstr(b.text, "\"value\":3.5"));
    assert_non_null(strstr(b.text, "\"repeat\":1"));
    assert_non_null(strstr(b.text, "\"seq\":4"));
    work(&b); /* one at a time */
    assert_int_equal(b.sent, 1);
    answer(&b, 0);
    assert_non_null(strstr(b.text, "\"state\":\"acknowledged\""));
    answer(&b, 0);
    answer(&b, 0);
    work(&b);
    assert_sent(&b, all, 3);
    /* Once; the next broker that has forgotten is told all of it. */
    connect_anew(&b);
    for (int i = 0; i < 4; i++)
        answer(&b, 0);
    assert_int_equal(b.sent, 6);
    end(&b);
}

static void a_broker_that_has_our_session_is_told_nothing(void **state)
{
    struct broker b;

    begin(*state, &b);
    recall_go_on(b.recall, 0);
    work(&b);
    assert_int_equal(b.sent, 0);
    end(&b);
}

static void what_the_connection_sends_anyway_is_not_told_twice(void **state)
{
    struct broker b;
    static const int64_t rest[] = {4};

    begin(*state, &b);
    recall_begin(b.recall, &(struct recall_limits){.until = 11, .open = {3, 6}, .count = 2}, 0);
    work(&b);
    answer(&b, 0);
    answer(&b, 0);
    assert_sent(&b, rest, 1);
    end(&b);
}

/* The store may not have noted yet what the broker took before it forgot. */
static void it_waits_until_the_store_knows(void **state)
{
    struct broker b;

    begin(*state, &b);
    connect_anew(&b);
    recall_work(b.recall, b.query, US_PER_SECOND);
    assert_int_equal(b.sent, 0);
    work(&b);
    assert_int_equal(b.sent, 1);
    end(&b);
}

static void an_alert_that_changes_meanwhile_is_left_to_the_outbox(void **state)
{
    struct broker b;
    static const int64_t rest[] = {4, 12};

    begin(*state, &b);
    connect_anew(&b);
    work(&b);
    sql_write(*state, "INSERT INTO alert_event (alert_id, time, state, severity) VALUES (3, 9,"
                      " 'escalated', 'critical')");
    answer(&b, 0);
    answer(&b, 0);
    assert_sent(&b, rest, 2);
    end(&b);
}

static void a_lost_connection_goes_on_where_it_was(void **state)
{
    struct broker b;
    static const int64_t all[] = {4, 6, 6, 12};

    begin(*state, &b);
    connect_anew(&b);
    work(&b);
    answer(&b, 0);
    recall_answer(b.recall, LOST);
    recall_go_on(b.recall, 0); /* with a session this time */
    work(&b);
    answer(&b, 0);
    answer(&b, 0);
    assert_sent(&b, all, 4);
    end(&b);
}

static void what_is_refused_is_told_briefly_and_then_left_out(void **state)
{
    struct broker b;
    static const int64_t all[] = {4, 4, 6, 12};

    begin(*state, &b);
    connect_anew(&b);
    work(&b);
    answer(&b, 0x95);
    assert_null(strstr(b.text, "\"value\""));
    assert_non_null(strstr(b.text, "\"state\":\"raised\""));
    answer(&b, 0x95);
    assert_non_null(strstr(b.text, "\"value\"")); /* the next is whole again */
    answer(&b, 0);
    answer(&b, 0);
    assert_sent(&b, all, 4);
    end(&b);
}

static void one_that_costs_connections_holds_up_the_others_for_a_while_only(void **state)
{
    struct broker b;

    begin(*state, &b);
    connect_anew(&b);
    work(&b);
    for (int i = 0; i < 2 * OUTBOX_PATIENCE; i++) {
        assert_int_equal(b.seqs[b.sent - 1], 4);
        recall_answer(b.recall, LOST);
        recall_go_on(b.recall, 0);
        work(&b);
    }
    assert_int_equal(b.seqs[b.sent - 1], 6);
    end(&b);
}

static void a_client_that_takes_no_more_is_asked_again(void **state)
{
    struct broker b;

    begin(*state, &b);
    connect_anew(&b);
    b.is_full = true;
    work(&b);
    work(&b);
    assert_int_equal(b.sent, 0);
    b.is_full = false;
    work(&b);
    assert_int_equal(b.sent, 1);
    end(&b);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(the_last_state_of_each_active_alert_is_told_again),
        T(a_broker_that_has_our_session_is_told_nothing),
        T(what_the_connection_sends_anyway_is_not_told_twice),
        T(it_waits_until_the_store_knows),
        T(an_alert_that_changes_meanwhile_is_left_to_the_outbox),
        T(a_lost_connection_goes_on_where_it_was),
        T(what_is_refused_is_told_briefly_and_then_left_out),
        T(one_that_costs_connections_holds_up_the_others_for_a_while_only),
        T(a_client_that_takes_no_more_is_asked_again),
    };
    return cmocka_run_group_tests_name("gateway/recall", tests, NULL, NULL);
}
