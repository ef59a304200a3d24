/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes → frames, wherever the bytes are split. A frame is mostly a line of text. Pure; one thread.
 *
 * It begins with `start` (what comes before is noise, and passed over) or anywhere, and ends with a
 * terminator, at a fixed length, or with a silence. Whatever comes, no more than one frame is kept,
 * and the next whole frame is found again. */
#ifndef SENSORGW_DRIVERS_SERIAL_LINE_H
#define SENSORGW_DRIVERS_SERIAL_LINE_H

#include "drivers/serial/checksum.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINE_MAX_BYTES 4096
#define MARK_MAX 8 /* bytes of a terminator, and of a start */

enum line_end { LINE_END_TERMINATOR, LINE_END_LENGTH, LINE_END_GAP };

struct line_mark {
    char bytes[MARK_MAX];
    size_t length;
};

struct line_format {
    enum line_end end;
    struct line_mark start;      /* length 0: a frame begins anywhere */
    struct line_mark terminator; /* LINE_END_TERMINATOR */
    size_t length;  /* LINE_END_LENGTH: of the whole frame, with start (it is more than that) and
                       checksum; at most max */
    int64_t gap_us; /* a silence this long ends a frame; where that is not the end that it should
                       have, the frame is dropped. 0: silence means nothing */
    size_t max;     /* a longer frame is dropped whole; at most LINE_MAX_BYTES */
    enum checksum checksum;
    bool nul_is_damage; /* the port makes a NUL of a character with a parity error */
};

/* What came; all but LINE_GOOD are frames that were dropped. */
#define LINE_RESULTS(X)                                                                            \
    X(LINE_GOOD, "a good line")                                                                    \
    X(LINE_TOO_LONG, "a line is longer than max_line")                                             \
    X(LINE_INCOMPLETE, "a line has no end")                                                        \
    X(LINE_DAMAGED, "a line has characters with parity errors")                                    \
    X(LINE_BAD_CHECKSUM, "a line has a wrong checksum, or none")

enum line_result {
#define X(id, text) id,
    LINE_RESULTS(X)
#undef X
        LINE_RESULT_COUNT
};

struct line_reader {
    struct line_format format;
    int64_t last_us; /* when the last byte came */
    size_t length;
    bool skipping;  /* inside a frame that is too long */
    bool searching; /* frames of a fixed length: the last one was none, and that has been told */
    char bytes[LINE_MAX_BYTES + MARK_MAX];
};

/* Gets a frame without start, checksum and terminator (nor a '\r' before it), NUL-terminated,
 * borrowed for the call; empty ones are passed over. NULs inside are spaces. NULL with any result
 * but LINE_GOOD. */
typedef void line_fn(void *arg, enum line_result result, const char *line);

/* Copies the format. */
void line_init(struct line_reader *r, const struct line_format *format);
/* now_us: monotonic, never less than at the last call. n may be 0. */
void line_feed(struct line_reader *r, int64_t now_us, const char *bytes, size_t n, line_fn *fn,
               void *arg);
/* When line_feed() wants to be called, even with nothing: the time at which silence ends the frame
 * that has begun. INT64_MAX: never. */
int64_t line_due_us(const struct line_reader *r);

/* Static. */
const char *line_result_text(enum line_result result);

/* "\r", "\n", "\t", "\\", "\0", "\xNN" → bytes. False: it does not fit, or is no such escape. */
bool line_unescape(const char *text, char *out, size_t size, size_t *length);

#endif
