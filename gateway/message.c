/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/message.h"

#include "gateway/core/clock.h"
#include "gateway/core/metrics.h"
#include "version.h"

#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

const char *message_topic(const struct config *c, const char *what, const char *sensor,
                          const char *rule, char buf[static TOPIC_SIZE])
{
    snprintf(buf, TOPIC_SIZE, "%s/%s/%s%s%s%s%s", c->mqtt.prefix, c->gateway.name, what,
             sensor ? "/" : "", sensor ? sensor : "", rule ? "/" : "", rule ? rule : "");
    return buf;
}

static char *print(cJSON *object)
{
    char *text = cJSON_PrintUnformatted(object);

    cJSON_Delete(object);
    return text;
}

static void add_number(cJSON *o, const char *key, double value)
{
    if (isnan(value))
        cJSON_AddNullToObject(o, key);
    else
        cJSON_AddNumberToObject(o, key, value);
}

/* cJSON's numbers are doubles; whole numbers beyond 2^53 are written as they are. */
static void add_integer(cJSON *o, const char *key, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    cJSON_AddRawToObject(o, key, text);
}

/* "since": "2026-…Z" and "since_us": 17… */
static void add_time(cJSON *o, const char *key, int64_t us)
{
    char text[CLOCK_UTC_SIZE], key_us[32];

    snprintf(key_us, sizeof(key_us), "%s_us", key);
    cJSON_AddStringToObject(o, key, clock_format_utc(us, 3, text));
    add_integer(o, key_us, us);
}

static void add_identity(cJSON *o, const struct config *c, const struct alert_message *m)
{
    char id[64];

    snprintf(id, sizeof(id), "%s-%" PRId64, m->instance, m->alert_id);
    cJSON_AddStringToObject(o, "id", id);
    add_integer(o, "seq", m->seq);
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
        add_time(o, "until", m->until_us);
    if (m->repeat)
        add_integer(o, "repeat", m->repeat);
}

char *message_alert(const struct config *c, const struct alert_message *m)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "state", m->state);
    cJSON_AddStringToObject(o, "severity", m->severity);
    cJSON_AddStringToObject(o, "sensor", m->sensor);
    cJSON_AddStringToObject(o, "rule", m->rule);
    cJSON_AddStringToObject(o, "reason", m->reason ? m->reason : "unknown");
    add_number(o, "value", m->value);
    add_number(o, "limit", m->limit);
    cJSON_AddStringToObject(o, "unit", m->unit);
    add_time(o, "since", m->since_us);
    add_time(o, "time", m->time_us);
    add_people(o, m);
    add_identity(o, c, m);
    return print(o);
}

char *message_limited(const struct config *c, const struct alert_message *m)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "state", m->state);
    cJSON_AddStringToObject(o, "rule", m->rule);
    add_number(o, "withheld", m->value);
    add_number(o, "max_raises", m->limit);
    add_time(o, "time", m->time_us);
    add_identity(o, c, m);
    return print(o);
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

    if (r->flags & READING_INTEGER)
        add_integer(o, "value", r->integer);
    else
        add_number(o, "value", reading_number(r));
    cJSON_AddStringToObject(o, "unit", s->unit);
    cJSON_AddStringToObject(o, "quality", quality_name(r->quality));
    add_time(o, "time", r->time_us);
    return print(o);
}

char *message_write(const char *id, bool ok, double value, const char *why)
{
    cJSON *o = cJSON_CreateObject();

    if (*id)
        cJSON_AddStringToObject(o, "id", id);
    cJSON_AddBoolToObject(o, "ok", ok);
    add_number(o, "value", value);
    if (!ok)
        cJSON_AddStringToObject(o, "error", why);
    add_time(o, "time", clock_wall_us());
    return print(o);
}

/* "sensorgw_alerts_raised_total" → "alerts_raised_total" */
static const char *short_name(const struct metric_info *m)
{
    static const char prefix[] = "sensorgw_";

    return strncmp(m->name, prefix, sizeof(prefix) - 1) == 0 ? m->name + sizeof(prefix) - 1
                                                             : m->name;
}

char *message_health(const struct ledger *l, int64_t now_us)
{
    struct ledger_entry sum = ledger_total(l);
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "version", SENSORGW_VERSION);
    add_time(o, "time", now_us);
    add_integer(o, "accepted", (int64_t)sum.accepted);
    add_integer(o, "committed", (int64_t)sum.committed);
    add_integer(o, "in_flight", (int64_t)ledger_in_flight(&sum));
    cJSON *dropped = cJSON_AddObjectToObject(o, "dropped");
    for (int why = 0; why < DROP_REASON_COUNT; why++)
        add_integer(dropped, drop_reason_name((enum drop_reason)why), (int64_t)sum.dropped[why]);
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *m = metric_info((enum metric)i);
        int64_t value = metric_get((enum metric)i);
        if (m->kind == METRIC_KIND_COUNTER_US || m->kind == METRIC_KIND_GAUGE_US)
            cJSON_AddNumberToObject(o, short_name(m), (double)value / 1e6);
        else
            add_integer(o, short_name(m), value);
    }
    return print(o);
}
