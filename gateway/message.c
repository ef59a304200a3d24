/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/message.h"

#include "gateway/alert_counts.h"
#include "gateway/core/clock.h"
#include "gateway/core/histogram.h"
#include "gateway/core/metrics.h"
#include "gateway/core/process.h"
#include "gateway/core/record.h"
#include "gateway/json.h"
#include "gateway/source_json.h"
#include "version.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *message_topic(const struct config *c, const char *what, const char *sensor,
                          const char *rule, char buf[static TOPIC_SIZE])
{
    snprintf(buf, TOPIC_SIZE, "%s/%s/%s%s%s%s%s", c->mqtt.prefix, c->gateway.name, what,
             sensor ? "/" : "", sensor ? sensor : "", rule ? "/" : "", rule ? rule : "");
    return buf;
}

static void add_identity(cJSON *o, const struct config *c, const struct alert_message *m)
{
    char id[64];

    snprintf(id, sizeof(id), "%s-%" PRId64, m->instance, m->alert_id);
    cJSON_AddStringToObject(o, "id", id);
    json_add_integer(o, "seq", m->seq);
    cJSON_AddStringToObject(o, "gateway", c->gateway.name);
    cJSON_AddBoolToObject(o, "durable", m->durable);
}

static void add_text(cJSON *o, const char *key, const char *text)
{
    if (text && text[0])
        cJSON_AddStringToObject(o, key, text);
}

/* What people did, and what was told before: only where there is some. */
static void add_people(cJSON *o, const struct alert_message *m)
{
    add_text(o, "by", m->who);
    add_text(o, "comment", m->comment);
    if (m->until_us)
        json_add_time(o, "until", m->until_us);
    if (m->repeat)
        json_add_integer(o, "repeat", m->repeat);
}

char *message_alert(const struct config *c, const struct alert_message *m)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "state", m->state);
    cJSON_AddStringToObject(o, "severity", m->severity);
    cJSON_AddStringToObject(o, "sensor", m->sensor);
    cJSON_AddStringToObject(o, "rule", m->rule);
    cJSON_AddStringToObject(o, "reason", m->reason ? m->reason : "unknown");
    json_add_number(o, "value", m->value);
    json_add_number(o, "limit", m->limit);
    cJSON_AddStringToObject(o, "unit", m->unit);
    json_add_time(o, "since", m->since_us);
    json_add_time(o, "time", m->time_us);
    if (m->is_undated)
        cJSON_AddTrueToObject(o, "undated");
    add_people(o, m);
    add_identity(o, c, m);
    return json_print(o);
}

char *message_brief(const struct config *c, const struct alert_message *m)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "state", m->state);
    cJSON_AddStringToObject(o, "severity", m->severity);
    cJSON_AddStringToObject(o, "rule", m->rule);
    json_add_time(o, "time", m->time_us);
    add_identity(o, c, m);
    return json_print(o);
}

char *message_limited(const struct config *c, const struct alert_message *m)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "state", m->state);
    cJSON_AddStringToObject(o, "rule", m->rule);
    json_add_number(o, "withheld", m->value);
    json_add_number(o, "max_raises", m->limit);
    json_add_time(o, "time", m->time_us);
    add_identity(o, c, m);
    return json_print(o);
}

char *message_transition(const struct config *c, const struct alert_message *m,
                         char topic[static TOPIC_SIZE])
{
    bool limited = strcmp(m->state, alert_state_name(ALERT_LIMITED)) == 0;

    message_topic(c, "alerts", limited ? NULL : m->sensor, m->rule, topic);
    return limited ? message_limited(c, m) : message_alert(c, m);
}

char *message_reading(const struct sensor *s, const struct reading *r)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "unit", s->unit);
    json_add_reading(o, r);
    return json_print(o);
}

char *message_write(const char *id, bool ok, double value, const char *why)
{
    cJSON *o = cJSON_CreateObject();

    if (*id)
        cJSON_AddStringToObject(o, "id", id);
    cJSON_AddBoolToObject(o, "ok", ok);
    json_add_number(o, "value", value);
    if (!ok)
        cJSON_AddStringToObject(o, "error", why);
    json_add_time(o, "time", clock_wall_us());
    return json_print(o);
}

/* "sensorgw_alerts_raised_total" → "alerts_raised_total" */
static const char *short_name(const char *name)
{
    static const char prefix[] = "sensorgw_";

    return strncmp(name, prefix, sizeof(prefix) - 1) == 0 ? name + sizeof(prefix) - 1 : name;
}

static void add_metrics(cJSON *o)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *m = metric_info((enum metric)i);
        int64_t value = metric_get((enum metric)i);
        if (m->kind == METRIC_KIND_COUNTER_US || m->kind == METRIC_KIND_GAUGE_US)
            cJSON_AddNumberToObject(o, short_name(m->name), (double)value / 1e6);
        else
            json_add_integer(o, short_name(m->name), value);
    }
}

/* As Prometheus has them: {"count", "sum", "buckets": {"0.001": …, "+Inf": …}}, each bucket with
 * what is shorter. */
static void add_histograms(cJSON *o)
{
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        struct histogram_counts c = histogram_get((enum histogram)i);
        cJSON *json = cJSON_AddObjectToObject(o, short_name(c.name));
        json_add_integer(json, "count", (int64_t)c.count);
        cJSON_AddNumberToObject(json, "sum", (double)c.sum_us / 1e6);
        cJSON *buckets = cJSON_AddObjectToObject(json, "buckets");
        for (int k = 0; k < HISTOGRAM_BOUNDS; k++) {
            char bound[32];
            snprintf(bound, sizeof(bound), "%g", (double)histogram_bounds_us[k] / 1e6);
            json_add_integer(buckets, bound, (int64_t)c.up_to[k]);
        }
        json_add_integer(buckets, "+Inf", (int64_t)c.count);
    }
}

/* {"warning": {"raised": …, "acknowledged": …, "shelved": …}, "critical": …} */
static void add_alerts(cJSON *o, const struct alert_counts *a)
{
    cJSON *alerts = a ? cJSON_AddObjectToObject(o, "alerts") : NULL;

    for (unsigned severity = SEVERITY_WARNING; a && severity <= SEVERITY_CRITICAL; severity++) {
        cJSON *states = cJSON_AddObjectToObject(alerts, severity_name(severity));
        for (int s = 0; s < ALERTS_STATES; s++)
            json_add_integer(states, alert_counts_state(s), a->count[severity][s]);
    }
}

static void add_process(cJSON *o, int64_t now_us)
{
    struct process_figures p;

    process_figures_get(&p);
    json_add_time(o, "started", p.start_us);
    cJSON_AddNumberToObject(o, "uptime_seconds",
                            p.start_us ? (double)(now_us - p.start_us) / 1e6 : 0);
    json_add_integer(o, "resident_memory_bytes", p.resident_bytes);
    cJSON_AddNumberToObject(o, "cpu_seconds_total", (double)p.cpu_us / 1e6);
    json_add_integer(o, "open_fds", p.open_fds);
    json_add_integer(o, "max_fds", p.max_fds);
    json_add_integer(o, "threads", p.threads);
}

char *message_health(const struct config *c, const struct ledger *l, struct source *const *sources,
                     const struct alert_counts *alerts, int64_t now_us)
{
    struct ledger_entry sum = ledger_total(l);
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "gateway", c->gateway.name);
    cJSON_AddStringToObject(o, "version", SENSORGW_VERSION);
    json_add_time(o, "time", now_us);
    cJSON_AddBoolToObject(o, "mqtt_configured", c->mqtt.present);
    add_process(o, now_us);
    json_add_integer(o, "accepted", (int64_t)sum.accepted);
    json_add_integer(o, "committed", (int64_t)sum.committed);
    json_add_integer(o, "in_flight", (int64_t)ledger_in_flight(&sum));
    cJSON *dropped = cJSON_AddObjectToObject(o, "dropped");
    for (int why = 0; why < DROP_REASON_COUNT; why++)
        json_add_integer(dropped, drop_reason_name((enum drop_reason)why),
                         (int64_t)sum.dropped[why]);
    add_metrics(o);
    add_histograms(o);
    add_alerts(o, alerts);
    cJSON_AddItemToObject(o, "sources", sources_json(c, sources, l));
    return json_print(o);
}
