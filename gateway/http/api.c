/* SPDX-License-Identifier: Apache-2.0 */
/* The API's table of paths, and what its handlers share. */
#include "gateway/cli/cli.h"
#include "gateway/core/clock.h"
#include "gateway/gateway.h"
#include "gateway/http/events.h"
#include "gateway/http/internal.h"
#include "gateway/message.h"

#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "/api/v1/"

/* A path is `head`, a name, and `tail`; or `head` alone when there is no tail. */
static const struct route {
    const char *method, *head, *tail;
    void (*handle)(struct http *h, const struct http_request *r, const char *name,
                   struct http_reply *out);
} routes[] = {
    {"GET", "sensors", NULL, api_sensors},
    {"GET", "sensors/", "/readings", api_readings},
    {"POST", "sensors/", "/write", api_write},
    {"GET", "sensors/", "", api_sensor},
    {"GET", "sparks", NULL, api_sparks},
    {"GET", "alerts", NULL, api_alerts},
    {"POST", "alerts/acknowledge", NULL, api_acknowledge},
    {"POST", "alerts/shelve", NULL, api_shelve},
    {"POST", "alerts/unshelve", NULL, api_unshelve},
    {"GET", "sources", NULL, api_sources},
    {"GET", "status", NULL, api_status},
    {"GET", "events", NULL, api_events},
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* Copies what stands for the name, still encoded: false when the path is another one, or the name
 * would be empty. name "": the route has none. */
static bool route_matches(const struct route *route, const char *path, char *name, size_t size)
{
    size_t head = strlen(route->head), length = strlen(path);

    name[0] = '\0';
    if (!route->tail)
        return strcmp(path, route->head) == 0;
    size_t tail = strlen(route->tail);
    if (length <= head + tail || strncmp(path, route->head, head) != 0 ||
        strcmp(path + length - tail, route->tail) != 0 || length - head - tail >= size)
        return false;
    memcpy(name, path + head, length - head - tail);
    name[length - head - tail] = '\0';
    return true;
}

static bool method_matches(const char *wanted, const char *method)
{
    return strcmp(wanted, method) == 0 ||
           (strcmp(wanted, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

void api_handle(struct http *h, const struct http_request *r, struct http_reply *out)
{
    char name[3 * SENSOR_NAME_MAX + 1]; /* each byte may be encoded */
    const char *path = r->path + strlen(PREFIX), *allow = NULL;

    for (size_t i = 0; i < ROUTES && strncmp(r->path, PREFIX, strlen(PREFIX)) == 0; i++) {
        if (!route_matches(&routes[i], path, name, sizeof(name)))
            continue;
        if (!request_decode(name)) {
            reply_error(out, MHD_HTTP_BAD_REQUEST, "the name in the path is not well encoded",
                        "write what is no letter or digit as % and two hexadecimal digits");
            return;
        }
        if (method_matches(routes[i].method, r->method)) {
            routes[i].handle(h, r, name, out);
            return;
        }
        allow = strcmp(routes[i].method, "GET") == 0 ? "GET, HEAD" : routes[i].method;
    }
    if (!allow) {
        reply_error(out, MHD_HTTP_NOT_FOUND, "there is no such path in this API",
                    "/api/v1/openapi.json lists all");
        return;
    }
    reply_error(out, MHD_HTTP_METHOD_NOT_ALLOWED, "this path does not know that method", allow);
    out->allow = allow;
}

/* --- what handlers share --- */

static void bad_parameter(const char *key, const char *text, const char *hint,
                          struct http_reply *out)
{
    char error[160];

    snprintf(error, sizeof(error), "%s=%.80s cannot be used", key, text);
    reply_error(out, MHD_HTTP_BAD_REQUEST, error, hint);
}

bool api_time(const struct http_request *r, const char *key, int64_t now_us, int64_t *us,
              struct http_reply *out)
{
    const char *text = request_query(r, key);

    if (!text || cli_parse_time(text, now_us, us))
        return true;
    bad_parameter(key, text,
                  "a time such as 2026-01-31T12:00:00Z, or a time span back from now: 24h", out);
    return false;
}

bool api_number(const struct http_request *r, const char *key, long min, long max, long *number,
                struct http_reply *out)
{
    const char *text = request_query(r, key);
    char *end = NULL, hint[80];

    if (!text)
        return true;
    long value = strtol(text, &end, 10);
    if (end != text && !*end && value >= min && value <= max) {
        *number = value;
        return true;
    }
    snprintf(hint, sizeof(hint), "a whole number from %ld to %ld", min, max);
    bad_parameter(key, text, hint, out);
    return false;
}

void api_failed(enum gw_err err, struct http_reply *out)
{
    if (err == GW_EBUSY)
        reply_error(out, MHD_HTTP_SERVICE_UNAVAILABLE, "too many questions at once", "try again");
    else if (err == GW_ETIMEDOUT)
        reply_error(out, MHD_HTTP_SERVICE_UNAVAILABLE, "the answer takes too long",
                    "ask for a shorter time, or for fewer points");
    else
        reply_error(out, MHD_HTTP_SERVICE_UNAVAILABLE, "the database cannot be read now",
                    "see the gateway's log for the reason");
    out->retry_s = err == GW_EBUSY ? 1 : 10;
}

/* --- the two that are all elsewhere --- */

void api_status(struct http *h, const struct http_request *r, const char *name,
                struct http_reply *out)
{
    struct alert_counts alerts;
    struct gateway_status status; /* asked for since it brings the figures up to date */

    (void)r;
    (void)name;
    h->options.status(h->options.arg, &status);
    bool counted = http_count_alerts(h, &alerts);
    char *text = message_health(h->options.config, h->options.ledger, h->options.sources,
                                counted ? &alerts : NULL, clock_wall_us());
    reply_text(out, MHD_HTTP_OK, "application/json", text, text ? strlen(text) : 0);
}

void api_events(struct http *h, const struct http_request *r, const char *name,
                struct http_reply *out)
{
    (void)name;
    events_join(h->events, r, out);
}
