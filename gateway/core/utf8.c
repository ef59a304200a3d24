/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/utf8.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static bool is_continuation(unsigned char c)
{
    return (c & 0xc0) == 0x80;
}

size_t utf8_length(const char *text, size_t available)
{
    /* first byte from … to, length, and the range of the second byte (RFC 3629, section 4) */
    static const struct {
        unsigned char from, to, length, second_from, second_to;
    } forms[] = {
        {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
        {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
        {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
    };
    const unsigned char *s = (const unsigned char *)text;

    if (available == 0)
        return 0;
    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (s[0] < forms[i].from || s[0] > forms[i].to)
            continue;
        size_t length = forms[i].length;
        if (length == 1)
            return 1;
        if (length > available || s[1] < forms[i].second_from || s[1] > forms[i].second_to)
            return 0;
        for (size_t k = 2; k < length; k++) {
            if (!is_continuation(s[k]))
                return 0;
        }
        return length;
    }
    return 0;
}

size_t utf8_prefix(const char *text, size_t length)
{
    size_t at = 0;

    for (size_t n; at < length && (n = utf8_length(text + at, length - at)) > 0;)
        at += n;
    return at;
}

void utf8_copy(char *to, size_t size, const char *text)
{
    size_t length = utf8_prefix(text, strnlen(text, size - 1));

    memcpy(to, text, length);
    to[length] = '\0';
}
