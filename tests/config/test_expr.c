/* SPDX-License-Identifier: Apache-2.0 */
#include "config/expr.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define NONE ((double)NAN)

static const struct {
    const char *name;
    double value;
} sensors[] = {{"a/x", 6},   {"a/y", 3},         {"a/zero", 0},    {"hall 1/t-2", 20},
               {"é/ü.1", 7}, {"2nd_floor/t", 9}, {"a/none", NONE}, {"a/b/c", 11}};

static double value_of(const char *name)
{
    for (size_t i = 0; i < sizeof(sensors) / sizeof(sensors[0]); i++) {
        if (strcmp(sensors[i].name, name) == 0)
            return sensors[i].value;
    }
    fail_msg("no sensor %s", name);
    return 0;
}

static const struct {
    const char *text;
    double result; /* NAN: no verdict */
} results[] = {
    {"a/x", 6},
    {"a/x + a/y * 2", 12},
    {"(a/x + a/y) * 2", 18},
    {"a/x - a/y - 1", 2},
    {"a/x / a/y / 2", 1},
    {"a/x / 2", 3},
    {"a/x*2", 12},
    {"2*a/x", 12},
    {"12/a/x", 2},
    {"- a/x + 1", -5},
    {"--a/x", 6},
    {"-a/x * -a/y", 18},
    {"1.5e1 + 0*a/x", 15},
    {"abs(a/y - a/x)", 3},
    {"min(a/x, a/y, 1)", 1},
    {"max(a/x, a/y)", 6},
    {"max(a/x)", 6},
    {"min(a/x, abs(-1))", 1},
    {"a/x > 5", 1},
    {"a/x >= 6", 1},
    {"a/x < 6", 0},
    {"a/x<=6", 1},
    {"a/x == 6", 1},
    {"a/x != 6", 0},
    {"a/x + 1 > a/y + 4", 0},
    {"a/x + 1 >= a/y + 4", 1},
    {"a/x > 5 and a/y > 5", 0},
    {"a/x > 5 or a/y > 5", 1},
    {"a/x > 5 or a/y > 5 and a/y > 9", 1},
    {"(a/x > 5 or a/y > 5) and a/y > 9", 0},
    {"not a/x > 5", 0},
    {"not a/x > 5 or a/y == 3", 1},
    {"not (a/x > 5 and a/y == 3)", 0},
    {"not not a/x > 5", 1},
    {"\"hall 1/t-2\" - 'a/x'", 14},
    {"é/ü.1 + 1", 8},
    {"2nd_floor/t + 1", 10},
    {"a/b/c", 11},
    {"\ta/x\n+ 1 ", 7},
    {"a/x / a/zero", NONE},
    {"a/x / a/zero > 1", NONE},
    {"a/x / (a/y - 3) < 1 or a/x > 1", NONE},
    {"a/none > 1", NONE},
    {"not a/none > 1", NONE},
    {"a/x > 1 or a/none > 1", NONE}, /* a verdict needs all */
    {"a/x * 1e308 * 1e308 > 1", NONE},
};

static bool evaluate(const char *text, double *result)
{
    struct expr e;
    double values[EXPR_INPUTS_MAX];
    size_t column = 0;
    const char *why = "";

    if (!expr_parse(text, &e, &column, &why)) {
        print_message("%s: %zu: %s\n", text, column, why);
        return false;
    }
    for (size_t i = 0; i < e.input_count; i++)
        values[i] = value_of(e.inputs[i]);
    return expr_eval(&e, values, result);
}

static void expressions_have_their_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        double got = 0;
        bool verdict = evaluate(results[i].text, &got);
        if (verdict == isnan(results[i].result) || (verdict && got != results[i].result))
            fail_msg("%s: %g", results[i].text, verdict ? got : NONE);
    }
}

static const struct {
    const char *text;
    size_t column;
    const char *why;
} errors[] = {
    {"", 1, "the expression ends too early"},
    {"   ", 4, "the expression ends too early"},
    {"a/x >", 6, "the expression ends too early"},
    {"a/x > 5 and", 12, "the expression ends too early"},
    {"a/x + * 2", 7, "a value is wanted here"},
    {"é/x + )", 7, "a value is wanted here"},
    {"(a/x", 5, "a closing bracket is wanted here"},
    {"a/x)", 4, "the expression should end here"},
    {"a/x a/y", 5, "the expression should end here"},
    {"min(a/x", 8, "a closing bracket is wanted here"},
    {"min a/x", 5, "an opening bracket is wanted here"},
    {"abs(a/x, 1)", 8, "a closing bracket is wanted here"},
    {"temp > 5", 1, "an unknown word; a sensor is written device/sensor, any other in quotes"},
    {"a/x > 5 xor a/y > 5", 9, "the expression should end here"},
    {"a/x = 5", 5, "equal is written =="},
    {"a/x > 1 < 3", 9, "join two comparisons by and"},
    {"a/x > 5 and a/y", 13, "true or false is wanted here: compare the number"},
    {"a/x or a/y > 5", 1, "true or false is wanted here: compare the number"},
    {"not a/x", 5, "true or false is wanted here: compare the number"},
    {"(a/x > 5) + 1", 1, "a number is wanted here, not true or false"},
    {"-(a/x > 5)", 1, "a number is wanted here, not true or false"},
    {"min(a/x > 5, 1)", 5, "a number is wanted here, not true or false"},
    {"1 + 2 > 2", 1, "it asks no sensor"},
    {"\"a/x", 1, "the quote has no end"},
    {"\"\" > 1", 2, "no sensor can be called that"},
    {"5kW > a/x", 1, "is no number, and a sensor's name needs a slash or quotes"},
    {"system(\"rm\")", 1,
     "an unknown word; a sensor is written device/sensor, any other in quotes"},
    {"a/x > 5; a/y", 8, "the expression should end here"},
    {"a/x && a/y", 5, "the expression should end here"},
};

static void errors_say_where_and_why(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        struct expr e;
        size_t column = 0;
        const char *why = "";
        print_message("%s\n", errors[i].text);
        assert_false(expr_parse(errors[i].text, &e, &column, &why));
        assert_string_equal(why, errors[i].why);
        assert_int_equal(column, errors[i].column);
    }
}

static void fill(char *text, size_t size, const char *head, const char *part, int times,
                 const char *tail)
{
    size_t n = (size_t)snprintf(text, size, "%s", head);

    for (int i = 0; i < times; i++)
        n += (size_t)snprintf(text + n, size - n, "%s", part);
    snprintf(text + n, size - n, "%s", tail);
}

static void depth_length_and_inputs_are_bounded(void **state)
{
    static char text[20000];
    struct expr e;
    size_t column, n = 0;
    const char *why;

    (void)state;
    fill(text, sizeof(text), "", "(", 10000, "a/x");
    assert_false(expr_parse(text, &e, &column, &why));
    assert_string_equal(why, "the expression is too deep");
    fill(text, sizeof(text), "", "-", 10000, "a/x");
    assert_false(expr_parse(text, &e, &column, &why));
    fill(text, sizeof(text), "", "not ", 2000, "a/x > 1");
    assert_false(expr_parse(text, &e, &column, &why));
    fill(text, sizeof(text), "a/x", " + a/x", 1000, "");
    assert_false(expr_parse(text, &e, &column, &why));
    assert_string_equal(why, "the expression is too long");
    fill(text, sizeof(text), "", "a/x + (", 30, "a/x");
    strcat(text, "))))))))))))))))))))))))))))))");
    assert_true(expr_parse(text, &e, &column, &why));
    assert_int_equal(e.input_count, 1);
    for (int i = 0; i < EXPR_INPUTS_MAX + 1; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%sd/s%d", i ? " + " : "", i);
    assert_false(expr_parse(text, &e, &column, &why));
    assert_string_equal(why, "more than 16 sensors");
    fill(text, sizeof(text), "\"", "x", SENSOR_NAME_MAX + 1, "\" > 1");
    assert_false(expr_parse(text, &e, &column, &why));
}

static void inputs_are_known_once_each_and_so_is_the_kind(void **state)
{
    struct expr e;
    size_t column;
    const char *why;

    (void)state;
    assert_true(expr_parse("a/x - a/y > a/x", &e, &column, &why));
    assert_int_equal(e.input_count, 2);
    assert_string_equal(e.inputs[0], "a/x");
    assert_string_equal(e.inputs[1], "a/y");
    assert_true(e.is_truth);
    assert_true(expr_parse("a/x - a/y", &e, &column, &why));
    assert_false(e.is_truth);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(expressions_have_their_values),
        cmocka_unit_test(errors_say_where_and_why),
        cmocka_unit_test(depth_length_and_inputs_are_bounded),
        cmocka_unit_test(inputs_are_known_once_each_and_so_is_the_kind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
