/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/log_ring.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define SIZE 16

static char bytes[SIZE];

static struct log_ring make(void)
{
    return (struct log_ring){.bytes = bytes, .size = SIZE};
}

static void assert_holds(const struct log_ring *r, const char *text)
{
    char copy[SIZE + 1];

    log_ring_copy(r, copy);
    assert_string_equal(copy, text);
}

static void is_empty_at_first(void **state)
{
    (void)state;
    struct log_ring r = make();
    assert_holds(&r, "");
}

static void whole_old_lines_make_room(void **state)
{
    (void)state;
    struct log_ring r = make();
    log_ring_add(&r, "first\n");
    log_ring_add(&r, "second\n");
    assert_holds(&r, "first\nsecond\n");
    log_ring_add(&r, "3rd\n");
    assert_holds(&r, "second\n3rd\n");
}

static void a_line_may_fill_it_and_none_may_be_longer(void **state)
{
    (void)state;
    struct log_ring r = make();
    log_ring_add(&r, "x\n");
    log_ring_add(&r, "123456789012345\n");
    assert_holds(&r, "123456789012345\n");
    log_ring_add(&r, "1234567890123456\n");
    assert_holds(&r, "123456789012345\n");
}

static void the_newest_are_there_after_any_number_of_lines(void **state)
{
    (void)state;
    struct log_ring r = make();
    char line[8], expected[32];
    for (int i = 0; i < 1000; i++) {
        snprintf(line, sizeof(line), "%d\n", i);
        log_ring_add(&r, line);
        assert_true(r.used <= SIZE);
    }
    snprintf(expected, sizeof(expected), "996\n997\n998\n999\n");
    assert_holds(&r, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_empty_at_first),
        cmocka_unit_test(whole_old_lines_make_room),
        cmocka_unit_test(a_line_may_fill_it_and_none_may_be_longer),
        cmocka_unit_test(the_newest_are_there_after_any_number_of_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
