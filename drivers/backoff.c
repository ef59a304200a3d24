/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/backoff.h"

/* xorshift32 (Marsaglia 2003): good enough to spread retries, and needs no global state. */
static uint32_t random_next(uint32_t *seed)
{
    uint32_t x = *seed ? *seed : 0x9e3779b9;

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    *seed = x;
    return x;
}

int64_t backoff_next(struct backoff *b)
{
    int64_t wait = b->next_us ? b->next_us : b->first_us;

    if (wait > b->cap_us)
        wait = b->cap_us;
    b->next_us = wait > b->cap_us / 2 ? b->cap_us : wait * 2;
    return wait - (int64_t)(random_next(&b->seed) % 1000) * (wait / 4) / 1000;
}

void backoff_reset(struct backoff *b)
{
    b->next_us = 0;
}
