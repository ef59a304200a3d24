/* SPDX-License-Identifier: Apache-2.0 */
/* How long to wait before the next try: 1, 2, 4 … up to the cap, less up to a quarter at random so
 * that many do not try at once. One thread. */
#ifndef SENSORGW_DRIVERS_BACKOFF_H
#define SENSORGW_DRIVERS_BACKOFF_H

#include <stdint.h>

struct backoff {
    int64_t first_us, cap_us; /* set once */
    int64_t next_us;          /* 0: the next one is the first */
    uint32_t seed;            /* of the random part; any value */
};

int64_t backoff_next(struct backoff *b); /* µs to wait now */
void backoff_reset(struct backoff *b);   /* after a success */

#endif
