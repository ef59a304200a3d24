/* SPDX-License-Identifier: Apache-2.0 */
/* A progress bar on standard error, when that is a terminal and the data goes elsewhere. */
#ifndef SENSORGW_GATEWAY_CLI_METER_H
#define SENSORGW_GATEWAY_CLI_METER_H

#include <stdbool.h>
#include <stdint.h>

struct meter {
    const char *doing; /* borrowed: "Copying" */
    bool shown;
    int64_t began_us, next_us; /* monotonic */
};

/* to_terminal: the data itself is on the terminal, where a bar would be in its way. */
void meter_begin(struct meter *m, const char *doing, bool to_terminal);
/* done: 0 … 1; may be called as often as one likes. rows 0: not shown. */
void meter_update(struct meter *m, double done, uint64_t rows);
/* Takes the bar away. */
void meter_end(struct meter *m);

#endif
