/* SPDX-License-Identifier: Apache-2.0 */
/* How many rows housekeeping takes at once. */
#include "storage/slice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define LEAST 100
#define MOST 5000

static void the_next_slice_follows_from_the_last(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int64_t before, rows, took_ms, after;
    } cases[] = {
        {"about right", 1000, 1000, 40, 1000},
        {"exactly right", 1000, 1000, 50, 1000},
        {"too long", 1000, 1000, 51, 500},
        {"far too long", 1000, 1000, 5000, 500},
        {"too long, though it was not full", 1000, 10, 80, 500},
        {"short", 1000, 1000, 10, 1250},
        {"short, and more than asked for", 1000, 1400, 10, 1250},
        {"short because there was little to do", 1000, 999, 1, 1000},
        {"no less than the least", 150, 150, 80, LEAST},
        {"at the least", LEAST, LEAST, 80, LEAST},
        {"no more than the most", 4500, 4500, 1, MOST},
        {"at the most", MOST, MOST, 1, MOST},
        {"a clock that shows no time at all", 1000, 1000, 0, 1250},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct slice s = {.rows = cases[i].before, .least = LEAST, .most = MOST};
        slice_adapt(&s, cases[i].rows, cases[i].took_ms * US_PER_MS);
        if (s.rows != cases[i].after)
            fail_msg("%s: %lld rows, not %lld", cases[i].name, (long long)s.rows,
                     (long long)cases[i].after);
    }
}

/* A disk as slow or as fast as it may be: after a few slices they take about as long as they
 * should, or are as small or as large as they may get. */
static void slices_find_the_pace_of_the_disk(void **state)
{
    (void)state;
    static const int64_t us_a_row[] = {1, 5, 12, 30, 100, 400, 3000};
    struct slice s = {.rows = 1000, .least = LEAST, .most = MOST};

    for (size_t disk = 0; disk < sizeof(us_a_row) / sizeof(us_a_row[0]); disk++) {
        for (int i = 0; i < 40; i++)
            slice_adapt(&s, s.rows, s.rows * us_a_row[disk]);
        int64_t takes_us = s.rows * us_a_row[disk];
        if (s.rows > LEAST)
            assert_true(takes_us <= SLICE_TARGET_US);
        if (s.rows < MOST)
            assert_true(takes_us >= SLICE_TARGET_US / 4);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_next_slice_follows_from_the_last),
        cmocka_unit_test(slices_find_the_pace_of_the_disk),
    };
    return cmocka_run_group_tests_name("storage/slice", tests, NULL, NULL);
}
