/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes → lines, wherever the bytes are split. Pure; one thread. */
#ifndef SENSORGW_DRIVERS_SERIAL_LINE_H
#define SENSORGW_DRIVERS_SERIAL_LINE_H

#include <stdbool.h>
#include <stddef.h>

#define LINE_MAX_BYTES 4096
#define TERMINATOR_MAX 8

struct line_reader {
    char terminator[TERMINATOR_MAX];
    size_t terminator_length;
    size_t max; /* a longer line is dropped whole, up to its terminator */

    char bytes[LINE_MAX_BYTES + TERMINATOR_MAX];
    size_t length;
    bool skipping; /* inside a line that is too long */
};

/* Gets a line without its terminator and without a '\r' before it, NUL-terminated, borrowed for the
 * call; NULL: one was dropped because it was longer than max. */
typedef void line_fn(void *arg, const char *line);

/* max at most LINE_MAX_BYTES. */
void line_init(struct line_reader *r, const char *terminator, size_t terminator_length, size_t max);
void line_feed(struct line_reader *r, const char *bytes, size_t n, line_fn *fn, void *arg);

/* "\r", "\n", "\t", "\\", "\xNN" → bytes. False: it does not fit, or is no such escape. */
bool line_unescape(const char *text, char *out, size_t size, size_t *length);

#endif
