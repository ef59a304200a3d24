/* SPDX-License-Identifier: Apache-2.0 */
/* From a reply to what the library sends. */
#include "gateway/http/send.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define POLICY                                                                                     \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "               \
    "frame-ancestors 'none'"

static void add_common_headers(struct MHD_Response *response)
{
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    MHD_add_response_header(response, "Content-Security-Policy", POLICY);
    MHD_add_response_header(response, "Referrer-Policy", "no-referrer");
    MHD_add_response_header(response, "Cross-Origin-Resource-Policy", "same-origin");
}

static enum MHD_Result queue(struct MHD_Connection *c, unsigned status, struct MHD_Response *r)
{
    if (!r)
        return MHD_NO;
    add_common_headers(r);
    enum MHD_Result result = MHD_queue_response(c, status, r);
    MHD_destroy_response(r);
    return result;
}

enum MHD_Result send_reply(struct MHD_Connection *c, struct http_reply *reply)
{
    struct MHD_Response *r = reply->stream;

    if (!r && !reply->text)
        return MHD_NO;
    if (!r) {
        r = MHD_create_response_from_buffer(reply->length, reply->text, MHD_RESPMEM_MUST_FREE);
        if (!r) {
            free(reply->text);
            return MHD_NO;
        }
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, reply->type);
        MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    }
    if (reply->status == MHD_HTTP_UNAUTHORIZED)
        MHD_add_response_header(r, MHD_HTTP_HEADER_WWW_AUTHENTICATE, "Bearer");
    if (reply->retry_s) {
        char seconds[12];
        snprintf(seconds, sizeof(seconds), "%u", reply->retry_s);
        MHD_add_response_header(r, MHD_HTTP_HEADER_RETRY_AFTER, seconds);
    }
    if (reply->allow)
        MHD_add_response_header(r, MHD_HTTP_HEADER_ALLOW, reply->allow);
    return queue(c, reply->status, r);
}

enum MHD_Result send_asset(const struct http_request *request, const struct asset *a)
{
    const char *known = request_header(request, MHD_HTTP_HEADER_IF_NONE_MATCH);
    bool is_known = known && strstr(known, a->etag);
    struct MHD_Response *r = MHD_create_response_from_buffer(
        is_known ? 0 : a->length, (void *)(uintptr_t)a->data, MHD_RESPMEM_PERSISTENT);

    if (!r)
        return MHD_NO;
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, a->type);
    MHD_add_response_header(r, MHD_HTTP_HEADER_CACHE_CONTROL, "no-cache");
    MHD_add_response_header(r, MHD_HTTP_HEADER_ETAG, a->etag);
    if (a->is_gzip)
        MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
    return queue(request->connection, is_known ? MHD_HTTP_NOT_MODIFIED : MHD_HTTP_OK, r);
}
