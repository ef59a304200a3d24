/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/pulse.h"

#include "gateway/core/thread.h"

#include <stdio.h>

void pulse_init(struct pulse *p)
{
    char name[HEARTBEAT_NAME_SIZE];

    for (size_t i = 0; i < PULSES; i++) {
        snprintf(name, sizeof(name), "http-%zu", i);
        atomic_store(&p->taken[i], false);
        heartbeat_add_minor(&p->beats[i], name);
    }
}

void pulse_fini(struct pulse *p)
{
    for (size_t i = 0; i < PULSES; i++)
        heartbeat_remove(&p->beats[i]);
}

size_t pulse_enter(struct pulse *p)
{
    for (size_t i = 0; i < PULSES; i++) {
        if (atomic_exchange(&p->taken[i], true))
            continue;
        heartbeat_promise(&p->beats[i], THREAD_SLOW_US); /* it may read the database */
        return i;
    }
    return PULSES;
}

void pulse_leave(struct pulse *p, size_t place)
{
    if (place == PULSES)
        return;
    heartbeat_rest(&p->beats[place]);
    atomic_store(&p->taken[place], false);
}
