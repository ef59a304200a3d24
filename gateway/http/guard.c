/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/guard.h"

#include <microhttpd.h>
#include <string.h>
#include <strings.h>

/* Takes the same time wherever the texts differ, so that a token cannot be guessed byte by byte. */
static bool same_secret(const char *given, const char *secret)
{
    size_t n = strlen(given), m = strlen(secret);
    unsigned char differ = n != m;

    for (size_t i = 0; i < n; i++)
        differ |= (unsigned char)(given[i] ^ secret[m ? i % m : 0]);
    return differ == 0;
}

static bool has_token(const char *token, const struct http_request *r)
{
    const char *given = request_header(r, MHD_HTTP_HEADER_AUTHORIZATION);

    return given && strncasecmp(given, "Bearer ", 7) == 0 && same_secret(given + 7, token);
}

static bool is_loopback_name(const char *host, size_t length)
{
    static const char *const names[] = {"localhost", "127.0.0.1", "[::1]", "::1"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strlen(names[i]) == length && strncasecmp(names[i], host, length) == 0)
            return true;
    }
    return false;
}

/* A page of a foreign site can make a browser ask 127.0.0.1 under the site's own name (DNS
 * rebinding); on loopback only loopback's names are answered. Elsewhere the token protects, which
 * such a page has not. */
static bool host_allowed(const char *listen, const struct http_request *r)
{
    if (!is_loopback_name(listen, strlen(listen)))
        return true;
    const char *host = request_header(r, MHD_HTTP_HEADER_HOST);
    if (!host)
        return false;
    const char *end = host[0] == '[' ? strchr(host, ']') : NULL;
    size_t length = end ? (size_t)(end + 1 - host) : strcspn(host, ":");
    return is_loopback_name(host, length);
}

/* A form of a foreign site can send a POST, but neither with this type nor from our origin. */
static bool is_from_our_page(const struct http_request *r)
{
    const char *type = request_header(r, MHD_HTTP_HEADER_CONTENT_TYPE);
    const char *origin = request_header(r, "Origin");
    const char *host = request_header(r, MHD_HTTP_HEADER_HOST);
    static const char json[] = "application/json";

    if (!type || strncasecmp(type, json, sizeof(json) - 1) != 0)
        return false;
    if (!origin)
        return true; /* no browser */
    const char *name = strstr(origin, "://");
    return name && host && strcasecmp(name + 3, host) == 0;
}

bool guard_admits(const struct http_section *http, const struct http_request *r, bool is_page,
                  struct http_reply *out)
{
    if (!host_allowed(http->host, r))
        reply_error(out, MHD_HTTP_FORBIDDEN, "this host name is not served here",
                    "ask for 127.0.0.1 or localhost, or set http.listen and http.token_file");
    else if (http->token && !is_page && !has_token(http->token, r))
        reply_error(out, MHD_HTTP_UNAUTHORIZED, "the token is missing or wrong",
                    "send what http.token_file holds: Authorization: Bearer TOKEN");
    else if (strcmp(r->method, MHD_HTTP_METHOD_POST) == 0 && !is_from_our_page(r))
        reply_error(out, MHD_HTTP_FORBIDDEN, "a change must be sent as JSON, from the same origin",
                    "send Content-Type: application/json");
    else
        return true;
    return false;
}
