/* SPDX-License-Identifier: Apache-2.0 */
/* A request and the reply to it, without the library: what the pages and the API see. */
#ifndef SENSORGW_GATEWAY_HTTP_REQUEST_H
#define SENSORGW_GATEWAY_HTTP_REQUEST_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#define HTTP_BODY_MAX 4096 /* bytes */
#define HTTP_URL_MAX 2048

struct MHD_Connection;
struct MHD_Response;

struct http_request {
    struct MHD_Connection *connection;
    const char *method;
    char *path;  /* still percent-encoded, without the query */
    char *query; /* as it was sent, without the '?'; NULL: there is none */
    bool url_too_long;
    char body[HTTP_BODY_MAX + 1];
    size_t body_length;
    bool body_too_long;
};

struct http_reply {
    unsigned status;
    const char *type; /* of the text; static */
    char *text;       /* owned */
    size_t length;
    const char *allow;           /* with 405; static */
    unsigned retry_s;            /* when to ask again, in seconds; 0: that is not said */
    struct MHD_Response *stream; /* in place of a text; owned */
};

/* The value of a header, or of a query parameter (decoded); NULL: there is none. Borrowed from the
 * request. */
const char *request_header(const struct http_request *r, const char *name);
const char *request_query(const struct http_request *r, const char *name);

/* GET or HEAD. */
bool request_is_get(const struct http_request *r);

/* Decodes %XX in place. False, text untouched: it is not well formed, or a NUL. Pure. */
bool request_decode(char *text);

/* Takes the object, or the text (length bytes, owned; NULL: no memory, status 500). */
void reply_json(struct http_reply *out, unsigned status, cJSON *o);
void reply_text(struct http_reply *out, unsigned status, const char *type, char *text,
                size_t length);
/* {"error": …, "hint": …}; copies both. The hint says how to mend it. */
void reply_error(struct http_reply *out, unsigned status, const char *error, const char *hint);

#endif
