/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/slice.h"

/* Shrinks at once and grows slowly, and only when all of it was used: a short transaction of few
 * rows says nothing of many. */
void slice_adapt(struct slice *s, int64_t rows, int64_t took_us)
{
    if (took_us > SLICE_TARGET_US)
        s->rows /= 2;
    else if (took_us < SLICE_TARGET_US / 2 && rows >= s->rows)
        s->rows += s->rows / 4;
    if (s->rows < s->least)
        s->rows = s->least;
    if (s->rows > s->most)
        s->rows = s->most;
}
