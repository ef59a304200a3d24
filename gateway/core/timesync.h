/* SPDX-License-Identifier: Apache-2.0 */
/* Whether the wall clock can be believed. A machine without a battery-backed clock starts with the
 * time of its last stop, or with 1970, until the network tells it better. */
#ifndef SENSORGW_CORE_TIMESYNC_H
#define SENSORGW_CORE_TIMESYNC_H

#include <stdbool.h>

#define TIMESYNC_BOOT_SIZE 40

struct timesync {
    bool is_synchronised; /* the kernel has been told the time since it started (adjtimex(2)) */
    bool is_just_booted;  /* less than ten minutes ago: it may still be told */
    bool keeps_time;      /* it has a clock that runs while it is off, as far as can be seen */
    char boot[TIMESYNC_BOOT_SIZE]; /* names this start of the machine; "" when unknown */
};

/* Any thread; cheap enough for once a second. */
void timesync_look(struct timesync *out);

#endif
