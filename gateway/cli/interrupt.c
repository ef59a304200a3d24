/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/interrupt.h"

#include "gateway/core/clock.h"

#include <signal.h>
#include <stddef.h>

#define SLICE_US (50 * US_PER_MS)

static volatile sig_atomic_t signal_seen;

static void note_signal(int number)
{
    signal_seen = number;
}

void interrupt_catch(void)
{
    /* Without SA_RESTART: writing into a pipe that nobody reads must end too. */
    const struct sigaction action = {.sa_handler = note_signal};

    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGHUP, &action, NULL);
}

bool interrupt_seen(void)
{
    return signal_seen != 0;
}

void interrupt_obey(void)
{
    int number = signal_seen;

    if (number == 0)
        return;
    signal(number, SIG_DFL);
    raise(number);
}

bool interrupt_sleep(int64_t us)
{
    int64_t until = clock_mono_us() + us;

    while (signal_seen == 0 && (us = until - clock_mono_us()) > 0)
        clock_sleep_us(us < SLICE_US ? us : SLICE_US);
    return signal_seen != 0;
}
