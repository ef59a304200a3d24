/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/request.h"

#include "gateway/json.h"

#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int encoded_byte(const char *text)
{
    int high = hex_digit(text[1]);
    int low = high < 0 ? -1 : hex_digit(text[2]);

    return low < 0 ? -1 : high << 4 | low;
}

bool request_decode(char *text)
{
    char *to = text;

    for (const char *p = text; *p; p++) {
        if (*p == '%' && encoded_byte(p) <= 0)
            return false;
    }
    for (const char *p = text; *p; p++) {
        if (*p == '%') {
            *to++ = (char)encoded_byte(p);
            p += 2;
        } else {
            *to++ = *p;
        }
    }
    *to = '\0';
    return true;
}

const char *request_header(const struct http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

const char *request_query(const struct http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);
}

bool request_is_get(const struct http_request *r)
{
    return strcmp(r->method, MHD_HTTP_METHOD_GET) == 0 ||
           strcmp(r->method, MHD_HTTP_METHOD_HEAD) == 0;
}

void reply_text(struct http_reply *out, unsigned status, const char *type, char *text,
                size_t length)
{
    free(out->text);
    *out = (struct http_reply){.status = text ? status : MHD_HTTP_INTERNAL_SERVER_ERROR,
                               .type = type,
                               .text = text,
                               .length = text ? length : 0};
}

void reply_json(struct http_reply *out, unsigned status, cJSON *o)
{
    char *text = json_print(o);

    reply_text(out, status, "application/json", text, text ? strlen(text) : 0);
}

void reply_error(struct http_reply *out, unsigned status, const char *error, const char *hint)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "error", error);
    cJSON_AddStringToObject(o, "hint", hint);
    reply_json(out, status, o);
}
