/* SPDX-License-Identifier: Apache-2.0 */
/* Who may ask for what: host name, token, and where a change may come from. Pure but for the
 * headers that it reads. */
#ifndef SENSORGW_GATEWAY_HTTP_GUARD_H
#define SENSORGW_GATEWAY_HTTP_GUARD_H

#include "config/config.h"
#include "gateway/http/request.h"

#include <stdbool.h>

/* Whether to answer at all. is_page: what is asked for is the page itself, which holds no data and
 * must be there to ask for the token. False: *out is the refusal. */
bool guard_admits(const struct http_section *http, const struct http_request *r, bool is_page,
                  struct http_reply *out);

#endif
