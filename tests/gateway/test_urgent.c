/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/urgent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static void the_oldest_comes_first_and_makes_room(void **state)
{
    struct urgent *u = urgent_create();
    struct alert_change c = {.alert_id = 0}, got;

    (void)state;
    assert_false(urgent_peek(u, &got));
    for (int64_t i = 1; i <= URGENT_MAX; i++) {
        c.alert_id = i;
        assert_true(urgent_add(u, &c));
    }
    c.alert_id = URGENT_MAX + 1;
    assert_false(urgent_add(u, &c));
    for (int64_t i = 2; i <= URGENT_MAX + 1; i++) {
        assert_true(urgent_peek(u, &got));
        assert_int_equal(got.alert_id, i);
        urgent_drop(u);
    }
    assert_false(urgent_peek(u, &got));
    urgent_drop(u);
    urgent_destroy(u);
}

static void what_is_withheld_is_not_urgent(void **state)
{
    struct urgent *u = urgent_create();
    struct alert_change shelved = {.alert_id = 1, .withheld = ALERT_WITHHELD_SHELVED};
    struct alert_change shelf = {.alert_id = 0, .shelf = SHELF_PUT}, got;

    (void)state;
    assert_true(urgent_add(u, &shelved));
    assert_true(urgent_add(u, &shelf));
    assert_false(urgent_peek(u, &got));
    urgent_destroy(u);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_comes_first_and_makes_room),
        cmocka_unit_test(what_is_withheld_is_not_urgent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
