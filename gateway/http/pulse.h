/* SPDX-License-Identifier: Apache-2.0 */
/* Signs of life of the library's threads: while one is in our code, it has promised to come out of
 * it again. Outside, in the library, it waits for nothing but sockets, so a client that is slow, or
 * says nothing at all, looks like none. A page that hangs is told (gateway/health.h), and no reason
 * to start the gateway anew. Any thread. */
#ifndef SENSORGW_GATEWAY_HTTP_PULSE_H
#define SENSORGW_GATEWAY_HTTP_PULSE_H

#include "gateway/core/heartbeat.h"

#include <stdatomic.h>

#define PULSES 8 /* threads that are in our code at once, at most */

struct pulse {
    struct heartbeat beats[PULSES];
    atomic_bool taken[PULSES];
};

void pulse_init(struct pulse *p);
void pulse_fini(struct pulse *p);

/* Enters; what it returns is for pulse_leave(). */
size_t pulse_enter(struct pulse *p);
void pulse_leave(struct pulse *p, size_t place);

#endif
