/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/notify.h"

#include "gateway/core/clock.h"

#include <inttypes.h>
#include <systemd/sd-daemon.h>

/* An error is none of ours: the manager sees for itself that nothing comes. */

void notify_ready(void)
{
    sd_notify(0, "READY=1");
}

/* The time tells the manager which READY=1 belongs to this reload. */
void notify_reloading(void)
{
    sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_us());
}

void notify_stopping(void)
{
    sd_notify(0, "STOPPING=1");
}

void notify_status(const char *line)
{
    sd_notifyf(0, "STATUS=%s", line);
}

void notify_alive(void)
{
    sd_notify(0, "WATCHDOG=1");
}

int64_t notify_watchdog_us(void)
{
    uint64_t us = 0;

    return sd_watchdog_enabled(0, &us) > 0 ? (int64_t)us : 0;
}
