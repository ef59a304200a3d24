/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/fault.h"
#include "tests/simulator/sim.h"
#include "tests/simulator/wave.h"

#include "gateway/core/clock.h"

#include <MQTTAsync.h>
#include <stdio.h>
#include <unistd.h>

#define WINDOW 500 /* messages under way at once */
#define TICK_US (20 * US_PER_MS)
#define RETRY_US (500 * US_PER_MS)
#define GOODBYE_MS 500

enum link { LINK_DOWN, LINK_CONNECTING, LINK_UP };

static struct {
    struct mqtt_options o;
    MQTTAsync client;
    struct thread thread;
    struct stop_flag stop;
    atomic_int link; /* enum link; set by Paho's callbacks */
    atomic_uint sent, wanted;
    atomic_bool bursting;

    pthread_mutex_t lock;
    pthread_cond_t answered;
    unsigned under_way, acknowledged; /* guarded by lock */
} mqtt;

static void on_up(void *arg, MQTTAsync_successData *data)
{
    (void)arg;
    (void)data;
    atomic_store(&mqtt.link, LINK_UP);
}

static void on_refused(void *arg, MQTTAsync_failureData *data)
{
    (void)arg;
    (void)data;
    atomic_store(&mqtt.link, LINK_DOWN);
}

static void on_lost(void *arg, char *cause)
{
    (void)arg;
    (void)cause;
    atomic_store(&mqtt.link, LINK_DOWN);
}

static int on_message(void *arg, char *topic, int length, MQTTAsync_message *message)
{
    (void)arg;
    (void)length;
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void count_answer(bool good)
{
    pthread_mutex_lock(&mqtt.lock);
    mqtt.under_way--;
    mqtt.acknowledged += good;
    pthread_cond_signal(&mqtt.answered);
    pthread_mutex_unlock(&mqtt.lock);
}

static void on_acknowledged(void *arg, MQTTAsync_successData *data)
{
    (void)arg;
    (void)data;
    count_answer(true);
}

static void on_failed(void *arg, MQTTAsync_failureData *data)
{
    (void)arg;
    (void)data;
    count_answer(false);
}

static void connect_again(int64_t *retry_us)
{
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer;
    int64_t now = clock_mono_us();

    if (atomic_load(&mqtt.link) != LINK_DOWN || now < *retry_us)
        return;
    *retry_us = now + RETRY_US;
    options.keepAliveInterval = 20;
    options.cleansession = 1;
    options.maxInflight = WINDOW;
    options.MQTTVersion = MQTTVERSION_3_1_1;
    options.onSuccess = on_up;
    options.onFailure = on_refused;
    atomic_store(&mqtt.link, LINK_CONNECTING);
    if (MQTTAsync_connect(mqtt.client, &options) != MQTTASYNC_SUCCESS)
        atomic_store(&mqtt.link, LINK_DOWN);
}

static int write_payload(unsigned number, char *out, size_t size)
{
    double phase = number % 8 / 8.0;

    return snprintf(out, size, "{\"temperature\":%.2f,\"humidity\":%.1f,\"seq\":%u}",
                    wave_sine(22, 6, phase), wave_sine(55, 15, phase), number);
}

/* Waits for room in the window. False: stopped, or no answer for long. */
static bool take_place(void)
{
    struct timespec deadline = clock_deadline(10 * US_PER_SECOND);
    bool room;

    pthread_mutex_lock(&mqtt.lock);
    while (mqtt.under_way >= WINDOW &&
           pthread_cond_timedwait(&mqtt.answered, &mqtt.lock, &deadline) == 0)
        ;
    room = mqtt.under_way < WINDOW;
    mqtt.under_way += room;
    pthread_mutex_unlock(&mqtt.lock);
    return room;
}

static bool publish(unsigned number, const char *payload, int length)
{
    MQTTAsync_responseOptions answer = MQTTAsync_responseOptions_initializer;
    char topic[48];

    answer.onSuccess = on_acknowledged;
    answer.onFailure = on_failed;
    snprintf(topic, sizeof(topic), "sim/%u/telemetry", number % (unsigned)mqtt.o.sensors + 1);
    if (!take_place())
        return false;
    if (MQTTAsync_send(mqtt.client, topic, length, payload, mqtt.o.qos, 0, &answer) ==
        MQTTASYNC_SUCCESS) {
        atomic_fetch_add(&mqtt.sent, 1);
        return true;
    }
    count_answer(false);
    return false;
}

static void publish_all(unsigned *number)
{
    struct fault fault = fault_take(FAULT_MQTT);
    char payload[96];

    for (int i = 0; i < mqtt.o.sensors && fault.mode != FAULT_MUTE; i++) {
        int n = fault.mode == FAULT_GARBAGE ? snprintf(payload, sizeof(payload), "{\"tem\001?")
                                            : write_payload(*number, payload, sizeof(payload));
        publish((*number)++, payload, n);
    }
}

/* All answers are in, or none came for a while. */
static void wait_for_answers(void)
{
    int waited = 0;

    pthread_mutex_lock(&mqtt.lock);
    while (mqtt.under_way > 0 && waited == 0) {
        struct timespec deadline = clock_deadline(30 * US_PER_SECOND);
        waited = pthread_cond_timedwait(&mqtt.answered, &mqtt.lock, &deadline);
    }
    pthread_mutex_unlock(&mqtt.lock);
}

static void burst(unsigned messages)
{
    int64_t started = clock_mono_us();
    unsigned sent = 0, before, acknowledged;
    char payload[96];

    pthread_mutex_lock(&mqtt.lock);
    before = mqtt.acknowledged;
    pthread_mutex_unlock(&mqtt.lock);
    while (sent < messages && !stop_flag_raised(&mqtt.stop) && atomic_load(&mqtt.link) == LINK_UP) {
        if (publish(sent, payload, write_payload(sent, payload, sizeof(payload))))
            sent++;
    }
    wait_for_answers();
    pthread_mutex_lock(&mqtt.lock);
    acknowledged = mqtt.acknowledged - before;
    pthread_mutex_unlock(&mqtt.lock);
    printf("burst sent=%u acknowledged=%u seconds=%.3f\n", sent, acknowledged,
           (double)(clock_mono_us() - started) / 1e6);
}

static void run(void *arg)
{
    int64_t next = 0, retry = 0;
    unsigned number = 0;

    (void)arg;
    while (!stop_flag_wait(&mqtt.stop, TICK_US)) {
        connect_again(&retry);
        if (atomic_load(&mqtt.link) != LINK_UP)
            continue;
        unsigned wanted = atomic_exchange(&mqtt.wanted, 0);
        if (wanted > 0) {
            burst(wanted);
            atomic_store(&mqtt.bursting, false);
        }
        if (mqtt.o.every_us > 0 && clock_mono_us() >= next) {
            next = clock_mono_us() + mqtt.o.every_us;
            publish_all(&number);
        }
    }
}

bool mqtt_start(const struct mqtt_options *options)
{
    char url[300], id[32];

    mqtt.o = *options;
    pthread_mutex_init(&mqtt.lock, NULL);
    cond_init_monotonic(&mqtt.answered);
    stop_flag_init(&mqtt.stop);
    snprintf(url, sizeof(url), "tcp://%s", options->broker);
    snprintf(id, sizeof(id), "sensorgw-sim-%d", (int)getpid());
    if (MQTTAsync_create(&mqtt.client, url, id, MQTTCLIENT_PERSISTENCE_NONE, NULL) !=
            MQTTASYNC_SUCCESS ||
        MQTTAsync_setCallbacks(mqtt.client, NULL, on_lost, on_message, NULL) != MQTTASYNC_SUCCESS) {
        fprintf(stderr, "sensorgw-sim: '%s' is no broker's host:port\n", options->broker);
        return false;
    }
    return thread_start(&mqtt.thread, "mqtt", run, NULL) == GW_OK;
}

void mqtt_stop(void)
{
    MQTTAsync_disconnectOptions options = MQTTAsync_disconnectOptions_initializer;

    if (!mqtt.client)
        return;
    stop_flag_raise(&mqtt.stop);
    thread_join(&mqtt.thread);
    options.timeout = GOODBYE_MS;
    MQTTAsync_disconnect(mqtt.client, &options);
    clock_sleep_us(TICK_US);
    MQTTAsync_destroy(&mqtt.client);
}

void mqtt_burst(unsigned messages)
{
    atomic_store(&mqtt.bursting, true);
    atomic_fetch_add(&mqtt.wanted, messages);
}

bool mqtt_bursting(void)
{
    return atomic_load(&mqtt.bursting);
}

unsigned mqtt_sent(void)
{
    return atomic_load(&mqtt.sent);
}
