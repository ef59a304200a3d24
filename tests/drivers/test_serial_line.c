/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/extract.h"
#include "drivers/serial/line.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static char seen[4096];

/* Lines joined by '|'; for one that was dropped why: '!' too long, '?' incomplete, '~' damaged, '#'
 * its checksum. */
static void note(void *arg, enum line_result result, const char *line)
{
    static const char *const marks[] = {[LINE_TOO_LONG] = "!",
                                        [LINE_INCOMPLETE] = "?",
                                        [LINE_DAMAGED] = "~",
                                        [LINE_BAD_CHECKSUM] = "#"};

    (void)arg;
    assert_int_equal(result == LINE_GOOD, line != NULL);
    strcat(strcat(seen, line ? line : marks[result]), "|");
}

static struct line_mark mark(const char *text)
{
    struct line_mark m = {.length = strlen(text)};

    memcpy(m.bytes, text, m.length);
    return m;
}

static struct line_format terminated(const char *terminator, size_t max)
{
    return (struct line_format){
        .end = LINE_END_TERMINATOR, .terminator = mark(terminator), .max = max};
}

/* Fed in pieces of every size; '_' is a silence of 10 ms. */
static void check_lines(const char *name, const struct line_format *format, const char *bytes,
                        size_t n, const char *expect)
{
    static struct line_reader r;

    for (size_t step = 1; step <= n; step++) {
        int64_t now = 1000;
        seen[0] = '\0';
        line_init(&r, format);
        for (size_t k = 0; k < n;) {
            if (bytes[k] == '_') {
                now += 10000;
                k++;
                line_feed(&r, now, NULL, 0, note, NULL);
                continue;
            }
            const char *pause = memchr(bytes + k, '_', n - k);
            size_t part = pause ? (size_t)(pause - bytes) - k : n - k;
            part = part < step ? part : step;
            line_feed(&r, now, bytes + k, part, note, NULL);
            k += part;
        }
        if (strcmp(seen, expect) != 0)
            fail_msg("%s in steps of %zu: %s, not %s", name, step, seen, expect);
    }
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
        {"\n", "12_34\n", "1234|"}, /* silence means nothing here */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line_format format = terminated(rows[i].terminator, 8);
        check_lines(rows[i].bytes, &format, rows[i].bytes, strlen(rows[i].bytes), rows[i].expect);
    }
}

static void frames_of_all_kinds_are_found_again_after_what_is_wrong(void **state)
{
    static const struct {
        const char *name, *start, *terminator;
        size_t length;
        int64_t gap_us;
        enum checksum checksum;
        const char *bytes, *expect;
    } rows[] = {
        {"start", "$", "\n", 0, 0, CHECKSUM_NONE, "noise\n$a\nmore$b\n", "a|b|"},
        {"lost end", "$", "\n", 0, 0, CHECKSUM_NONE, "$abc$de\n$f\n", "?|de|f|"},
        {"too long, then a start", "$", "\n", 0, 0, CHECKSUM_NONE, "$0123456789abcdefghijk$ok\n",
         "!|ok|"},
        {"two-byte start", "\x02W", "\x03", 0, 0, CHECKSUM_NONE, "x\x02\x02W1\x03y\x02W2\x03",
         "1|2|"},
        {"terminator and gap", "", "\n", 0, 5000, CHECKSUM_NONE, "ab_cd\n_ef\n", "?|cd|ef|"},
        {"length", "", "", 4, 5000, CHECKSUM_NONE, "abcdefgh_ij_klmn", "abcd|efgh|?|klmn|"},
        {"length and start", "#", "", 4, 5000, CHECKSUM_NONE, "zz#abc#defz#ghi", "abc|def|ghi|"},
        {"gap", "", "", 0, 5000, CHECKSUM_NONE, "abc_d_0123456789abcdefg_hi_", "abc|d|!|hi|"},
        {"gap and start", ":", "", 0, 5000, CHECKSUM_NONE, "abc_x:d_:_:e_", "d|e|"},
        {"nmea", "", "\r\n", 0, 0, CHECKSUM_NMEA,
         "$A,1*5C\r\n$A,2*5C\r\n$A,2\r\n$A,2*5f\r\n*00\r\n", "$A,1|#|#|$A,2|"},
        {"nmea without its sign", "$", "\n", 0, 0, CHECKSUM_NMEA, "$A,1*5C\n", "A,1|"},
        {"xor as text", "", "\n", 0, 0, CHECKSUM_XOR8, "ab03\nab04\n3\nxy01\n", "ab|#|#|xy|"},
        {"sum as bytes", "", "", 3, 5000, CHECKSUM_SUM8,
         "ab\xc3"
         "ab\xc4"
         "cd\xc7",
         "ab|#|cd|"},
        {"crc as text", "", "\n", 0, 0, CHECKSUM_CRC16,
         "123456789"
         "4B37\n"
         "12345678"
         "4B37\n",
         "123456789|#|"},
        {"crc as bytes, low first", "", "", 0, 5000, CHECKSUM_CRC16,
         "123456789\x37\x4b"
         "_"
         "123456789\x4b\x37"
         "_\x37_",
         "123456789|#|#|"},
        {"a frame inside a wrong one", "", "", 3, 0, CHECKSUM_SUM8,
         "zab\xc3"
         "cd\xc7",
         "#|ab|cd|"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct line_format format = {.start = mark(rows[i].start),
                                     .terminator = mark(rows[i].terminator),
                                     .length = rows[i].length,
                                     .gap_us = rows[i].gap_us,
                                     .checksum = rows[i].checksum,
                                     .max = 16};
        format.end = rows[i].length          ? LINE_END_LENGTH
                     : rows[i].terminator[0] ? LINE_END_TERMINATOR
                                             : LINE_END_GAP;
        check_lines(rows[i].name, &format, rows[i].bytes, strlen(rows[i].bytes), rows[i].expect);
    }
}

/* "2" with a parity error, made a NUL by the port: 1.5 would be a wrong value. */
static void a_nul_is_damage_where_parity_is_checked_and_a_space_elsewhere(void **state)
{
    static const char bytes[] = "\0"
                                "1.5\n7\n";
    struct line_format format = terminated("\n", 16);

    (void)state;
    check_lines("no parity", &format, bytes, sizeof(bytes) - 1, " 1.5|7|");
    format.nul_is_damage = true;
    check_lines("parity", &format, bytes, sizeof(bytes) - 1, "~|7|");
}

static void silence_is_due_only_in_a_frame_that_has_begun(void **state)
{
    static struct line_reader r;
    struct line_format format = {.end = LINE_END_GAP, .gap_us = 3000, .max = 8};

    (void)state;
    line_init(&r, &format);
    assert_int_equal(line_due_us(&r), INT64_MAX);
    line_feed(&r, 50, "a", 1, note, NULL);
    assert_int_equal(line_due_us(&r), 3050);
    line_feed(&r, 1000, NULL, 0, note, NULL); /* nothing came: the silence goes on */
    assert_int_equal(line_due_us(&r), 3050);
    seen[0] = '\0';
    line_feed(&r, 3050, "b", 1, note, NULL);
    assert_string_equal(seen, "a|");
}

static void noise_of_any_kind_is_survived(void **state)
{
    static struct line_reader r;
    char bytes[256];
    struct line_format format = terminated("\r\n", 64);

    (void)state;
    srand(1);
    line_init(&r, &format);
    for (int i = 0; i < 2000; i++) {
        size_t n = 1 + (size_t)rand() % sizeof(bytes);
        for (size_t k = 0; k < n; k++)
            bytes[k] = (char)(rand() % 4 ? rand() : '\r' + rand() % 2 * ('\n' - '\r'));
        seen[0] = '\0';
        line_feed(&r, 0, bytes, n, note, NULL);
        assert_true(r.length <= 66);
    }
    line_feed(&r, 0, "\r\n", 2, note, NULL);
    seen[0] = '\0';
    line_feed(&r, 0, "good\r\n", 6, note, NULL);
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
        {"1,2,3", ",", 2, true, 2},
        {"1,,3", ",", 2, false, 0},
        {"1,2", ",", 3, false, 0},
        {"  5   6 ", " ", 2, true, 6},
        {"5\t6", " ", 2, true, 6},
        {"a;b;-7.25kg", ";", 3, true, -7.25},
        {"1.2.3", ",", 1, false, 0},
        {"3 e", ",", 1, true, 3},
        {"--", ",", 1, false, 0},
        {"1::2::3", "::", 3, true, 3},
        {"1e400,2", ",", 1, false, 0},
        {"x", ",", 0, false, 0},
        {"+  1.235kg", ",", 1, true, 1.235},
        {"-  0.5,", ",", 1, true, -0.5},
        {"+-1", ",", 1, false, 0},
        {"- ", ",", 1, false, 0},
        {"+1.5e1", ",", 1, true, 15},
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

static void angles_are_degrees_and_minutes(void **state)
{
    static const struct {
        const char *line;
        bool found;
        double value;
    } rows[] = {
        {"4807.038,N", true, 48.1173},
        {"01131.000,W", true, -11.516666666666667},
        {"0000.0,S", true, 0},
        {"4860.0,N", false, 0},
        {"9100.0,N", false, 0},
        {"18000.0,E", true, 180},
        {"4807.038,X", false, 0},
        {"4807.038", false, 0},
        {",N", false, 0},
        {"-4807.038,N", false, 0},
        {"4807.038,", false, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct fields f;
        double value = 0;
        extract_split(rows[i].line, ",", &f);
        bool found = extract_angle(&f, 1, &value);
        if (found != rows[i].found || fabs(value - rows[i].value) > 1e-9)
            fail_msg("%s: %d %.12g", rows[i].line, found, value);
    }
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
        cmocka_unit_test(frames_of_all_kinds_are_found_again_after_what_is_wrong),
        cmocka_unit_test(a_nul_is_damage_where_parity_is_checked_and_a_space_elsewhere),
        cmocka_unit_test(silence_is_due_only_in_a_frame_that_has_begun),
        cmocka_unit_test(noise_of_any_kind_is_survived),
        cmocka_unit_test(escapes_become_bytes),
        cmocka_unit_test(fields_are_split),
        cmocka_unit_test(keys_are_found),
        cmocka_unit_test(angles_are_degrees_and_minutes),
        cmocka_unit_test(groups_are_fields),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
