/* SPDX-License-Identifier: Apache-2.0 */
/* What a client sends is looked at before it is used: each complaint says what is wrong, where, and
 * how to mend it. Pure. */
#ifndef SENSORGW_GATEWAY_HTTP_PARAMETERS_H
#define SENSORGW_GATEWAY_HTTP_PARAMETERS_H

#include "gateway/http/request.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

/* The query as it was sent, without the '?' (NULL: there is none). Each parameter must be one of
 * `known` (names with a space between them), come once, have a value, and be well-formed UTF-8 when
 * decoded. False: *out says which is not. */
bool parameters_check(const char *query, const char *known, struct http_reply *out);

/* Decodes the name of a sensor in place. False: *out says why it cannot be one. */
bool parameters_name(char *name, struct http_reply *out);

/* The JSON object that the body is, returned owned; `example` is one that would do. NULL: *out says
 * what is wrong with it. */
cJSON *parameters_body(const struct http_request *r, const char *example, struct http_reply *out);

/* A text of the object, shorter than `size`; *text is NULL when there is none. Borrows. */
bool parameters_text(const cJSON *o, const char *key, size_t size, const char **text,
                     struct http_reply *out);

/* "<key>=<text> cannot be used". */
void parameters_refuse(const char *key, const char *text, const char *hint, struct http_reply *out);

#endif
