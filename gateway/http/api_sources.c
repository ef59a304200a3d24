/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/clock.h"
#include "gateway/http/internal.h"
#include "gateway/json.h"
#include "gateway/source_json.h"

#include <microhttpd.h>

void api_sources(struct http *h, const struct http_request *r, const char *name,
                 struct http_reply *out)
{
    const struct http_options *options = &h->options;
    cJSON *o = cJSON_CreateObject();

    (void)r;
    (void)name;
    json_add_time(o, "time", clock_wall_us());
    cJSON_AddItemToObject(o, "sources",
                          sources_json(options->config, options->sources, options->ledger));
    reply_json(out, MHD_HTTP_OK, o);
}
