/* SPDX-License-Identifier: Apache-2.0 */
/* What the service manager is told: sd_notify(3). Nothing happens when none listens. Any thread. */
#ifndef SENSORGW_GATEWAY_NOTIFY_H
#define SENSORGW_GATEWAY_NOTIFY_H

#include <stdint.h>

void notify_ready(void); /* started, or a reload has ended */
void notify_reloading(void);
void notify_stopping(void);
void notify_status(const char *line);
void notify_alive(void); /* feeds the watchdog */

/* Within what time the watchdog must be fed, µs; 0: nobody waits for that. */
int64_t notify_watchdog_us(void);

#endif
