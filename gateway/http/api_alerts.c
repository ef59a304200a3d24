/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/clock.h"
#include "gateway/http/internal.h"
#include "gateway/http/parameters.h"
#include "gateway/json.h"
#include "storage/query.h"

#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#define LIMIT 200
#define LIMIT_MAX 5000

/* What the rule says today; NULL: it is no expression, or not in the configuration any more. */
static const char *expression_of(const struct config *c, const char *rule)
{
    for (size_t i = 0; i < c->rule_count; i++) {
        if (c->rules[i].kind == RULE_EXPRESSION && strcmp(c->rules[i].name, rule) == 0)
            return c->rules[i].expression;
    }
    return NULL;
}

static cJSON *alert_json(const struct config *c, const struct alert_row *a, int64_t now_us)
{
    const char *expression = expression_of(c, a->rule);
    cJSON *o = cJSON_CreateObject();
    char id[64];

    snprintf(id, sizeof(id), "%s-%" PRId64, a->instance, a->id);
    cJSON_AddStringToObject(o, "id", id);
    cJSON_AddStringToObject(o, "sensor", a->sensor);
    cJSON_AddStringToObject(o, "rule", a->rule);
    cJSON_AddStringToObject(o, "state", a->state);
    cJSON_AddStringToObject(o, "severity", a->severity);
    cJSON_AddStringToObject(o, "reason", a->reason);
    if (expression)
        cJSON_AddStringToObject(o, "expression", expression);
    json_add_number(o, "value", a->value);
    json_add_number(o, "limit", a->limit);
    cJSON_AddStringToObject(o, "unit", a->unit);
    json_add_time(o, "since", a->raised_us);
    json_add_time(o, "changed", a->changed_us);
    json_add_time(o, "cleared", a->cleared_us);
    json_add_time(o, "acknowledged", a->acknowledged_us);
    cJSON_AddStringToObject(o, "acknowledged_by", a->acknowledged_by);
    json_add_time(o, "shelved_until", a->shelved_until_us > now_us ? a->shelved_until_us : 0);
    return o;
}

struct listing {
    const struct config *config;
    cJSON *alerts;
    int64_t now_us;
};

static bool each_alert(void *arg, const struct alert_row *a)
{
    const struct listing *l = arg;

    cJSON_AddItemToArray(l->alerts, alert_json(l->config, a, l->now_us));
    return true;
}

static bool wants_active(const struct http_request *r, bool *active, struct http_reply *out)
{
    const char *text = request_query(r, "active");

    *active = text && strcmp(text, "true") == 0;
    if (!text || *active || strcmp(text, "false") == 0)
        return true;
    parameters_refuse("active", text, "true, which leaves out what is cleared, or false", out);
    return false;
}

static bool wants(const struct http_request *r, int64_t now_us, struct alert_filter *f,
                  struct http_reply *out)
{
    long limit = LIMIT;

    *f = (struct alert_filter){.sensor = request_query(r, "sensor"),
                               .rule = request_query(r, "rule")};
    if (!wants_active(r, &f->active, out) || !api_time(r, "since", now_us, &f->since_us, out) ||
        !api_time(r, "until", now_us, &f->until_us, out) ||
        !api_number(r, "limit", 1, LIMIT_MAX, &limit, out))
        return false;
    f->limit = (size_t)limit;
    return !f->since_us || api_is_span(f->since_us, f->until_us ? f->until_us : now_us, out);
}

void api_alerts(struct http *h, const struct http_request *r, const char *name,
                struct http_reply *out)
{
    int64_t now = clock_wall_us();
    struct alert_filter filter;
    struct query *q;

    (void)name;
    if (!wants(r, now, &filter, out))
        return;
    enum gw_err err = readers_take(h->readers, &q);
    if (err != GW_OK) {
        api_failed(err, out);
        return;
    }
    cJSON *o = cJSON_CreateObject();
    json_add_time(o, "time", now);
    struct listing listing = {h->options.config, cJSON_AddArrayToObject(o, "alerts"), now};
    err = query_alerts(q, &filter, each_alert, &listing);
    readers_give(h->readers, q);
    if (err == GW_OK) {
        reply_json(out, MHD_HTTP_OK, o);
        return;
    }
    cJSON_Delete(o);
    api_failed(err, out);
}
