/* SPDX-License-Identifier: Apache-2.0 */
/* The watchdog: says that the gateway is alive, as long as no vital thread has broken its promise
 * (gateway/core/heartbeat.h). One that hangs is logged, and then nothing is said any more, so that
 * the service manager starts the gateway anew; of one that is not vital it is logged only. Main
 * thread. */
#ifndef SENSORGW_GATEWAY_WATCHDOG_H
#define SENSORGW_GATEWAY_WATCHDOG_H

#include <stddef.h>
#include <stdint.h>

struct watchdog {
    void (*feed)(void); /* set once: notify_alive() */
    size_t hung;        /* threads at the last look */
    size_t told;        /* threads that the log knows of */
};

void watchdog_init(struct watchdog *w, void (*feed)(void));

/* Looks at all heartbeats, and feeds. At least twice within the time that the manager allows. */
void watchdog_look(struct watchdog *w, int64_t now_us);

#endif
