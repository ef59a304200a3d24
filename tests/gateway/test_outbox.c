/* SPDX-License-Identifier: Apache-2.0 */
/* The window of transitions on their way: order, limits, lost connections, refusals. */
#include "gateway/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static void add(struct outbox *o, int64_t seq, const char *sensor, const char *rule)
{
    const struct outbox_row row = {.seq = seq,
                                   .alert_id = 100 + seq,
                                   .instance = "cafe",
                                   .sensor = sensor,
                                   .rule = rule,
                                   .unit = "°C",
                                   .severity = "warning",
                                   .state = "raised",
                                   .value = (double)seq,
                                   .limit = 1};

    outbox_add(o, &row);
}

/* Sends the next one; its seq, or 0 when there is none. */
static int64_t send_next(struct outbox *o)
{
    struct outbox_entry *e = outbox_next(o);

    if (!e)
        return 0;
    e->state = OUTBOX_SENT;
    return e->seq;
}

static void rows_are_copied(void **state)
{
    (void)state;
    static struct outbox o;
    char sensor[] = "boiler/flow";

    add(&o, 7, sensor, "hot");
    sensor[0] = 'X';
    const struct outbox_entry *e = outbox_find(&o, 7);
    assert_non_null(e);
    assert_string_equal(e->sensor, "boiler/flow");
    assert_string_equal(e->rule, "hot");
    assert_string_equal(e->unit, "°C");
    assert_string_equal(e->instance, "cafe");
    assert_int_equal(e->alert_id, 107);
    assert_int_equal(o.last_seq, 7);
    assert_null(outbox_find(&o, 8));
}

static void one_rule_of_one_sensor_is_sent_one_by_one_and_in_order(void **state)
{
    (void)state;
    static struct outbox o;
    struct outbox_result result;

    add(&o, 1, "a", "hot");
    add(&o, 2, "a", "hot");
    add(&o, 3, "a", "cold");
    add(&o, 4, "b", "hot");
    assert_int_equal(send_next(&o), 1);
    assert_int_equal(send_next(&o), 3); /* another rule */
    assert_int_equal(send_next(&o), 4); /* another sensor */
    assert_int_equal(send_next(&o), 0); /* 2 waits for 1 */
    outbox_answer(&o, 1, 0);
    assert_int_equal(send_next(&o), 2);
    struct outbox_entry *e = outbox_answered(&o, &result);
    assert_non_null(e);
    assert_int_equal(result.seq, 1);
    assert_true(result.delivered);
    outbox_remove(&o, e);
    assert_int_equal(o.count, 3);
    assert_null(outbox_find(&o, 1));
    assert_int_equal(o.entries[0].seq, 2);
    assert_null(outbox_answered(&o, &result));
}

static void so_many_are_under_way_and_no_more(void **state)
{
    (void)state;
    static struct outbox o;
    char sensor[16];

    for (int i = 0; i < OUTBOX_WINDOW; i++) {
        snprintf(sensor, sizeof(sensor), "s%d", i);
        assert_int_equal(outbox_room(&o), OUTBOX_WINDOW - i);
        add(&o, i + 1, sensor, "hot");
    }
    assert_int_equal(outbox_room(&o), 0);
    for (int i = 1; i <= OUTBOX_IN_FLIGHT; i++)
        assert_int_equal(send_next(&o), i);
    assert_int_equal(send_next(&o), 0);
    outbox_answer(&o, 5, 0);
    assert_int_equal(send_next(&o), OUTBOX_IN_FLIGHT + 1);
    assert_int_equal(send_next(&o), 0);
}

static void a_refusal_is_not_delivered_and_blocks_nobody(void **state)
{
    (void)state;
    static struct outbox o;
    struct outbox_result result;

    add(&o, 1, "a", "hot");
    add(&o, 2, "a", "hot");
    assert_int_equal(send_next(&o), 1);
    outbox_answer(&o, 1, 0x87);
    assert_non_null(outbox_answered(&o, &result));
    assert_false(result.delivered);
    assert_int_equal(result.reason_code, 0x87);
    assert_int_equal(send_next(&o), 2);
}

static void nobody_listening_is_delivered(void **state)
{
    (void)state;
    static struct outbox o;
    struct outbox_result result;

    add(&o, 1, "a", "hot");
    send_next(&o);
    outbox_answer(&o, 1, 0x10);
    assert_non_null(outbox_answered(&o, &result));
    assert_true(result.delivered);
    assert_int_equal(result.reason_code, 0x10);
}

static void what_was_lost_is_sent_again_in_order(void **state)
{
    (void)state;
    static struct outbox o;
    struct outbox_result result;

    add(&o, 1, "a", "hot");
    add(&o, 2, "b", "hot");
    add(&o, 3, "a", "hot");
    assert_int_equal(send_next(&o), 1);
    assert_int_equal(send_next(&o), 2);
    outbox_answer(&o, 1, -1);
    outbox_answer(&o, 2, -1);
    assert_null(outbox_answered(&o, &result));
    assert_int_equal(send_next(&o), 1);
    assert_int_equal(send_next(&o), 0); /* alone: it may be what ends the connections */
    outbox_answer(&o, 1, 0);
    assert_int_equal(send_next(&o), 2);
    outbox_answer(&o, 2, 0);
    assert_int_equal(send_next(&o), 3);
}

static void the_one_that_ends_the_connections_is_given_up(void **state)
{
    (void)state;
    static struct outbox o;
    struct outbox_result result;

    add(&o, 1, "a", "poison");
    add(&o, 2, "b", "hot");
    for (int i = 0; i < OUTBOX_PATIENCE; i++) {
        assert_null(outbox_answered(&o, &result));
        assert_int_equal(send_next(&o), 1);
        assert_int_equal(outbox_suspects(&o), i > 0);
        outbox_answer(&o, 1, -1);
    }
    assert_false(outbox_suspects(&o));
    struct outbox_entry *e = outbox_answered(&o, &result);
    assert_non_null(e);
    assert_int_equal(result.seq, 1);
    assert_false(result.delivered);
    assert_true(result.reason_code < 0);
    outbox_remove(&o, e);
    assert_int_equal(send_next(&o), 2);
}

static void late_and_unknown_answers_change_nothing(void **state)
{
    (void)state;
    static struct outbox o;
    struct outbox_result result;

    add(&o, 1, "a", "hot");
    outbox_answer(&o, 1, 0); /* not sent yet */
    outbox_answer(&o, 9, 0); /* unknown */
    assert_null(outbox_answered(&o, &result));
    assert_int_equal(send_next(&o), 1);
    outbox_answer(&o, 1, 0);
    outbox_answer(&o, 1, 0x87); /* twice: the first counts */
    assert_non_null(outbox_answered(&o, &result));
    assert_true(result.delivered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_copied),
        cmocka_unit_test(one_rule_of_one_sensor_is_sent_one_by_one_and_in_order),
        cmocka_unit_test(so_many_are_under_way_and_no_more),
        cmocka_unit_test(a_refusal_is_not_delivered_and_blocks_nobody),
        cmocka_unit_test(nobody_listening_is_delivered),
        cmocka_unit_test(what_was_lost_is_sent_again_in_order),
        cmocka_unit_test(the_one_that_ends_the_connections_is_given_up),
        cmocka_unit_test(late_and_unknown_answers_change_nothing),
    };
    return cmocka_run_group_tests_name("gateway/outbox", tests, NULL, NULL);
}
