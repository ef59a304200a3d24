/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static void a_rule_is_found_by_its_whole_name(void **state)
{
    static char hot[] = "hot", hotter[] = "hotter";
    static struct rule_config rules[] = {{.name = hotter}, {.name = hot}};
    const struct config c = {.rules = rules, .rule_count = 2}, none = {0};

    (void)state;
    assert_ptr_equal(config_find_rule(&c, "hot"), &rules[1]);
    assert_ptr_equal(config_find_rule(&c, "hotter"), &rules[0]);
    assert_null(config_find_rule(&c, "ho"));
    assert_null(config_find_rule(&none, "hot"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_rule_is_found_by_its_whole_name)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
