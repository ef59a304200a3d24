/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SENSORGW_STORAGE_SPAN_H
#define SENSORGW_STORAGE_SPAN_H

#include <stdint.h>

/* The start of the span (of `span` µs, on whole multiples of it since the epoch) that holds us. */
static inline int64_t floor_to(int64_t us, int64_t span)
{
    int64_t rest = us % span;

    return us - (rest < 0 ? rest + span : rest);
}

#endif
