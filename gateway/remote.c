/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/remote.h"

#include "drivers/driver.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/core/sensor.h"
#include "gateway/core/thread.h"
#include "gateway/message.h"
#include "gateway/setter.h"

#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 32 /* requests; what is beyond is dropped and counted */
#define PAYLOAD_MAX 512
#define TICK_US (500 * US_PER_MS)

struct message {
    char sensor[SENSOR_NAME_MAX + 1];
    char payload[PAYLOAD_MAX];
    size_t length; /* of the payload; more than PAYLOAD_MAX: too long, not kept */
    bool retained;
};

struct remote {
    const struct config *config;
    struct mqtt_client *client;
    struct setter *setter;
    size_t topic_length; /* of "<prefix>/<gateway>/write/" */
    unsigned subscription;
    struct thread thread;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* guarded by lock */
    struct message waiting[WAITING_MAX];
    size_t first, count;
    uint64_t dropped; /* since it was last said */
    bool stop;
};

/* --- what is asked --- */

static bool take_word(const char *word, double *value)
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
    return cJSON_IsString(item) && take_word(item->valuestring, value);
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
    if (length < sizeof(bare) && take_word(bare, &out->value))
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

/* --- Paho's thread --- */

static void on_message(void *arg, const struct mqtt_message *m)
{
    static const char ours[] = "/result";
    struct remote *r = arg;

    if (m->topic_length <= r->topic_length ||
        m->topic_length - r->topic_length > SENSOR_NAME_MAX + sizeof(ours))
        return;
    const char *sensor = m->topic + r->topic_length;
    size_t length = m->topic_length - r->topic_length;
    if (length >= sizeof(ours) && strcmp(sensor + length - (sizeof(ours) - 1), ours) == 0)
        return;
    pthread_mutex_lock(&r->lock);
    if (r->count < WAITING_MAX) {
        struct message *w = &r->waiting[(r->first + r->count++) % WAITING_MAX];
        snprintf(w->sensor, sizeof(w->sensor), "%s", sensor);
        w->length = m->length;
        w->retained = m->retained;
        memcpy(w->payload, m->payload, m->length < PAYLOAD_MAX ? m->length : PAYLOAD_MAX);
        pthread_cond_signal(&r->changed);
    } else {
        r->dropped++;
    }
    pthread_mutex_unlock(&r->lock);
}

/* --- its own thread --- */

static void answer(struct remote *r, const char *sensor, const char *id,
                   const struct source_write *result)
{
    char topic[TOPIC_SIZE];
    char *text = message_write(id, result->err == GW_OK, result->value, result->why);

    message_topic(r->config, "write", sensor, "result", topic);
    enum gw_err err =
        text ? mqtt_client_publish(r->client, topic, text, strlen(text), 1, false, NULL, NULL, 0)
             : GW_ENOMEM;
    if (err != GW_OK)
        log_warning("the answer to a write of %s is lost: %s", sensor, gw_strerror(err));
    free(text);
}

static void refuse(const struct message *m, const char *why, struct source_write *result)
{
    *result = (struct source_write){.err = GW_EINVAL, .value = (double)NAN};
    snprintf(result->why, sizeof(result->why), "%s", why);
    metric_add(METRIC_WRITES_FAILED, 1);
    log_warning("%s not set (MQTT): %s", m->sensor, why);
}

static void carry_out(struct remote *r, const struct message *m)
{
    struct remote_request request = {.id = ""};
    struct source_write result;
    const char *problem = m->length > PAYLOAD_MAX ? "the message is too long"
                                                  : remote_parse(m->payload, m->length, &request);

    if (m->retained)
        problem = "the request is retained, and would be repeated at every connect; clear it";
    if (problem)
        refuse(m, problem, &result);
    else
        setter_set(r->setter, m->sensor, request.value, "MQTT", &result);
    answer(r, m->sensor, request.id, &result);
}

/* False when it must stop. */
static bool next_message(struct remote *r, struct message *out, uint64_t *dropped)
{
    struct timespec deadline = clock_deadline(TICK_US);

    pthread_mutex_lock(&r->lock);
    while (!r->stop && r->count == 0) {
        pthread_cond_timedwait(&r->changed, &r->lock, &deadline);
        deadline = clock_deadline(TICK_US);
    }
    bool go_on = !r->stop;
    if (go_on) {
        *out = r->waiting[r->first];
        r->first = (r->first + 1) % WAITING_MAX;
        r->count--;
        *dropped = r->dropped;
        r->dropped = 0;
    }
    pthread_mutex_unlock(&r->lock);
    return go_on;
}

static void run(void *arg)
{
    struct remote *r = arg;
    struct message m;
    uint64_t dropped;

    while (next_message(r, &m, &dropped)) {
        if (dropped > 0) {
            metric_add(METRIC_WRITES_FAILED, (int64_t)dropped);
            log_warning("%llu requests to set sensors dropped: they come faster than they can be "
                        "carried out",
                        (unsigned long long)dropped);
        }
        carry_out(r, &m);
    }
}

/* --- life --- */

enum gw_err remote_start(struct remote **out, const struct config *config,
                         struct mqtt_client *client, struct setter *setter)
{
    char filter[TOPIC_SIZE];

    if (!client || !setter_has_any(setter))
        return GW_OK;
    struct remote *r = calloc(1, sizeof(*r));
    if (!r)
        return GW_ENOMEM;
    r->config = config;
    r->client = client;
    r->setter = setter;
    pthread_mutex_init(&r->lock, NULL);
    cond_init_monotonic(&r->changed);
    message_topic(config, "write", "#", NULL, filter);
    r->topic_length = strlen(filter) - 1;
    /* QoS 0: the broker keeps nothing for a gateway that is away, so no request comes hours late.
     */
    enum gw_err err = mqtt_client_subscribe(client, filter, 0, on_message, r, &r->subscription);
    if (err == GW_OK)
        err = thread_start(&r->thread, "remote", run, r);
    *out = r;
    return err;
}

void remote_stop(struct remote *r)
{
    if (!r)
        return;
    mqtt_client_unsubscribe(r->client, r->subscription);
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_broadcast(&r->changed);
    pthread_mutex_unlock(&r->lock);
    thread_join(&r->thread);
    pthread_cond_destroy(&r->changed);
    pthread_mutex_destroy(&r->lock);
    free(r);
}
