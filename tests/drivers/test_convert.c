/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/convert.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define NONE ((double)NAN)

static struct number invalid[] = {
    {.real = -32768, .integer = -32768, .is_integer = true},
    {.real = 9007199254740993.0, .integer = INT64_C(9007199254740993), .is_integer = true}};

static void raw_values_are_scaled_and_judged(void **state)
{
    static const struct {
        double raw, scale, offset, min, max;
        enum quality quality;
        double value;
    } rows[] = {
        {215, 0.1, 0, NONE, NONE, QUALITY_GOOD, 21.5},
        {215, 0.1, -40, NONE, NONE, QUALITY_GOOD, -18.5},
        {-32768, 0.1, 0, NONE, NONE, QUALITY_INVALID, 0},
        {-3276.8, 10, 0, NONE, NONE, QUALITY_GOOD, -32768}, /* compared before scaling */
        {5, 1, 0, 0, 10, QUALITY_GOOD, 5},
        {0, 1, 0, 0, 10, QUALITY_GOOD, 0},
        {10, 1, 0, 0, 10, QUALITY_GOOD, 10},
        {10.1, 1, 0, 0, 10, QUALITY_OUT_OF_RANGE, 0},
        {-1, 1, 0, 0, NONE, QUALITY_OUT_OF_RANGE, 0},
        {1e300, 1e300, 0, NONE, NONE, QUALITY_OVERFLOW, 0},
        {(double)INFINITY, 1, 0, NONE, NONE, QUALITY_INVALID, 0},
        {NONE, 1, 0, NONE, NONE, QUALITY_INVALID, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct sensor_config c = {.scale = rows[i].scale,
                                        .offset = rows[i].offset,
                                        .min = rows[i].min,
                                        .max = rows[i].max,
                                        .invalid = {.items = invalid, .count = 2}};
        struct reading r = convert_reading(&c, 3, 77, rows[i].raw);
        if (r.quality != rows[i].quality)
            fail_msg("row %zu: %s", i, quality_name(r.quality));
        assert_true(r.quality == QUALITY_GOOD ? r.value == rows[i].value : isnan(r.value));
        assert_true(r.sensor == 3 && r.time_us == 77);
    }
}

static void large_integers_stay_exact_where_nothing_scales_them(void **state)
{
    const int64_t odd = INT64_C(9007199254740995); /* 2^53 + 3: no double */
    struct sensor_config c = {
        .scale = 1, .min = NONE, .max = NONE, .invalid = {.items = invalid, .count = 2}};

    (void)state;
    struct reading r = convert_integer(&c, 0, 0, odd);
    assert_int_equal(r.flags & READING_INTEGER, READING_INTEGER);
    assert_int_equal(r.integer, odd);
    r = convert_integer(&c, 0, 0, 12);
    assert_int_equal(r.flags & READING_INTEGER, 0);
    assert_true(r.value == 12);
    /* Exactly the invalid one, not its neighbour that is the same double. */
    assert_int_equal(convert_integer(&c, 0, 0, INT64_C(9007199254740993)).quality, QUALITY_INVALID);
    assert_int_equal(convert_integer(&c, 0, 0, INT64_C(9007199254740994)).quality, QUALITY_GOOD);
    c.max = 1e6;
    assert_int_equal(convert_integer(&c, 0, 0, odd).quality, QUALITY_OUT_OF_RANGE);
    c.max = NONE;
    c.scale = 0.5;
    r = convert_integer(&c, 0, 0, odd);
    assert_int_equal(r.flags & READING_INTEGER, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_values_are_scaled_and_judged),
        cmocka_unit_test(large_integers_stay_exact_where_nothing_scales_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
