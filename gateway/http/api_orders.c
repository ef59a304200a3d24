/* SPDX-License-Identifier: Apache-2.0 */
/* What people order: acknowledge, shelve, unshelve. */
#include "config/option.h"
#include "gateway/alert.h"
#include "gateway/core/clock.h"
#include "gateway/http/internal.h"
#include "gateway/http/parameters.h"

#include <microhttpd.h>

#define PATIENCE_US (3 * US_PER_SECOND)
#define SPAN_SIZE 32
#define EXAMPLE "{\"sensor\": \"boiler/flow_temp\", \"rule\": \"overheat\", \"who\": \"Ada\"}"

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
        out->retry_s = 1;
    }
}

/* Borrows the texts of the body. False: *out says what is missing. */
static bool read_order(const cJSON *body, enum alert_verb verb, struct alert_command *c,
                       struct http_reply *out)
{
    const char *span;

    *c = (struct alert_command){.verb = verb};
    if (!parameters_text(body, "sensor", SENSOR_NAME_MAX + 1, &c->sensor, out) ||
        !parameters_text(body, "rule", RULE_NAME_MAX + 1, &c->rule, out) ||
        !parameters_text(body, "who", ALERT_WHO_MAX + 1, &c->who, out) ||
        !parameters_text(body, "comment", ALERT_COMMENT_MAX + 1, &c->comment, out) ||
        !parameters_text(body, "for", SPAN_SIZE, &span, out))
        return false;
    if (c->sensor && c->rule &&
        (verb != ALERT_SHELVE || (span && option_parse_timespan(span, &c->shelve_us))))
        return true;
    if (!c->sensor || !c->rule)
        reply_error(out, MHD_HTTP_BAD_REQUEST, "the body does not name a sensor and a rule",
                    EXAMPLE);
    else
        reply_error(out, MHD_HTTP_BAD_REQUEST, "the body does not say for how long",
                    "\"for\": \"2h\"");
    return false;
}

static void order(struct http *h, const struct http_request *r, enum alert_verb verb,
                  struct http_reply *out)
{
    cJSON *body = parameters_body(r, EXAMPLE, out);
    char why[ORDER_WHY_SIZE] = "";
    struct alert_command c;

    if (body && read_order(body, verb, &c, out))
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
