/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/extract.h"
#include "drivers/serial/line.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static char seen[4096];

/* Lines joined by '|'; "!" for one that was dropped. */
static void note(void *arg, const char *line)
{
    (void)arg;
    strcat(strcat(seen, line ? line : "!"), "|");
}

static void lines_come_out_however_the_bytes_are_split(void **state)
{
    static const struct {
        const char *terminator, *bytes, *expect;
    } rows[] = {
        {"\n", "a\nbc\r\n\n\r\nd", "a|bc|"},
        {"\r\n", "a\nb\r\nc\r\n", "a\nb|c|"},
        {"\r", "x\ry\r", "x|y|"},
        {"\n", "12345678\n123456789\nok\n", "12345678|!|ok|"},
        {"\n", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\nok\n", "!|ok|"},
        {"END", "aENDbENEND", "a|bEN|"},
        {"\r\n", "aaaaaaaaaaaaaaaaaaaaaaaaaa\raaa\r\nok\r\n", "!|ok|"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        size_t n = strlen(rows[i].bytes);
        for (size_t step = 1; step <= n; step++) {
            static struct line_reader r;
            seen[0] = '\0';
            line_init(&r, rows[i].terminator, strlen(rows[i].terminator), 8);
            for (size_t k = 0; k < n; k += step)
                line_feed(&r, rows[i].bytes + k, n - k < step ? n - k : step, note, NULL);
            if (strcmp(seen, rows[i].expect) != 0)
                fail_msg("row %zu in steps of %zu: %s", i, step, seen);
        }
    }
}

static void noise_of_any_kind_is_survived(void **state)
{
    static struct line_reader r;
    char bytes[256];

    (void)state;
    srand(1);
    line_init(&r, "\r\n", 2, 64);
    for (int i = 0; i < 2000; i++) {
        size_t n = 1 + (size_t)rand() % sizeof(bytes);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)(rand() % 4 ? rand() : '\r' + rand() % 2 * ('\n' - '\r'));
        seen[0] = '\0';
        line_feed(&r, bytes, n, note, NULL);
        assert_true(r.length <= 66);
    }
    line_feed(&r, "\r\n", 2, note, NULL);
    seen[0] = '\0';
    line_feed(&r, "good\r\n", 6, note, NULL);
    assert_string_equal(seen, "good|");
}

static void escapes_become_bytes(void **state)
{
    char out[8];
    size_t n;

    (void)state;
    assert_true(line_unescape("a\\r\\n\\x02\\\\", out, sizeof(out), &n));
    assert_int_equal(n, 5);
    assert_memory_equal(out, "a\r\n\x02\\", 5);
    assert_false(line_unescape("\\q", out, sizeof(out), &n));
    assert_false(line_unescape("\\x0", out, sizeof(out), &n));
    assert_false(line_unescape("123456789", out, sizeof(out), &n));
    assert_true(line_unescape("\\0", out, sizeof(out), &n)); /* NUL */
    assert_int_equal(n, 1);
}

static void fields_are_split(void **state)
{
    static const struct {
        const char *line, *separator;
        size_t field;
        bool found;
        double value;
    } rows[] = {
        {"1,2,3", ",", 2, true, 2},    {"1,,3", ",", 2, false, 0},
        {"1,2", ",", 3, false, 0},     {"  5   6 ", " ", 2, true, 6},
        {"5\t6", " ", 2, true, 6},     {"a;b;-7.25kg", ";", 3, true, -7.25},
        {"1.2.3", ",", 1, false, 0},   {"3 e", ",", 1, true, 3},
        {"--", ",", 1, false, 0},      {"1::2::3", "::", 3, true, 3},
        {"1e400,2", ",", 1, false, 0}, {"x", ",", 0, false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fields f;
        double value = 0;
        extract_split(rows[i].line, rows[i].separator, &f);
        bool found = extract_field(&f, rows[i].field, &value);
        if (found != rows[i].found || value != rows[i].value)
            fail_msg("%s: %d %g", rows[i].line, found, value);
    }
}

static void keys_are_found(void **state)
{
    struct fields f;
    double value;

    (void)state;
    extract_split("T=21.5, RH: 40 ,x", ",", &f);
    assert_true(extract_key(&f, "T", &value) && value == 21.5);
    assert_true(extract_key(&f, "RH", &value) && value == 40);
    assert_false(extract_key(&f, "R", &value));
    assert_false(extract_key(&f, "x", &value));
}

static void groups_are_fields(void **state)
{
    regex_t regex;
    struct fields f;
    double value;

    (void)state;
    assert_int_equal(regcomp(&regex, "^W +([-0-9.]+) kg( T([0-9]+))?", REG_EXTENDED), 0);
    assert_true(extract_match("W   12.5 kg", &regex, &f));
    assert_true(extract_field(&f, 1, &value) && value == 12.5);
    assert_false(extract_field(&f, 3, &value)); /* took no part */
    assert_true(extract_match("W 1 kg T7", &regex, &f));
    assert_true(extract_field(&f, 3, &value) && value == 7);
    assert_false(extract_match("X 1 kg", &regex, &f));
    regfree(&regex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_come_out_however_the_bytes_are_split),
        cmocka_unit_test(noise_of_any_kind_is_survived),
        cmocka_unit_test(escapes_become_bytes),
        cmocka_unit_test(fields_are_split),
        cmocka_unit_test(keys_are_found),
        cmocka_unit_test(groups_are_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
