/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/topic.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static void filters_are_checked(void **state)
{
    static const struct {
        const char *filter;
        bool valid;
    } rows[] = {{"a/b", true},          {"+", true},         {"#", true},
                {"a/+/c", true},        {"a/#", true},       {"/a", true},
                {"$share/g/a/+", true}, {"", false},         {"a+/b", false},
                {"a/#/b", false},       {"a#", false},       {"a/+b", false},
                {"$share/g", false},    {"$share//a", false}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if ((topic_filter_problem(rows[i].filter) == NULL) != rows[i].valid)
            fail_msg("%s", rows[i].filter);
    }
}

static void topics_match_as_the_standard_says(void **state)
{
    static const struct {
        const char *filter, *topic;
        bool match;
        const char *name; /* of "{1}-{2}" where there are two captures */
    } rows[] = {{"a/b", "a/b", true, NULL},
                {"a/b", "a/bc", false, NULL},
                {"a/b", "a", false, NULL},
                {"a", "a/b", false, NULL},
                {"a/+", "a/b", true, NULL},
                {"a/+", "a/", true, NULL},
                {"a/+", "a", false, NULL},
                {"a/+", "a/b/c", false, NULL},
                {"+/+", "x/y", true, "x-y"},
                {"+/+", "/y", true, "-y"},
                {"a/#", "a", true, NULL},
                {"a/#", "a/b/c", true, NULL},
                {"+/b/#", "x/b/c/d", true, "x-c/d"},
                {"#", "a/b", true, NULL},
                {"#", "$SYS/x", false, NULL},
                {"+/x", "$SYS/x", false, NULL},
                {"$SYS/#", "$SYS/x", true, NULL},
                {"$share/g/a/+", "a/b", true, NULL},
                {"A/b", "a/b", false, NULL}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct topic_captures captures;
        char name[32];
        if (topic_match(rows[i].filter, rows[i].topic, &captures) != rows[i].match)
            fail_msg("%s and %s", rows[i].filter, rows[i].topic);
        if (!rows[i].name)
            continue;
        assert_true(topic_expand("{1}-{2}", &captures, name, sizeof(name)));
        assert_string_equal(name, rows[i].name);
    }
}

static void names_are_made_of_captures(void **state)
{
    struct topic_captures captures;
    char name[11];

    (void)state;
    assert_true(topic_match("a/+/c", "a/north/c", &captures));
    assert_true(topic_expand("{1}/t", &captures, name, sizeof(name)));
    assert_string_equal(name, "north/t");
    assert_false(topic_expand("{2}/t", &captures, name, sizeof(name)));
    assert_false(topic_expand("{1}/{1}", &captures, name, sizeof(name))); /* one byte too long */
    assert_true(topic_expand("{x}{", &captures, name, sizeof(name)));
    assert_string_equal(name, "{x}{");
    assert_int_equal(topic_highest_capture("a{3}/{1}"), 3);
    assert_int_equal(topic_highest_capture("a"), 0);
    assert_int_equal(topic_wildcards("+/a/#"), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_are_checked),
        cmocka_unit_test(topics_match_as_the_standard_says),
        cmocka_unit_test(names_are_made_of_captures),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
