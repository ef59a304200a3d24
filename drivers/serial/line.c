/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/line.h"

#include <assert.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What is fed is given to this. */
struct receiver {
    line_fn *fn;
    void *arg;
};

void line_init(struct line_reader *r, const struct line_format *format)
{
    assert(format->max <= LINE_MAX_BYTES && format->length <= format->max);
    assert(format->end != LINE_END_TERMINATOR || format->terminator.length > 0);
    assert(format->end != LINE_END_LENGTH || format->length > format->start.length);
    assert(format->end != LINE_END_GAP || format->gap_us > 0);
    memset(r, 0, sizeof(*r));
    r->format = *format;
}

const char *line_result_text(enum line_result result)
{
    static const char *const texts[] = {
#define X(id, text) [id] = (text),
        LINE_RESULTS(X)
#undef X
    };

    return texts[result];
}

static bool ends_with(const struct line_reader *r, const struct line_mark *mark)
{
    return mark->length > 0 && r->length >= mark->length &&
           memcmp(r->bytes + r->length - mark->length, mark->bytes, mark->length) == 0;
}

static void forget(struct line_reader *r, size_t n)
{
    r->length -= n;
    memmove(r->bytes, r->bytes + n, r->length);
}

/* Drops what cannot be the beginning of a frame. */
static void find_start(struct line_reader *r)
{
    const struct line_mark *start = &r->format.start;

    for (size_t n = 0; n <= r->length; n++) {
        size_t left = r->length - n;
        size_t same = left < start->length ? left : start->length;
        if (memcmp(r->bytes + n, start->bytes, same) == 0) {
            if (n > 0)
                forget(r, n);
            return;
        }
    }
}

static void tell(const struct receiver *to, enum line_result result)
{
    to->fn(to->arg, result, NULL);
}

/* Judges the frame of n bytes at the buffer's beginning, and gives it away when it is good. */
static enum line_result give(struct line_reader *r, size_t n, const struct receiver *to)
{
    const struct line_format *f = &r->format;
    char *text = r->bytes + f->start.length;
    bool as_text = f->end == LINE_END_TERMINATOR;
    char after;

    n -= f->start.length;
    if (as_text && n > 0 && text[n - 1] == '\r')
        n--;
    if (n == 0)
        return LINE_GOOD;
    if (f->nul_is_damage && memchr(text, '\0', n))
        return LINE_DAMAGED;
    if (!checksum_take(f->checksum, as_text, text, &n))
        return LINE_BAD_CHECKSUM;
    /* A NUL would cut the line short. */
    for (char *nul; (nul = memchr(text, '\0', n));)
        *nul = ' ';
    after = text[n];
    text[n] = '\0';
    if (n > 0)
        to->fn(to->arg, LINE_GOOD, text);
    text[n] = after;
    return LINE_GOOD;
}

static void begin_anew(struct line_reader *r)
{
    r->length = 0;
    r->skipping = r->searching = false;
}

static void end_line(struct line_reader *r, size_t n, const struct receiver *to)
{
    enum line_result result = r->skipping ? LINE_TOO_LONG : give(r, n, to);

    if (result != LINE_GOOD)
        tell(to, result);
    begin_anew(r);
}

/* The silence after a frame that should have ended otherwise, or did. */
static void silence(struct line_reader *r, const struct receiver *to)
{
    if (r->format.end == LINE_END_GAP && (r->skipping || r->length > r->format.start.length)) {
        end_line(r, r->length, to);
        return;
    }
    if (r->format.end != LINE_END_GAP && !r->searching)
        tell(to, r->skipping ? LINE_TOO_LONG : LINE_INCOMPLETE);
    begin_anew(r);
}

/* Of a frame that is too long only as much is kept as a terminator or a start may begin in. */
static void skip(struct line_reader *r)
{
    const struct line_format *f = &r->format;
    size_t mark = f->terminator.length > f->start.length ? f->terminator.length : f->start.length;
    size_t keep = mark > 0 ? mark - 1 : 0;

    if (r->length > keep)
        forget(r, r->length - keep);
    r->skipping = true;
}

/* The frame begins again before it has ended: its end was lost. */
static void restart(struct line_reader *r, const struct receiver *to)
{
    tell(to, r->skipping ? LINE_TOO_LONG : LINE_INCOMPLETE);
    forget(r, r->length - r->format.start.length);
    r->skipping = false;
}

static void terminated(struct line_reader *r, const struct receiver *to)
{
    const struct line_format *f = &r->format;
    size_t marks = f->start.length + f->terminator.length;

    if (ends_with(r, &f->terminator) && (r->skipping || r->length >= marks))
        end_line(r, r->length - f->terminator.length, to);
    else if (ends_with(r, &f->start) && (r->skipping || r->length > f->start.length))
        restart(r, to);
    else if (r->skipping || r->length >= f->max + f->terminator.length)
        skip(r);
}

/* A frame that is wrong may have begun too early: the next one is looked for inside it. */
static void filled(struct line_reader *r, const struct receiver *to)
{
    while (r->length >= r->format.length) {
        enum line_result result = give(r, r->format.length, to);
        if (result == LINE_GOOD) {
            r->searching = false;
            forget(r, r->format.length);
        } else {
            if (!r->searching)
                tell(to, result);
            r->searching = true;
            forget(r, 1);
        }
        find_start(r);
    }
}

static void push(struct line_reader *r, char byte, const struct receiver *to)
{
    r->bytes[r->length++] = byte;
    if (!r->skipping)
        find_start(r);
    if (r->format.end == LINE_END_TERMINATOR)
        terminated(r, to);
    else if (r->format.end == LINE_END_LENGTH)
        filled(r, to);
    else if (r->skipping || r->length > r->format.max)
        skip(r);
}

int64_t line_due_us(const struct line_reader *r)
{
    bool begun = r->length > 0 || r->skipping;

    return begun && r->format.gap_us > 0 ? r->last_us + r->format.gap_us : INT64_MAX;
}

void line_feed(struct line_reader *r, int64_t now_us, const char *bytes, size_t n, line_fn *fn,
               void *arg)
{
    const struct receiver to = {fn, arg};

    if (now_us >= line_due_us(r))
        silence(r, &to);
    if (n > 0)
        r->last_us = now_us;
    for (size_t i = 0; i < n; i++)
        push(r, bytes[i], &to);
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
