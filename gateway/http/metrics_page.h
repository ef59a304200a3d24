/* SPDX-License-Identifier: Apache-2.0 */
/* All figures as a page in Prometheus' text format, version 0.0.4. */
#ifndef SENSORGW_GATEWAY_HTTP_METRICS_PAGE_H
#define SENSORGW_GATEWAY_HTTP_METRICS_PAGE_H

#include "gateway/alert_counts.h"
#include "gateway/http/http.h"

#include <stddef.h>

/* alerts NULL: they are not known now. Returns owned: the page, NUL-terminated, its length in
 * *length; NULL without memory. Borrows all for the call. Any thread. */
char *metrics_page(const struct http_options *options, const struct alert_counts *alerts,
                   size_t *length);

#endif
