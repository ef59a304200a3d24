/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/withdraw.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/made.h"
#include "gateway/message.h"
#include "gateway/watch.h"

#include <cjson/cJSON.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILTER "homeassistant/+/+/config"
#define LOOK_US (60 * US_PER_SECOND) /* the broker sends what it keeps right away */
#define WAITING_MAX 1024             /* the others come in again with the next connection */

struct withdraw {
    /* set once */
    struct plants *plants;
    struct sensor_table *sensors;
    struct mqtt_client *client;
    char status[TOPIC_SIZE];
    bool home_assistant; /* else all of ours is taken back */

    /* of who creates it, and then of the publisher's thread */
    unsigned subscription;
    bool subscribed;
    int64_t
        until_us; /* monotonic: how long it looks without Home Assistant; 0: not connected yet */

    pthread_mutex_t lock;
    char *topics[WAITING_MAX]; /* guarded by lock; owned */
    size_t count;              /* guarded by lock */
};

/* --- which --- */

static bool is_gone(const struct config *config, struct sensor_table *sensors, const char *sensor)
{
    uint32_t index = sensor_table_find(sensors, sensor);

    if (index != SENSOR_NONE)
        return sensor_table_get(sensors, index)->gone;
    return !made_by(config, sensor, NULL); /* it only has not been seen yet */
}

/* "<sensor>/<rule>" */
static bool alert_is_gone(const struct config *config, struct sensor_table *sensors,
                          const char *name)
{
    char sensor[TOPIC_SIZE];
    const char *rule = strrchr(name, '/');

    if (!rule)
        return false;
    snprintf(sensor, sizeof(sensor), "%.*s", (int)(rule - name), name);
    return is_gone(config, sensors, sensor) || !watch_rule(config, rule + 1, sensor);
}

static const char *after(const struct config *config, const char *what, const char *topic)
{
    char prefix[TOPIC_SIZE];
    size_t length = strlen(message_topic(config, what, NULL, NULL, prefix));

    return strncmp(topic, prefix, length) == 0 && topic[length] == '/' ? topic + length + 1 : NULL;
}

bool withdraw_is_due(const struct config *config, struct sensor_table *sensors, const char *payload,
                     size_t length)
{
    cJSON *o = cJSON_ParseWithLength(payload, length);
    const char *status = cJSON_GetStringValue(cJSON_GetObjectItem(o, "availability_topic"));
    const char *topic = cJSON_GetStringValue(cJSON_GetObjectItem(o, "state_topic"));
    char ours[TOPIC_SIZE];
    bool due = false;

    if (status && topic && strcmp(status, message_topic(config, "status", NULL, NULL, ours)) == 0) {
        const char *sensor = after(config, "readings", topic);
        const char *alert = after(config, "alerts", topic);
        if (!config->mqtt.home_assistant)
            due = sensor || alert;
        else
            due = (sensor && is_gone(config, sensors, sensor)) ||
                  (alert && alert_is_gone(config, sensors, alert));
    }
    cJSON_Delete(o);
    return due;
}

/* --- in Paho's thread --- */

/* Others announce things there, too: theirs are not even parsed. */
static void on_message(void *arg, const struct mqtt_message *m)
{
    struct withdraw *w = arg;

    if (!m->retained || !memmem(m->payload, m->length, w->status, strlen(w->status)))
        return;
    struct plant *plant = plants_hold(w->plants);
    bool due = withdraw_is_due(plant->config, w->sensors, m->payload, m->length);
    plants_release(w->plants, plant);
    if (!due)
        return;
    char *topic = strdup(m->topic);
    pthread_mutex_lock(&w->lock);
    if (topic && w->count < WAITING_MAX) {
        w->topics[w->count++] = topic;
        topic = NULL;
    }
    pthread_mutex_unlock(&w->lock);
    free(topic);
}

/* --- in the publisher's --- */

static char *take(struct withdraw *w)
{
    pthread_mutex_lock(&w->lock);
    char *topic = w->count > 0 ? w->topics[--w->count] : NULL;
    pthread_mutex_unlock(&w->lock);
    return topic;
}

static bool give_back(struct withdraw *w, char *topic)
{
    pthread_mutex_lock(&w->lock);
    bool fits = w->count < WAITING_MAX;
    if (fits)
        w->topics[w->count++] = topic;
    pthread_mutex_unlock(&w->lock);
    return fits;
}

static void stop_looking(struct withdraw *w)
{
    if (w->subscribed)
        mqtt_client_unsubscribe(w->client, w->subscription);
    w->subscribed = false;
}

void withdraw_work(struct withdraw *w,
                   bool (*send)(void *arg, const char *topic, char *text, int qos), void *arg)
{
    int64_t now = clock_mono_us();
    char *topic;

    if (w->until_us == 0)
        w->until_us = now + LOOK_US;
    if (!w->home_assistant && now >= w->until_us)
        stop_looking(w);
    while ((topic = take(w))) {
        bool sent = send(arg, topic, strdup(""), 1);
        if (sent)
            log_info("Home Assistant: %s is withdrawn: the configuration has it no more", topic);
        if (!sent && give_back(w, topic))
            return;
        free(topic);
    }
}

/* --- life --- */

static enum gw_err subscribe(struct withdraw *w)
{
    enum gw_err err = mqtt_client_subscribe(w->client, FILTER, 1, on_message, w, &w->subscription);

    w->subscribed = err == GW_OK;
    return err;
}

enum gw_err withdraw_create(struct withdraw **out, struct plants *plants,
                            struct sensor_table *sensors, struct mqtt_client *client)
{
    struct withdraw *w = calloc(1, sizeof(*w));

    if (!w)
        return GW_ENOMEM;
    w->plants = plants;
    w->sensors = sensors;
    w->client = client;
    struct plant *plant = plants_hold(plants);
    message_topic(plant->config, "status", NULL, NULL, w->status);
    w->home_assistant = plant->config->mqtt.home_assistant;
    plants_release(plants, plant);
    pthread_mutex_init(&w->lock, NULL);
    *out = w;
    return subscribe(w);
}

/* A broker sends what it retains with each subscription, also when it knew of it. */
void withdraw_again(struct withdraw *w)
{
    unsigned former = w->subscription;
    bool had = w->subscribed;

    if (!w->home_assistant)
        return; /* it has been looking for all of them */
    subscribe(w);
    if (had)
        mqtt_client_unsubscribe(w->client, former);
}

void withdraw_destroy(struct withdraw *w)
{
    if (!w)
        return;
    stop_looking(w);
    for (size_t i = 0; i < w->count; i++)
        free(w->topics[i]);
    pthread_mutex_destroy(&w->lock);
    free(w);
}
