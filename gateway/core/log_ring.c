/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/log_ring.h"

#include <string.h>

static void drop_oldest(struct log_ring *r)
{
    char c = 0;

    while (r->used > 0 && c != '\n') {
        c = r->bytes[r->start];
        r->start = (r->start + 1) % r->size;
        r->used--;
    }
}

void log_ring_add(struct log_ring *r, const char *line)
{
    size_t length = strlen(line);

    if (length > r->size)
        return;
    while (r->size - r->used < length)
        drop_oldest(r);
    size_t end = (r->start + r->used) % r->size;
    size_t first = r->size - end < length ? r->size - end : length;
    memcpy(r->bytes + end, line, first);
    memcpy(r->bytes, line + first, length - first);
    r->used += length;
}

void log_ring_copy(const struct log_ring *r, char *out)
{
    size_t first = r->size - r->start < r->used ? r->size - r->start : r->used;

    memcpy(out, r->bytes + r->start, first);
    memcpy(out + first, r->bytes, r->used - first);
    out[r->used] = '\0';
}
