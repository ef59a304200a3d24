/* SPDX-License-Identifier: Apache-2.0 */
/* Ctrl-C that ends a command in order instead of at once. */
#ifndef SENSORGW_GATEWAY_CLI_INTERRUPT_H
#define SENSORGW_GATEWAY_CLI_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

/* From now on SIGINT, SIGTERM and SIGHUP only set a mark, so that a command can tidy up. */
void interrupt_catch(void);
bool interrupt_seen(void);
/* Ends the process the way the signal would have, if there was one. */
void interrupt_obey(void);
/* Sleeps, but not on when it is interrupted; true when it was. */
bool interrupt_sleep(int64_t us);

#endif
