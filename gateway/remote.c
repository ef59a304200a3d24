/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/remote.h"

#include "drivers/driver.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/message.h"
#include "gateway/requests.h"
#include "gateway/setter.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CAME_SIZE 64 /* as much of a message as the log shows */
#define ANSWER_TRIES 10
#define ANSWER_PAUSE_US (50 * US_PER_MS)

struct remote {
    const struct config *config;
    struct mqtt_client *client;
    struct setter *setter;
    size_t topic_length; /* of "<prefix>/<gateway>/write/" */
};

/* --- what is asked --- */

bool remote_parse_word(const char *word, double *value)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"on", 1}, {"off", 0}, {"true", 1}, {"false", 0}};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strcmp(word, words[i].word) == 0) {
            *value = words[i].value;
            return true;
        }
    }
    return false;
}

static bool take_value(const cJSON *item, double *value)
{
    if (cJSON_IsNumber(item)) {
        *value = item->valuedouble;
        return isfinite(*value);
    }
    if (cJSON_IsBool(item)) {
        *value = cJSON_IsTrue(item);
        return true;
    }
    return cJSON_IsString(item) && remote_parse_word(item->valuestring, value);
}

static const char *take_object(const cJSON *o, struct remote_request *out)
{
    const cJSON *id = cJSON_GetObjectItemCaseSensitive(o, "id");
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(o, "value");

    if (cJSON_IsString(id))
        snprintf(out->id, sizeof(out->id), "%s", id->valuestring);
    else if (id)
        return "\"id\" must be a text";
    if (!value)
        return "there is no \"value\"";
    return take_value(value, &out->value) ? NULL : "\"value\" must be a number, true or false";
}

const char *remote_parse(const char *payload, size_t length, struct remote_request *out)
{
    char bare[8];

    *out = (struct remote_request){.value = (double)NAN};
    snprintf(bare, sizeof(bare), "%.*s", (int)(length < sizeof(bare) ? length : sizeof(bare)),
             payload);
    if (length < sizeof(bare) && remote_parse_word(bare, &out->value))
        return NULL;
    const char *end = NULL;
    cJSON *json = cJSON_ParseWithLengthOpts(payload, length, &end, false);
    while (end && end < payload + length && strchr(" \t\r\n", *end) && *end)
        end++;
    const char *problem = "it is neither a number nor JSON";
    if (json && end == payload + length)
        problem = cJSON_IsObject(json)            ? take_object(json, out)
                  : take_value(json, &out->value) ? NULL
                                                  : "the value must be a number, true or false";
    cJSON_Delete(json);
    return problem;
}

/* --- what is done --- */

static void answer(struct remote *r, const char *sensor, const char *id,
                   const struct source_write *result)
{
    char topic[TOPIC_SIZE];
    char *text = message_write(id, result->err == GW_OK, result->value, result->why);

    message_topic(r->config, "write", sensor, "result", topic);
    enum gw_err err = text ? GW_ECONN : GW_ENOMEM;
    /* A retained request comes with the subscription, just before we count as connected. */
    for (int i = 0; i < ANSWER_TRIES && err == GW_ECONN; i++) {
        if (i > 0)
            clock_sleep_us(ANSWER_PAUSE_US);
        err = mqtt_client_publish(r->client, topic, text, strlen(text), 1, false, NULL, NULL, 0);
    }
    if (err != GW_OK)
        log_warning("the answer to a write of %s is lost: %s", sensor, gw_strerror(err));
    free(text);
}

/* The beginning of what came, for the log; a message that is too long was not kept. */
static void show(const struct request *q, char out[CAME_SIZE])
{
    size_t length = q->length > REQUEST_PAYLOAD_MAX ? 0 : q->length;

    snprintf(out, CAME_SIZE, "%.*s", (int)(length < CAME_SIZE ? length : CAME_SIZE - 1),
             q->payload);
}

static void carry_out(void *arg, const struct request *q)
{
    struct remote *r = arg;
    struct remote_request request = {.value = (double)NAN};
    struct source_write result;

    if (strlen(q->topic) <= r->topic_length)
        return;
    const char *sensor = q->topic + r->topic_length;
    const char *problem = q->length > REQUEST_PAYLOAD_MAX
                              ? "the message is too long"
                              : remote_parse(q->payload, q->length, &request);
    if (q->retained)
        problem = "the request is retained, and would be repeated at every connect; clear it";
    char came[CAME_SIZE];
    show(q, came);
    const struct setter_request asked = {.sensor = sensor,
                                         .value = request.value,
                                         .origin = "mqtt",
                                         .id = request.id,
                                         .came = isnan(request.value) ? came : NULL};
    if (problem)
        setter_refuse(r->setter, &asked, problem, &result);
    else
        setter_set(r->setter, &asked, &result);
    answer(r, sensor, request.id, &result);
}

enum gw_err remote_create(struct remote **out, const struct config *config,
                          struct mqtt_client *client, struct setter *setter,
                          struct requests *requests)
{
    char filter[TOPIC_SIZE];

    if (!requests)
        return GW_OK;
    struct remote *r = calloc(1, sizeof(*r));
    if (!r)
        return GW_ENOMEM;
    r->config = config;
    r->client = client;
    r->setter = setter;
    message_topic(config, "write", "#", NULL, filter);
    r->topic_length = strlen(filter) - 1;
    *out = r;
    return requests_add(requests, filter, "result", carry_out, r);
}

void remote_destroy(struct remote *r)
{
    free(r);
}
