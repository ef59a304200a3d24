/* SPDX-License-Identifier: Apache-2.0 */
/* The newest lines of a text in memory of a fixed size: the oldest whole lines make room. */
#ifndef SENSORGW_CORE_LOG_RING_H
#define SENSORGW_CORE_LOG_RING_H

#include <stddef.h>

struct log_ring {
    char *bytes; /* the caller's, `size` of them */
    size_t size;
    size_t start, used; /* the oldest line begins at `start` */
};

/* `line` ends with a newline; one that is longer than the ring is left out. Copies. */
void log_ring_add(struct log_ring *r, const char *line);
/* All lines, oldest first, and a NUL: size + 1 bytes at most. */
void log_ring_copy(const struct log_ring *r, char *out);

#endif
