/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/clock.h"
#include "gateway/core/thread.h"
#include "gateway/orders.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define PATIENCE_US (120 * US_PER_SECOND)
#define GIVERS 4
#define EACH 200

static struct order an_order(uint32_t sensor)
{
    struct order o = {.verb = ALERT_SHELVE, .sensor = sensor, .shelve_us = sensor};

    snprintf(o.rule, sizeof(o.rule), "rule%u", sensor);
    return o;
}

static void orders_are_taken_in_their_order(void **state)
{
    struct orders *o = orders_create();

    (void)state;
    assert_null(orders_take(o));
    for (uint32_t i = 0; i < 3; i++) {
        struct order order = an_order(i);
        assert_int_equal(orders_give(o, &order, 0, NULL), GW_OK);
    }
    for (uint32_t i = 0; i < 3; i++) {
        const struct order *got = orders_take(o);
        assert_int_equal(got->sensor, i);
        orders_answer(o, GW_OK, "");
    }
    assert_null(orders_take(o));
    orders_destroy(o);
}

static void too_many_are_refused_and_those_left_are_freed(void **state)
{
    struct orders *o = orders_create();
    struct order order = an_order(1);
    char why[ORDER_WHY_SIZE] = "";

    (void)state;
    for (int i = 0; i < ORDERS_MAX; i++)
        assert_int_equal(orders_give(o, &order, 0, why), GW_OK);
    assert_int_equal(orders_give(o, &order, 1, why), GW_EFULL);
    orders_destroy(o);
}

static void who_waits_in_vain_leaves_the_order(void **state)
{
    struct orders *o = orders_create();
    struct order order = an_order(7);
    char why[ORDER_WHY_SIZE] = "";

    (void)state;
    assert_int_equal(orders_give(o, &order, 1000, why), GW_ETIMEDOUT);
    assert_int_equal(orders_take(o)->sensor, 7);
    orders_answer(o, GW_OK, "too late");
    assert_string_equal(why, "");
    orders_destroy(o);
}

struct giver {
    struct orders *orders;
    uint32_t number;
    atomic_int *answered;
};

static void give(void *arg)
{
    struct giver *g = arg;

    for (uint32_t i = 0; i < EACH; i++) {
        struct order order = an_order(g->number * EACH + i);
        char why[ORDER_WHY_SIZE], expect[ORDER_WHY_SIZE];
        snprintf(expect, sizeof(expect), "about rule%u", order.sensor);
        enum gw_err err = orders_give(g->orders, &order, PATIENCE_US, why);
        if (err == GW_ENOENT && strcmp(why, expect) == 0)
            atomic_fetch_add(g->answered, 1);
    }
}

static void each_giver_gets_the_answer_to_its_own(void **state)
{
    struct orders *o = orders_create();
    struct thread threads[GIVERS] = {{0}};
    struct giver givers[GIVERS];
    atomic_int answered = 0;
    int taken = 0;

    (void)state;
    for (uint32_t i = 0; i < GIVERS; i++) {
        givers[i] = (struct giver){o, i, &answered};
        assert_int_equal(thread_start(&threads[i], "giver", give, &givers[i]), GW_OK);
    }
    int64_t deadline = clock_mono_us() + PATIENCE_US;
    while (taken < GIVERS * EACH && clock_mono_us() < deadline) {
        const struct order *order = orders_take(o);
        char why[ORDER_WHY_SIZE];
        if (!order)
            continue;
        snprintf(why, sizeof(why), "about %s", order->rule);
        orders_answer(o, GW_ENOENT, why);
        taken++;
    }
    for (int i = 0; i < GIVERS; i++)
        thread_join(&threads[i]);
    assert_int_equal(taken, GIVERS * EACH);
    assert_int_equal(atomic_load(&answered), GIVERS * EACH);
    orders_destroy(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(orders_are_taken_in_their_order),
        cmocka_unit_test(too_many_are_refused_and_those_left_are_freed),
        cmocka_unit_test(who_waits_in_vain_leaves_the_order),
        cmocka_unit_test(each_giver_gets_the_answer_to_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
