/* SPDX-License-Identifier: Apache-2.0 */
/* What `run` shows a person: on a terminal a status line that stays below the log, otherwise a log
 * line a minute. Main thread. */
#ifndef SENSORGW_GATEWAY_CLI_PROGRESS_H
#define SENSORGW_GATEWAY_CLI_PROGRESS_H

#include "gateway/gateway.h"

#include <stdbool.h>
#include <stdint.h>

struct progress {
    bool terminal;   /* a status line is wanted */
    int64_t last_us; /* of the last update, monotonic */
    int64_t next_log_us;
    uint64_t last_accepted; /* readings accepted until then */
};

/* quiet: neither line nor log. */
void progress_init(struct progress *p, bool quiet);
/* About once a second. */
void progress_update(struct progress *p, const struct gateway_status *status);
/* Takes the status line away. */
void progress_fini(struct progress *p);

#endif
