/* SPDX-License-Identifier: Apache-2.0 */
/* How much housekeeping does in one transaction: as many rows as take about SLICE_TARGET_US with
 * their commit, for as long the writer's queue waits. A worn card is a hundred times slower than a
 * new disk, and the same rows take longer when other programs want the disk too. */
#ifndef SENSORGW_STORAGE_SLICE_H
#define SENSORGW_STORAGE_SLICE_H

#include "gateway/core/clock.h"

#include <stdint.h>

#define SLICE_TARGET_US (50 * US_PER_MS)

struct slice {
    int64_t rows;        /* of the next transaction */
    int64_t least, most; /* set once; with too few a slow commit would leave no time for rows */
};

/* After a transaction that touched `rows` rows and took that long (monotonic). Pure. */
void slice_adapt(struct slice *s, int64_t rows, int64_t took_us);

#endif
