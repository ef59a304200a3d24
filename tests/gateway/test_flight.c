/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/clock.h"
#include "gateway/flight.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static void an_answer_ends_it_and_says_when_it_came(void **state)
{
    (void)state;
    struct flight f;
    int64_t when = 0;

    clock_fake(7, 0);
    flight_init(&f);
    assert_int_equal(flight_look(&f), FLIGHT_NONE);
    flight_begin(&f);
    assert_int_equal(flight_look(&f), FLIGHT_SENT);
    flight_answer(&f, 0x95);
    assert_int_equal(flight_look(&f), FLIGHT_ANSWERED);
    clock_fake(9, 0);
    assert_int_equal(flight_take(&f, &when), 0x95);
    assert_int_equal(when, 7);
    assert_int_equal(flight_look(&f), FLIGHT_NONE);
    flight_destroy(&f);
    clock_fake_stop();
}

static void answers_to_nothing_are_ignored(void **state)
{
    (void)state;
    struct flight f;

    flight_init(&f);
    flight_answer(&f, 0);
    assert_int_equal(flight_look(&f), FLIGHT_NONE);
    flight_begin(&f);
    flight_end(&f); /* the client took no more */
    flight_answer(&f, 0);
    assert_int_equal(flight_look(&f), FLIGHT_NONE);
    flight_begin(&f);
    flight_answer(&f, -1);
    flight_answer(&f, 0); /* late */
    assert_int_equal(flight_take(&f, NULL), -1);
    flight_destroy(&f);
}

static void codes_below_0x80_are_success(void **state)
{
    (void)state;

    assert_true(flight_is_success(0));
    assert_true(flight_is_success(0x10)); /* nobody has subscribed */
    assert_false(flight_is_success(0x80));
    assert_false(flight_is_success(-1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_ends_it_and_says_when_it_came),
        cmocka_unit_test(answers_to_nothing_are_ignored),
        cmocka_unit_test(codes_below_0x80_are_success),
    };

    return cmocka_run_group_tests_name("gateway/flight", tests, NULL, NULL);
}
