/* SPDX-License-Identifier: Apache-2.0 */
/* All figures as a page in Prometheus' text format, version 0.0.4. */
#ifndef SENSORGW_GATEWAY_HTTP_METRICS_PAGE_H
#define SENSORGW_GATEWAY_HTTP_METRICS_PAGE_H

#include "gateway/http/http.h"

#include <stddef.h>

/* Raised, and nobody has said anything to it; shelved, acknowledged or not. */
enum { METRICS_RAISED, METRICS_ACKNOWLEDGED, METRICS_SHELVED, METRICS_ALERT_STATES };

/* Alerts not yet cleared, by enum severity. */
struct metrics_alerts {
    bool known;
    unsigned count[3][METRICS_ALERT_STATES];
};

/* Returns owned: the page, NUL-terminated, its length in *length; NULL without memory. Borrows all
 * for the call. Any thread. */
char *metrics_page(const struct http_options *options, const struct gateway_status *status,
                   const struct metrics_alerts *alerts, size_t *length);

#endif
