/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

/* The forms of RFC 3629, section 4, and what is just beside them. */
static const struct {
    const char *text;
    size_t length;
} characters[] = {
    {"a", 1},
    {"\xc2\x80", 2},
    {"\xdf\xbf", 2},
    {"\xe0\xa0\x80", 3},
    {"\xed\x9f\xbf", 3},
    {"\xef\xbf\xbf", 3},
    {"\xf0\x90\x80\x80", 4},
    {"\xf4\x8f\xbf\xbf", 4},
    {"\x80", 0},             /* a continuation alone */
    {"\xc1\xbf", 0},         /* overlong */
    {"\xe0\x9f\xbf", 0},     /* overlong */
    {"\xf0\x8f\xbf\xbf", 0}, /* overlong */
    {"\xed\xa0\x80", 0},     /* a surrogate */
    {"\xf4\x90\x80\x80", 0}, /* above U+10FFFF */
    {"\xf5\x80\x80\x80", 0},
    {"\xc3", 0}, /* ends early */
    {"\xe2\x82", 0},
    {"\xe2\x82x", 0},
};

static void a_character_is_well_formed_or_none(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(characters) / sizeof(characters[0]); i++) {
        if (utf8_length(characters[i].text, strlen(characters[i].text)) != characters[i].length)
            fail_msg("row %zu", i);
    }
    assert_int_equal(utf8_length("", 0), 0);
}

static void a_copy_has_whole_characters_only(void **state)
{
    static const struct {
        const char *text;
        size_t size;
        const char *copy;
    } copies[] = {
        {"", 4, ""},
        {"abc", 4, "abc"},
        {"abcd", 4, "abc"},
        {"a\xc3\xb6z", 4, "a\xc3\xb6"},
        {"ab\xc3\xb6", 4, "ab"},
        {"\xe2\x82\xac", 3, ""},
        {"a", 1, ""},
        {"a\xff"
         "b",
         8, "a"},
    };
    char out[8];

    (void)state;
    for (size_t i = 0; i < sizeof(copies) / sizeof(copies[0]); i++) {
        utf8_copy(out, copies[i].size, copies[i].text);
        if (strcmp(out, copies[i].copy) != 0)
            fail_msg("row %zu: %s", i, out);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_character_is_well_formed_or_none),
        cmocka_unit_test(a_copy_has_whole_characters_only),
    };

    return cmocka_run_group_tests_name("core/utf8", tests, NULL, NULL);
}
