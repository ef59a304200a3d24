/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/source_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static void a_name_keeps_its_place_and_new_ones_get_the_next(void **state)
{
    struct source_names n;
    char text[] = "line";
    uint32_t index;

    (void)state;
    assert_int_equal(source_names_init(&n, 2), GW_OK);
    assert_int_equal(source_names_index(&n, text, &index), GW_OK);
    assert_int_equal(index, 0);
    text[0] = 'm'; /* a copy was taken */
    assert_int_equal(source_names_index(&n, text, &index), GW_OK);
    assert_int_equal(index, 1);
    assert_int_equal(source_names_index(&n, "line", &index), GW_OK);
    assert_int_equal(index, 0);
    assert_true(source_names_has(&n, "mine"));
    assert_false(source_names_has(&n, "nine"));
    assert_int_equal(n.count, 2);
    assert_string_equal(n.names[1], "mine");
    source_names_fini(&n);
}

static void a_full_list_knows_its_names_and_refuses_others(void **state)
{
    struct source_names n;
    uint32_t index = 7;

    (void)state;
    assert_int_equal(source_names_init(&n, 1), GW_OK);
    assert_int_equal(source_names_index(&n, "line", &index), GW_OK);
    assert_int_equal(source_names_index(&n, "more", &index), GW_EFULL);
    assert_int_equal(source_names_index(&n, "line", &index), GW_OK);
    assert_int_equal(index, 0);
    source_names_fini(&n);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_keeps_its_place_and_new_ones_get_the_next),
        cmocka_unit_test(a_full_list_knows_its_names_and_refuses_others),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
