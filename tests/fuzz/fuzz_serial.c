/* SPDX-License-Identifier: Apache-2.0 */
/* The framer and the extraction of a serial line: how to frame, then the bytes. */
#include "drivers/serial/extract.h"
#include "drivers/serial/line.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <string.h>

#define GAP_US 1000

/* What came out, as a digest: the same bytes must give the same, however they are split. */
struct seen {
    uint64_t digest;
    size_t good, bad;
};

static void digest(struct seen *s, const char *text)
{
    for (; *text; text++)
        s->digest = (s->digest ^ (uint8_t)*text) * 1099511628211u;
}

static void look_for_numbers(const char *line)
{
    static regex_t regex;
    static int compiled;
    struct fields fields;
    double value = 0;

    if (!compiled)
        require(regcomp(&regex, "([-+0-9.]+) *([a-z%]*)", REG_EXTENDED) == 0);
    compiled = 1;
    static const char *const separators[] = {",", " ", ";", "::"};
    for (size_t i = 0; i < sizeof(separators) / sizeof(separators[0]); i++) {
        extract_split(line, separators[i], &fields);
        for (size_t k = 0; k < EXTRACT_FIELDS; k++)
            require(!extract_field(&fields, k, &value) || isfinite(value));
        require(!extract_angle(&fields, 3, &value) || (value >= -180 && value <= 180));
        require(!extract_key(&fields, "temp", &value) || isfinite(value));
    }
    if (extract_match(line, &regex, &fields))
        require(!extract_field(&fields, 1, &value) || isfinite(value));
}

static void on_line(void *arg, enum line_result result, const char *line)
{
    struct seen *s = arg;

    require((result == LINE_GOOD) == (line != NULL));
    require(line_result_text(result)[0] != '\0');
    if (!line) {
        s->bad++;
        digest(s, line_result_text(result));
        return;
    }
    s->good++;
    require(strlen(line) > 0 && strlen(line) <= LINE_MAX_BYTES);
    digest(s, line);
    digest(s, "|");
    look_for_numbers(line);
}

static void take_mark(struct line_mark *mark, size_t length, const uint8_t **data, size_t *size)
{
    mark->length = length;
    for (size_t i = 0; i < length; i++)
        mark->bytes[i] = (char)take_byte(data, size);
}

static struct line_format take_format(const uint8_t **data, size_t *size)
{
    unsigned how = take_byte(data, size), marks = take_byte(data, size);
    struct line_format f = {.end = (enum line_end)(how % 3),
                            .checksum = (enum checksum)(how / 4 % CHECKSUM_COUNT),
                            .nul_is_damage = how & 0x40,
                            .gap_us = how & 0x80 || how % 3 == LINE_END_GAP ? GAP_US : 0};

    f.max = 1 + take_word(data, size) % LINE_MAX_BYTES;
    take_mark(&f.start, marks % (MARK_MAX + 1), data, size);
    f.length = f.start.length + 1 + f.max % 300;
    if (f.max < f.length)
        f.max = f.length;
    take_mark(&f.terminator, 1 + marks / 16 % MARK_MAX, data, size);
    return f;
}

/* In steps of so many bytes; a silence before every 64th byte. */
static struct seen feed(const struct line_format *format, const uint8_t *data, size_t size,
                        size_t step)
{
    static struct line_reader r;
    struct seen seen = {.digest = 1469598103934665603u};
    int64_t now = 0;

    line_init(&r, format);
    for (size_t i = 0; i < size;) {
        size_t n = 64 - i % 64;
        n = n < step ? n : step;
        n = n < size - i ? n : size - i;
        now += i % 64 == 0 ? GAP_US : 0;
        line_feed(&r, now, (const char *)data + i, n, on_line, &seen);
        require(r.length <= format->max + MARK_MAX);
        i += n;
    }
    line_feed(&r, now + GAP_US, NULL, 0, on_line, &seen);
    require(format->gap_us == 0 || r.length == 0);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char text[64], bytes[32];
    size_t length = 0;
    struct line_format format = take_format(&data, &size);

    struct seen whole = feed(&format, data, size, 64), split = feed(&format, data, size, 1),
                thirds = feed(&format, data, size, 3);
    require(whole.digest == split.digest && whole.good == split.good && whole.bad == split.bad);
    require(whole.digest == thirds.digest);
    snprintf(text, sizeof(text), "%.*s", (int)(size < 63 ? size : 63), (const char *)data);
    if (line_unescape(text, bytes, sizeof(bytes), &length))
        require(length <= sizeof(bytes));
    return 0;
}
