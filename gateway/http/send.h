/* SPDX-License-Identifier: Apache-2.0 */
/* From a reply to what the library sends. Only for its threads. */
#ifndef SENSORGW_GATEWAY_HTTP_SEND_H
#define SENSORGW_GATEWAY_HTTP_SEND_H

#include "gateway/http/asset.h"
#include "gateway/http/request.h"

#include <microhttpd.h>

/* Takes what the reply owns. MHD_NO: it cannot be sent, and the connection is closed. */
enum MHD_Result send_reply(struct MHD_Connection *c, struct http_reply *reply);

/* A part of the page: the browser asks for it anew each time, and gets it when it has changed. */
enum MHD_Result send_asset(const struct http_request *request, const struct asset *a);

#endif
