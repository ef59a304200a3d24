/* SPDX-License-Identifier: Apache-2.0 */
/* How many alerts there are, for /metrics and the topic health: read from the database, so that
 * both say what is stored. */
#ifndef SENSORGW_GATEWAY_ALERT_COUNTS_H
#define SENSORGW_GATEWAY_ALERT_COUNTS_H

#include "gateway/core/err.h"
#include "storage/query.h"

#include <stdint.h>

/* Raised, and nobody has said anything to it; acknowledged; shelved, acknowledged or not. */
enum { ALERTS_RAISED, ALERTS_ACKNOWLEDGED, ALERTS_SHELVED, ALERTS_STATES };

/* Alerts not yet cleared, by enum severity (warning and critical). */
struct alert_counts {
    unsigned count[3][ALERTS_STATES];
};

/* Counts them as of now (wall clock). An error of the query: *out is not written. */
enum gw_err alert_counts_query(struct query *q, int64_t now_us, struct alert_counts *out);

/* "raised", "acknowledged", "shelved" */
const char *alert_counts_state(int state);

#endif
