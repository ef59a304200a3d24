/* SPDX-License-Identifier: Apache-2.0 */
/* What people order: acknowledge, shelve, unshelve. */
#include "config/option.h"
#include "gateway/alert.h"
#include "gateway/core/clock.h"
#include "gateway/http/internal.h"

#include <microhttpd.h>

#define PATIENCE_US (3 * US_PER_SECOND)
#define EXAMPLE "{\"sensor\": \"boiler/flow_temp\", \"rule\": \"overheat\", \"who\": \"Ada\"}"

/* A text of the body; NULL: there is none, or something else. */
static const char *text_of(const cJSON *body, const char *key)
{
    return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(body, key));
}

static void answer(enum gw_err err, const char *why, struct http_reply *out)
{
    cJSON *o;

    switch ((int)err) {
    case GW_OK:
        o = cJSON_CreateObject();
        cJSON_AddTrueToObject(o, "ok");
        reply_json(out, MHD_HTTP_OK, o);
        return;
    case GW_ENOENT:
        reply_error(out, MHD_HTTP_NOT_FOUND, why, "/api/v1/alerts?active=true lists what there is");
        return;
    case GW_EINVAL:
        reply_error(out, MHD_HTTP_BAD_REQUEST, why, "\"for\": \"2h\"");
        return;
    default:
        reply_error(out, MHD_HTTP_SERVICE_UNAVAILABLE, why, "try again");
    }
}

static void order(struct http *h, const struct http_request *r, enum alert_verb verb,
                  struct http_reply *out)
{
    cJSON *body = cJSON_ParseWithLength(r->body, r->body_length);
    const char *span = text_of(body, "for");
    char why[ORDER_WHY_SIZE] = "";
    struct alert_command c = {.verb = verb,
                              .sensor = text_of(body, "sensor"),
                              .rule = text_of(body, "rule"),
                              .who = text_of(body, "who"),
                              .comment = text_of(body, "comment")};

    if (!cJSON_IsObject(body) || !c.sensor || !c.rule)
        reply_error(out, MHD_HTTP_BAD_REQUEST, "the body does not name a sensor and a rule",
                    EXAMPLE);
    else if (verb == ALERT_SHELVE && (!span || !option_parse_timespan(span, &c.shelve_us)))
        reply_error(out, MHD_HTTP_BAD_REQUEST, "the body does not say for how long",
                    "\"for\": \"2h\"");
    else
        answer(alert_book_command(h->options.alerts, &c, PATIENCE_US, why), why, out);
    cJSON_Delete(body);
}

void api_acknowledge(struct http *h, const struct http_request *r, const char *name,
                     struct http_reply *out)
{
    (void)name;
    order(h, r, ALERT_ACKNOWLEDGE, out);
}

void api_shelve(struct http *h, const struct http_request *r, const char *name,
                struct http_reply *out)
{
    (void)name;
    order(h, r, ALERT_SHELVE, out);
}

void api_unshelve(struct http *h, const struct http_request *r, const char *name,
                  struct http_reply *out)
{
    (void)name;
    order(h, r, ALERT_UNSHELVE, out);
}
