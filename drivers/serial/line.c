/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/line.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

void line_init(struct line_reader *r, const char *terminator, size_t terminator_length, size_t max)
{
    assert(terminator_length > 0 && terminator_length <= TERMINATOR_MAX && max <= LINE_MAX_BYTES);
    memset(r, 0, sizeof(*r));
    memcpy(r->terminator, terminator, terminator_length);
    r->terminator_length = terminator_length;
    r->max = max;
}

static bool ends_line(const struct line_reader *r)
{
    return r->length >= r->terminator_length && memcmp(r->bytes + r->length - r->terminator_length,
                                                       r->terminator, r->terminator_length) == 0;
}

/* Noise may hold NULs, which would cut the line short: they become spaces. */
static void give(struct line_reader *r, line_fn *fn, void *arg)
{
    size_t length = r->length - r->terminator_length;

    if (length > 0 && r->bytes[length - 1] == '\r')
        length--;
    for (size_t i = 0; i < length; i++) {
        if (r->bytes[i] == '\0')
            r->bytes[i] = ' ';
    }
    r->bytes[length] = '\0';
    if (length > 0)
        fn(arg, r->bytes);
}

/* Of a line that is too long only as much is kept as a terminator may begin in. */
static void skip(struct line_reader *r)
{
    size_t keep = r->terminator_length - 1;

    memmove(r->bytes, r->bytes + r->length - keep, keep);
    r->length = keep;
    r->skipping = true;
}

void line_feed(struct line_reader *r, const char *bytes, size_t n, line_fn *fn, void *arg)
{
    for (size_t i = 0; i < n; i++) {
        r->bytes[r->length++] = bytes[i];
        if (ends_line(r)) {
            if (r->skipping)
                fn(arg, NULL);
            else
                give(r, fn, arg);
            r->length = 0;
            r->skipping = false;
        } else if (r->length >=
                   (r->skipping ? r->terminator_length : r->max + r->terminator_length)) {
            skip(r);
        }
    }
}

static bool escape(const char **text, char *out)
{
    static const char from[] = "rnt\\0", to[] = "\r\n\t\\\0";
    const char *p = *text;
    const char *known = *p ? strchr(from, *p) : NULL;

    if (known) {
        *out = to[known - from];
        *text = p + 1;
        return true;
    }
    if (p[0] != 'x' || !isxdigit((unsigned char)p[1]) || !isxdigit((unsigned char)p[2]))
        return false;
    const char digits[] = {p[1], p[2], '\0'};
    *out = (char)strtoul(digits, NULL, 16);
    *text = p + 3;
    return true;
}

bool line_unescape(const char *text, char *out, size_t size, size_t *length)
{
    size_t n = 0;

    while (*text) {
        char c = *text++;
        if (c == '\\' && !escape(&text, &c))
            return false;
        if (n == size)
            return false;
        out[n++] = c;
    }
    *length = n;
    return true;
}
