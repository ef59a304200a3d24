/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/alert_remote.h"

#include "gateway/alert.h"
#include "gateway/core/log.h"
#include "gateway/message.h"
#include "gateway/requests.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_US INT64_C(2000000)
#define LEVELS_MAX 8 /* of a sensor's name, to be acknowledged over MQTT */

struct alert_remote {
    struct alert_book *alerts;
    struct requests *requests;
    bool levels[LEVELS_MAX + 1]; /* that it listens to */
    size_t topic_length;         /* of "<prefix>/<gateway>/alerts/" */
};

/* --- what is asked --- */

bool alert_parse_shelve(const char *text, int64_t *us)
{
    int64_t span;

    if (strcmp(text, "off") == 0)
        span = 0;
    else if (!option_parse_timespan(text, &span))
        return false;
    *us = span;
    return true;
}

static const char *take_text(const cJSON *o, const char *key, char *out, size_t size,
                             const char *problem)
{
    const cJSON *item = cJSON_GetObjectItemCaseSensitive(o, key);

    if (!item)
        return NULL;
    if (!cJSON_IsString(item))
        return problem;
    snprintf(out, size, "%s", item->valuestring);
    return NULL;
}

static const char *take_object(const cJSON *o, struct alert_remote_payload *out)
{
    char span[32] = "";
    const char *problem;

    if ((problem = take_text(o, "who", out->who, sizeof(out->who), "\"who\" must be a text")) ||
        (problem = take_text(o, "comment", out->comment, sizeof(out->comment),
                             "\"comment\" must be a text")) ||
        (problem =
             take_text(o, "for", span, sizeof(span), "\"for\" must be a time such as \"2h\"")))
        return problem;
    if (span[0] && !alert_parse_shelve(span, &out->shelve_us))
        return "\"for\" must be a time such as \"2h\"";
    return NULL;
}

const char *alert_remote_parse(const char *payload, size_t length, struct alert_remote_payload *out)
{
    char text[32];

    *out = (struct alert_remote_payload){.shelve_us = -1};
    if (length == 0)
        return NULL;
    snprintf(text, sizeof(text), "%.*s", (int)(length < sizeof(text) ? length : sizeof(text)),
             payload);
    if (length < sizeof(text) && alert_parse_shelve(text, &out->shelve_us))
        return NULL;
    cJSON *json = cJSON_ParseWithLength(payload, length);
    const char *problem = cJSON_IsObject(json)
                              ? take_object(json, out)
                              : "the payload must be empty, a time such as 2h, or a JSON object";
    cJSON_Delete(json);
    return problem;
}

bool alert_remote_cut(char *topic, const char **sensor, const char **rule, const char **verb)
{
    char *cut = strrchr(topic, '/');

    if (!cut)
        return false;
    *cut = '\0';
    *verb = cut + 1;
    cut = strrchr(topic, '/');
    if (!cut || cut == topic)
        return false;
    *cut = '\0';
    *rule = cut + 1;
    *sensor = topic;
    return **rule && **verb;
}

/* --- what is done --- */

static const char *make_command(const struct request *q, const char *verb,
                                struct alert_remote_payload *payload, struct alert_command *c)
{
    bool shelve = strcmp(verb, "shelve") == 0;

    if (q->retained)
        return "the request is retained, and would be repeated at every connect; clear it";
    if (q->length > REQUEST_PAYLOAD_MAX)
        return "the message is too long";
    const char *problem = alert_remote_parse(q->payload, q->length, payload);
    if (problem)
        return problem;
    if (shelve && payload->shelve_us < 0)
        return "it does not say for how long: 2h, {\"for\": \"2h\"}, or off";
    c->verb = !shelve ? ALERT_ACKNOWLEDGE : payload->shelve_us == 0 ? ALERT_UNSHELVE : ALERT_SHELVE;
    c->shelve_us = payload->shelve_us;
    c->who = payload->who[0] ? payload->who : "MQTT";
    c->comment = payload->comment;
    return NULL;
}

static void carry_out(void *arg, const struct request *q)
{
    struct alert_remote *r = arg;
    struct alert_remote_payload payload;
    struct alert_command c = {0};
    char topic[REQUEST_TOPIC_SIZE], why[ORDER_WHY_SIZE];
    const char *verb;

    if (strlen(q->topic) <= r->topic_length)
        return;
    snprintf(topic, sizeof(topic), "%s", q->topic + r->topic_length);
    if (!alert_remote_cut(topic, &c.sensor, &c.rule, &verb))
        return;
    const char *problem = make_command(q, verb, &payload, &c);
    if (!problem && alert_book_command(r->alerts, &c, PATIENCE_US, why) != GW_OK)
        problem = why;
    if (problem)
        log_warning("alert %s %s: not done what MQTT asked for (%s): %s", c.sensor, c.rule, verb,
                    problem);
}

/* --- life --- */

static void note_levels(const char *name, bool levels[LEVELS_MAX + 1])
{
    size_t n = 1;

    for (const char *p = name; *p; p++)
        n += *p == '/';
    if (n <= LEVELS_MAX)
        levels[n] = true;
    /* A wildcard may stand for one level or for several. */
    for (; strchr(name, '{') && n <= LEVELS_MAX; n++)
        levels[n] = true;
}

/* How many levels the names of sensors have. "alerts/#" would bring back every alert that goes
 * out, so there is one subscription for each depth. */
static void find_levels(const struct config *config, bool levels[LEVELS_MAX + 1])
{
    for (size_t i = 0; i < config->source_count; i++) {
        for (size_t d = 0; d < config->sources[i].device_count; d++) {
            const struct device_config *device = &config->sources[i].devices[d];
            for (size_t s = 0; s < device->sensor_count; s++)
                note_levels(device->sensors[s].name, levels);
        }
    }
}

static enum gw_err add_level(struct alert_remote *r, const struct config *config, size_t level,
                             const char *verb, struct requests *requests)
{
    char sensor[2 * LEVELS_MAX + 2] = "+", filter[TOPIC_SIZE];

    for (size_t i = 1; i < level; i++)
        strcat(sensor, "/+");
    strcat(sensor, "/+"); /* the rule */
    message_topic(config, "alerts", sensor, verb, filter);
    return requests_add(requests, filter, NULL, carry_out, r);
}

static enum gw_err add_levels(struct alert_remote *r, const struct config *config)
{
    bool levels[LEVELS_MAX + 1] = {false};
    enum gw_err err = GW_OK;

    find_levels(config, levels);
    for (size_t i = 1; i <= LEVELS_MAX && err == GW_OK; i++) {
        if (!levels[i] || r->levels[i])
            continue;
        r->levels[i] = true;
        if ((err = add_level(r, config, i, "ack", r->requests)) == GW_OK)
            err = add_level(r, config, i, "shelve", r->requests);
    }
    return err;
}

enum gw_err alert_remote_create(struct alert_remote **out, const struct config *config,
                                struct alert_book *alerts, struct requests *requests)
{
    char topic[TOPIC_SIZE];

    if (!requests)
        return GW_OK;
    struct alert_remote *r = calloc(1, sizeof(*r));
    if (!r)
        return GW_ENOMEM;
    *out = r;
    r->alerts = alerts;
    r->requests = requests;
    r->topic_length = strlen(message_topic(config, "alerts", NULL, NULL, topic)) + 1;
    return add_levels(r, config);
}

void alert_remote_follow(struct alert_remote *r, const struct config *now)
{
    enum gw_err err = r ? add_levels(r, now) : GW_OK;

    if (err != GW_OK)
        log_error("alerts of new sensors cannot be acknowledged over MQTT: %s", gw_strerror(err));
}

void alert_remote_destroy(struct alert_remote *r)
{
    free(r);
}
