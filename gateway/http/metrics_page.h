/* SPDX-License-Identifier: Apache-2.0 */
/* All figures as a page in Prometheus' text format, version 0.0.4. */
#ifndef SENSORGW_GATEWAY_HTTP_METRICS_PAGE_H
#define SENSORGW_GATEWAY_HTTP_METRICS_PAGE_H

#include "config/config.h"
#include "gateway/core/ledger.h"
#include "gateway/gateway.h"

#include <stddef.h>

/* Returns owned: the page, NUL-terminated, its length in *length; NULL without memory. Borrows all
 * for the call. Any thread. */
char *metrics_page(const struct config *config, const struct ledger *ledger,
                   const struct gateway_status *status, size_t *length);

#endif
