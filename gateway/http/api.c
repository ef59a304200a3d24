/* SPDX-License-Identifier: Apache-2.0 */
/* The API's table of paths, and what its handlers share. */
#include "gateway/cli/cli.h"
#include "gateway/core/clock.h"
#include "gateway/http/events.h"
#include "gateway/http/internal.h"
#include "gateway/http/parameters.h"
#include "gateway/message.h"

#include <ctype.h>
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PREFIX "/api/v1/"

/* A path is `head`, a name, and `tail`; or `head` alone when there is no tail. `parameters` are
 * those that the query may have, with a space between them; NULL: the handler checks them. */
static const struct route {
    const char *method, *head, *tail, *parameters;
    void (*handle)(struct http *h, const struct http_request *r, const char *name,
                   struct http_reply *out);
} routes[] = {
    {"GET", "sensors", NULL, "match", api_sensors},
    {"GET", "sensors/", "/readings", "since until points", api_readings},
    {"POST", "sensors/", "/write", "", api_write},
    {"GET", "sensors/", "", NULL, api_sensor},
    {"GET", "sparks", NULL, "", api_sparks},
    {"GET", "alerts", NULL, "active sensor rule since until limit", api_alerts},
    {"POST", "alerts/acknowledge", NULL, "", api_acknowledge},
    {"POST", "alerts/shelve", NULL, "", api_shelve},
    {"POST", "alerts/unshelve", NULL, "", api_unshelve},
    {"GET", "sources", NULL, "", api_sources},
    {"GET", "status", NULL, "", api_status},
    {"GET", "events", NULL, "", api_events},
};
#define ROUTES (sizeof(routes) / sizeof(routes[0]))

/* Copies what stands for the name, still encoded: false when the path is another one, or the name
 * would be empty. name "": the route has none. */
static bool route_matches(const struct route *route, const char *path,
                          char name[static HTTP_URL_MAX + 1])
{
    size_t head = strlen(route->head), length = strlen(path);

    name[0] = '\0';
    if (!route->tail)
        return strcmp(path, route->head) == 0;
    size_t tail = strlen(route->tail);
    if (length <= head + tail || strncmp(path, route->head, head) != 0 ||
        strcmp(path + length - tail, route->tail) != 0)
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
    char name[HTTP_URL_MAX + 1];
    const char *path = r->path + strlen(PREFIX), *allow = NULL;

    for (size_t i = 0; i < ROUTES && strncmp(r->path, PREFIX, strlen(PREFIX)) == 0; i++) {
        if (!route_matches(&routes[i], path, name))
            continue;
        if (!parameters_name(name, out))
            return;
        if (method_matches(routes[i].method, r->method)) {
            if (!routes[i].parameters || parameters_check(r->query, routes[i].parameters, out))
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

/* What has a year of four digits; so sums and differences of times are far from overflowing. */
static bool is_plausible(int64_t us)
{
    return us >= 0 && us < INT64_C(253402300800) * US_PER_SECOND;
}

bool api_time(const struct http_request *r, const char *key, int64_t now_us, int64_t *us,
              struct http_reply *out)
{
    const char *text = request_query(r, key);
    int64_t parsed;

    if (!text)
        return true;
    if (cli_parse_time(text, now_us, &parsed) && is_plausible(parsed)) {
        *us = parsed;
        return true;
    }
    parameters_refuse(key, text,
                      "a time since 1970 such as 2026-01-31T12:00:00Z, or how long ago: 24h (in a "
                      "URL + is written %2B)",
                      out);
    return false;
}

bool api_number(const struct http_request *r, const char *key, long min, long max, long *number,
                struct http_reply *out)
{
    const char *text = request_query(r, key);
    char *end, hint[80];

    if (!text)
        return true;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (isdigit((unsigned char)*text) && !*end && !errno && value >= min && value <= max) {
        *number = value;
        return true;
    }
    snprintf(hint, sizeof(hint), "a whole number from %ld to %ld", min, max);
    parameters_refuse(key, text, hint, out);
    return false;
}

bool api_is_span(int64_t since_us, int64_t until_us, struct http_reply *out)
{
    if (since_us < until_us)
        return true;
    reply_error(out, MHD_HTTP_BAD_REQUEST, "since is not before until",
                "exchange them; without until it is now");
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

    (void)r;
    (void)name;
    h->options.sample(h->options.arg);
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
