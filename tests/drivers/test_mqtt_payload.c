/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/payload.h"
#include "gateway/core/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define NOW (INT64_C(1790000000) * US_PER_SECOND)
#define T2026 (INT64_C(1767225600) * US_PER_SECOND)

static void numbers_are_found(void **state)
{
    static const struct {
        const char *text, *pointer;
        bool found;
        double value;
    } rows[] = {
        {"21.5", NULL, true, 21.5},
        {" -3e2\n", NULL, true, -300},
        {"true", NULL, true, 1},
        {"OFF", NULL, true, 0},
        {"", NULL, false, 0},
        {"nan", NULL, false, 0},
        {"0x10", NULL, false, 0},
        {"1e999", NULL, false, 0},
        {"12 kg", NULL, false, 0},
        {"{\"t\":7}", NULL, false, 0},
        {"{\"t\":7}", "/t", true, 7},
        {"{\"t\":\"7.5\"}", "/t", true, 7.5},
        {"{\"t\":false}", "/t", true, 0},
        {"{\"t\":null}", "/t", false, 0},
        {"{\"t\":{}}", "/t", false, 0},
        {"{\"T\":7}", "/t", false, 0},
        {"{\"a\":{\"b\":[1,2,3]}}", "/a/b/2", true, 3},
        {"{\"a\":{\"b\":[1,2,3]}}", "/a/b/3", false, 0},
        {"{\"a\":{\"b\":[1,2,3]}}", "/a/b/02", false, 0},
        {"{\"a\":{\"b\":[1,2,3]}}", "/a/b/-", false, 0},
        {"{\"a/b\":1,\"m~n\":2}", "/a~1b", true, 1},
        {"{\"a/b\":1,\"m~n\":2}", "/m~0n", true, 2},
        {"{\"\":4}", "/", true, 4},
        {"5", "", true, 5},
        {"{\"t\":7,\"t\":8}", "/t", false, 0},
        {"{\"t\":1e999}", "/t", false, 0},
        {"{\"t\":7} x", "/t", false, 0},
        {"{\"t\":7", "/t", false, 0},
        {"[[[[[[[[1]]]]]]]]", "/0/0/0/0/0/0/0/0", true, 1},
        {"[[[[[[[[[1]]]]]]]]]", "/0/0/0/0/0/0/0/0/0", false, 0},
        {"{\"x\":\"[[[[[[[[[[[\",\"t\":1}", "/t", true, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct payload p;
        double value = 0;
        payload_init(&p, rows[i].text, strlen(rows[i].text));
        bool found = payload_number(&p, rows[i].pointer, &value);
        payload_fini(&p);
        if (found != rows[i].found || value != rows[i].value)
            fail_msg("%s at %s: %d, %g", rows[i].text, rows[i].pointer ? rows[i].pointer : "-",
                     found, value);
    }
}

static void times_are_found_in_their_forms(void **state)
{
    static const struct {
        const char *text;
        int64_t us; /* 0: none */
    } rows[] = {
        {"{\"t\":\"2026-01-01T00:00:00Z\"}", T2026},
        {"{\"t\":\"2026-01-01T00:00:00.25Z\"}", T2026 + 250 * US_PER_MS},
        {"{\"t\":\"2026-01-01T02:30:00+02:30\"}", T2026},
        {"{\"t\":\"2025-12-31 19:00:00-05:00\"}", T2026},
        {"{\"t\":1767225600}", T2026},
        {"{\"t\":1767225600.5}", T2026 + 500 * US_PER_MS},
        {"{\"t\":\"1767225600\"}", T2026},
        {"{\"t\":1767225600123}", T2026 + 123 * US_PER_MS},
        {"{\"t\":1767225600123456}", T2026 + 123456},
        {"{\"t\":\"2026-01-01T00:00:00\"}", 0}, /* which zone? */
        {"{\"t\":\"yesterday\"}", 0},
        {"{\"t\":5}", 0},           /* a device without a clock */
        {"{\"t\":99999999999}", 0}, /* the year 5138 */
        {"{\"t\":true}", 0},
        {"{\"t\":-1767225600}", 0},
        {"{}", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct payload p;
        int64_t us = 0;
        payload_init(&p, rows[i].text, strlen(rows[i].text));
        bool found = payload_time(&p, "/t", NOW, &us);
        payload_fini(&p);
        if (found != (rows[i].us != 0) || us != rows[i].us)
            fail_msg("%s: %lld", rows[i].text, (long long)us);
    }
}

static void a_text_need_not_end_with_nul(void **state)
{
    static const char bytes[] = {'1', '2', '3', '4'};
    struct payload p;
    double value;

    (void)state;
    payload_init(&p, bytes, 2);
    assert_true(payload_number(&p, NULL, &value));
    assert_true(value == 12);
    assert_true(payload_number(&p, "", &value));
    assert_true(value == 12);
    payload_fini(&p);
}

static void pointers_are_checked(void **state)
{
    (void)state;
    assert_null(payload_pointer_problem("/a/b~0~1"));
    assert_null(payload_pointer_problem(""));
    assert_non_null(payload_pointer_problem("a"));
    assert_non_null(payload_pointer_problem("/a~2"));
    assert_non_null(payload_pointer_problem("/a~"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_found),
        cmocka_unit_test(times_are_found_in_their_forms),
        cmocka_unit_test(a_text_need_not_end_with_nul),
        cmocka_unit_test(pointers_are_checked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
