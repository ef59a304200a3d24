/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/sensor.h"
#include "gateway/core/thread.h"
#include "gateway/core/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static struct sensor named(const char *name)
{
    return (struct sensor){.name = name, .unit = "°C", .device = "boiler", .every_us = 5};
}

static void added_sensors_are_found_by_index_and_by_name(void **state)
{
    struct sensor_table *t;
    struct sensor a = named("boiler/flow"), b = named("boiler/return");
    uint32_t ia, ib;

    (void)state;
    assert_int_equal(sensor_table_create(&t, 10), GW_OK);
    assert_int_equal(sensor_table_add(t, &a, &ia), GW_OK);
    assert_int_equal(sensor_table_add(t, &b, &ib), GW_OK);
    assert_int_equal(ia, 0);
    assert_int_equal(ib, 1);
    assert_string_equal(sensor_table_get(t, 1)->name, "boiler/return");
    assert_string_equal(sensor_table_get(t, 1)->unit, "°C");
    assert_string_equal(sensor_table_get(t, 1)->device, "boiler");
    assert_null(sensor_table_get(t, 2));
    assert_null(sensor_table_get(t, SENSOR_NONE));
    assert_int_equal(sensor_table_find(t, "boiler/flow"), 0);
    assert_int_equal(sensor_table_find(t, "boiler"), SENSOR_NONE);
    sensor_table_destroy(t);
}

static void strings_are_copied(void **state)
{
    struct sensor_table *t;
    char name[] = "a/b";
    struct sensor s = named(name);
    uint32_t index;

    (void)state;
    assert_int_equal(sensor_table_create(&t, 1), GW_OK);
    assert_int_equal(sensor_table_add(t, &s, &index), GW_OK);
    name[0] = 'x';
    assert_string_equal(sensor_table_get(t, index)->name, "a/b");
    sensor_table_destroy(t);
}

static void a_taken_name_gives_the_index_it_has(void **state)
{
    struct sensor_table *t;
    struct sensor s = named("x/y");
    uint32_t first, second = 99;

    (void)state;
    assert_int_equal(sensor_table_create(&t, 2), GW_OK);
    assert_int_equal(sensor_table_add(t, &s, &first), GW_OK);
    assert_int_equal(sensor_table_add(t, &s, &second), GW_EEXIST);
    assert_int_equal(second, first);
    assert_int_equal(sensor_table_count(t), 1);
    sensor_table_destroy(t);
}

static void a_sensor_can_be_described_anew(void **state)
{
    struct sensor_table *t;
    struct sensor s = {.name = "a/t", .unit = "K", .device = "a", .source = 1};
    uint32_t index = 9;

    (void)state;
    assert_int_equal(sensor_table_create(&t, 1), GW_OK);
    assert_int_equal(sensor_table_put(t, &s, &index), GW_OK);
    const struct sensor *first = sensor_table_get(t, index);
    assert_int_equal(sensor_table_put(t, &s, &index), GW_OK);
    assert_ptr_equal(sensor_table_get(t, index), first); /* nothing new */
    s.unit = "°C";
    s.gone = true;
    assert_int_equal(sensor_table_put(t, &s, &index), GW_OK);
    assert_int_equal(index, 0);
    assert_int_equal(sensor_table_count(t), 1);
    assert_string_equal(sensor_table_get(t, 0)->unit, "°C");
    assert_true(sensor_table_get(t, 0)->gone);
    assert_string_equal(first->unit, "K"); /* who looked before sees what he saw */
    assert_int_equal(sensor_table_find(t, "a/t"), 0);
    s.unit = "K";
    s.gone = false;
    assert_int_equal(sensor_table_put(t, &s, &index), GW_OK);
    assert_ptr_equal(sensor_table_get(t, 0), first); /* as it was once: takes no more memory */
    s.name = "b/t";
    assert_int_equal(sensor_table_put(t, &s, &index), GW_EFULL);
    sensor_table_destroy(t);
}

static void a_full_table_refuses(void **state)
{
    struct sensor_table *t;
    uint32_t index;

    (void)state;
    assert_int_equal(sensor_table_create(&t, 100), GW_OK);
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof(name), "s/%d", i);
        struct sensor s = named(name);
        assert_int_equal(sensor_table_add(t, &s, &index), GW_OK);
    }
    struct sensor more = named("s/more");
    assert_int_equal(sensor_table_add(t, &more, &index), GW_EFULL);
    assert_int_equal(sensor_table_find(t, "s/57"), 57);
    sensor_table_destroy(t);
}

static void names_that_are_unsafe_in_a_topic_are_refused(void **state)
{
    static const struct {
        const char *name;
        const char *problem; /* part of it; NULL: fine */
    } cases[] = {
        {"boiler/flow_temp", NULL},
        {"Küche/Temperatur °C", NULL},
        {"a", NULL},
        {"a b/c d", NULL},
        {"", "empty"},
        {"$SYS/x", "'$'"},
        {" a", "space"},
        {"a ", "space"},
        {"/a", "empty part"},
        {"a/", "empty part"},
        {"a//b", "empty part"},
        {"a/+/b", "'+'"},
        {"a#", "'#'"},
        {"a\nb", "control"},
        {"a\x7f", "control"},
        {"a\xc2\x85z", "control"},
        {"a\xff", "UTF-8"},
        {"a\xc3", "UTF-8"},
        {"a\xed\xa0\x80", "UTF-8"}, /* a surrogate */
        {"a\xc0\xaf", "UTF-8"},     /* an overlong '/' */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *problem = sensor_name_problem(cases[i].name);
        int as_expected = cases[i].problem ? problem && strstr(problem, cases[i].problem) != NULL
                                           : problem == NULL;
        if (!as_expected)
            print_error("row %zu: \"%s\" gave %s\n", i, cases[i].name, problem ? problem : "ok");
        assert_true(as_expected);
    }
    char longest[SENSOR_NAME_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    longest[SENSOR_NAME_MAX] = '\0';
    assert_null(sensor_name_problem(longest));
    longest[SENSOR_NAME_MAX] = 'a';
    longest[SENSOR_NAME_MAX + 1] = '\0';
    assert_non_null(sensor_name_problem(longest));
}

static void utf8_reads_no_further_than_it_may(void **state)
{
    (void)state;
    assert_int_equal(utf8_length("a", 1), 1);
    assert_int_equal(utf8_length("", 0), 0);
    assert_int_equal(utf8_length("\xe2\x82\xac", 3), 3);
    assert_int_equal(utf8_length("\xe2\x82\xac", 2), 0);
    assert_int_equal(utf8_length("\xf0\x9f\x8c\xa1", 4), 4);
    assert_int_equal(utf8_length("\xf5\x80\x80\x80", 4), 0);
    assert_int_equal(utf8_length("\x80", 1), 0);
}

enum { ADDERS = 4, NAMES = 500 };

struct adders {
    struct sensor_table *t;
    atomic_uint failures;
};

/* All add the same names: each name must end with one index, whoever was first. */
static void add_all(void *arg)
{
    struct adders *a = arg;

    for (int i = 0; i < NAMES; i++) {
        char name[16];
        uint32_t index = SENSOR_NONE;
        snprintf(name, sizeof(name), "s/%d", i);
        struct sensor s = named(name);
        enum gw_err err = sensor_table_add(a->t, &s, &index);
        const struct sensor *got = sensor_table_get(a->t, index);
        if ((err != GW_OK && err != GW_EEXIST) || !got || strcmp(got->name, name) != 0)
            atomic_fetch_add(&a->failures, 1);
    }
}

static void threads_may_add_and_look_at_the_same_time(void **state)
{
    struct adders a = {0};
    struct thread threads[ADDERS] = {0};

    (void)state;
    assert_int_equal(sensor_table_create(&a.t, NAMES), GW_OK);
    for (int i = 0; i < ADDERS; i++)
        assert_int_equal(thread_start(&threads[i], "adder", add_all, &a), GW_OK);
    for (int i = 0; i < ADDERS; i++)
        thread_join(&threads[i]);
    assert_int_equal(a.failures, 0);
    assert_int_equal(sensor_table_count(a.t), NAMES);
    sensor_table_destroy(a.t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(added_sensors_are_found_by_index_and_by_name),
        cmocka_unit_test(strings_are_copied),
        cmocka_unit_test(a_taken_name_gives_the_index_it_has),
        cmocka_unit_test(a_sensor_can_be_described_anew),
        cmocka_unit_test(a_full_table_refuses),
        cmocka_unit_test(names_that_are_unsafe_in_a_topic_are_refused),
        cmocka_unit_test(utf8_reads_no_further_than_it_may),
        cmocka_unit_test(threads_may_add_and_look_at_the_same_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
