/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/file/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define W1(crc, t)                                                                                 \
    "72 01 4b 46 7f ff 0e 10 57 : crc=57 " crc "\n72 01 4b 46 7f ff 0e 10 57 t=" t "\n"

static void texts_become_values_or_say_why_not(void **state)
{
    static const struct {
        const char *text;
        enum file_format format;
        enum quality quality;
        double raw;
    } rows[] = {
        {"48312\n", FILE_AUTO, QUALITY_GOOD, 48312},
        {"  -12.5e1 mV\n", FILE_NUMBER, QUALITY_GOOD, -125},
        {"", FILE_AUTO, QUALITY_INVALID, 0},
        {"\n", FILE_AUTO, QUALITY_INVALID, 0},
        {"n/a\n", FILE_AUTO, QUALITY_INVALID, 0},
        {"12abc\n", FILE_AUTO, QUALITY_INVALID, 0},
        {"inf\n", FILE_AUTO, QUALITY_INVALID, 0},
        {W1("YES", "23125"), FILE_AUTO, QUALITY_GOOD, 23.125},
        {W1("YES", "-1062"), FILE_W1, QUALITY_GOOD, -1.062},
        {W1("NO", "23125"), FILE_AUTO, QUALITY_CRC, 0},
        {W1("YES", "85000"), FILE_AUTO, QUALITY_INVALID, 0},
        {W1("YES", "-127000"), FILE_AUTO, QUALITY_INVALID, 0},
        {W1("YES", ""), FILE_AUTO, QUALITY_INVALID, 0},
        {"00 00 : crc=00 YES\n", FILE_AUTO, QUALITY_INVALID, 0},
        {"23125\n", FILE_W1, QUALITY_INVALID, 0},
        {W1("YES", "23125"), FILE_NUMBER, QUALITY_GOOD, 72}, /* as it was asked for */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        double raw = 0;
        enum quality quality = file_parse(rows[i].text, rows[i].format, NULL, &raw);
        if (quality != rows[i].quality || raw != rows[i].raw)
            fail_msg("row %zu: %s, %g", i, quality_name(quality), raw);
    }
}

static void an_expression_finds_the_number(void **state)
{
    regex_t regex;
    double raw;

    (void)state;
    assert_int_equal(regcomp(&regex, "^MemFree: +([0-9]+)", REG_EXTENDED | REG_NEWLINE), 0);
    assert_int_equal(file_parse("MemTotal: 5 kB\nMemFree:    42 kB\n", FILE_AUTO, &regex, &raw),
                     QUALITY_GOOD);
    assert_true(raw == 42);
    assert_int_equal(file_parse("MemTotal: 5 kB\n", FILE_AUTO, &regex, &raw), QUALITY_INVALID);
    regfree(&regex);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_become_values_or_say_why_not),
        cmocka_unit_test(an_expression_finds_the_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
