/* SPDX-License-Identifier: Apache-2.0 */
/* The figures of units, and what they refuse. */
#include "drivers/figures.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static void exchanges_are_counted_by_how_they_ended(void **state)
{
    static const enum quality ends[] = {QUALITY_GOOD, QUALITY_TIMEOUT, QUALITY_CRC,
                                        QUALITY_EXCEPTION, QUALITY_GOOD};
    struct figures f;
    struct unit_figures u;

    (void)state;
    figures_init(&f);
    size_t place = figures_unit(&f, 7);
    figures_name(&f, place, "boiler");
    figures_name(&f, SIZE_MAX, "nobody");
    for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
        figures_note(&f, place, ends[i], 1000 * (int64_t)(i + 1));
    figures_overrun(&f, place, 3);
    figures_probing(&f, place, 12345);
    figures_note(&f, SIZE_MAX, QUALITY_GOOD, 1); /* nobody */
    figures_overrun(&f, SIZE_MAX, 1);
    figures_probing(&f, SIZE_MAX, 1);
    assert_int_equal(figures_copy(&f, 0, &u, 1), 1);
    assert_int_equal(figures_copy(&f, 1, &u, 1), 0);
    assert_int_equal(u.unit, 7);
    assert_string_equal(u.device, "boiler");
    assert_int_equal(u.asked, 5);
    assert_int_equal(u.timeouts, 1);
    assert_int_equal(u.damaged, 1);
    assert_int_equal(u.refused, 1);
    assert_int_equal(u.overruns, 3);
    assert_int_equal(u.took_us, 5000); /* of the last answer, which an exception is too */
    assert_true(u.mean_us > 1000 && u.mean_us < 5000);
    assert_true(u.answered_us > 0);
    assert_int_equal(u.probing_us, 12345);
    figures_fini(&f);
}

static void what_is_isolated_is_listed_until_it_is_given_again(void **state)
{
    struct isolated_place a = {.unit = 1, .sensor = 4, .exception = 2, .since_us = 100};
    struct isolated_place b = {.unit = 1, .sensor = 9, .exception = 3, .since_us = 200};
    struct isolated_place list[4];
    struct unit_figures u;
    struct figures f;

    (void)state;
    figures_init(&f);
    figures_unit(&f, 1);
    figures_isolate(&f, &a);
    figures_isolate(&f, &b);
    a.since_us = 300; /* tried again an hour later, in vain */
    a.next_try_us = 4000;
    figures_isolate(&f, &a);
    assert_int_equal(figures_copy_isolated(&f, 0, list, 4), 2);
    assert_int_equal(list[0].sensor, 4);
    assert_int_equal(list[0].since_us, 100);
    assert_int_equal(list[0].next_try_us, 4000);
    assert_int_equal(list[1].sensor, 9);
    figures_copy(&f, 0, &u, 1);
    assert_int_equal(u.isolated, 2);
    assert_true(figures_rejoin(&f, 1, 4));
    assert_false(figures_rejoin(&f, 1, 4));
    assert_false(figures_rejoin(&f, 2, 9));
    assert_int_equal(figures_copy_isolated(&f, 0, list, 4), 1);
    assert_int_equal(list[0].sensor, 9);
    assert_int_equal(figures_copy_isolated(&f, 1, list, 4), 0);
    figures_copy(&f, 0, &u, 1);
    assert_int_equal(u.isolated, 1);
    figures_begin(&f);
    assert_int_equal(figures_copy_isolated(&f, 0, list, 4), 0);
    figures_copy(&f, 0, &u, 1);
    assert_int_equal(u.isolated, 0);
    figures_fini(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exchanges_are_counted_by_how_they_ended),
        cmocka_unit_test(what_is_isolated_is_listed_until_it_is_given_again),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
