/* SPDX-License-Identifier: Apache-2.0 */
/* One thread owns the connection:
 *
 *   WAITING ──back-off over──▶ CONNECTING ──CONNACK──▶ CONNECTED
 *      ▲                          │ refused, no answer     │ lost
 *      └──────────────────────────┴────────────────────────┘
 *
 * Paho's callbacks run under a lock that is global to the process, so they only note what happened
 * and wake the thread. Paho's own reconnect is off: it and explicit connects crash each other. */
#include "drivers/mqtt/client.h"

#include "drivers/backoff.h"
#include "drivers/mqtt/link.h"
#include "drivers/mqtt/slots.h"
#include "drivers/mqtt/subscriptions.h"
#include "drivers/mqtt/trouble.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/core/thread.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_LIMIT_US (20 * US_PER_SECOND) /* Paho gives up after 10 s by itself */
#define GOODBYE_US (1 * US_PER_SECOND)
#define TICK_US (1 * US_PER_SECOND)
#define SHORT_LIVED_US (5 * US_PER_SECOND)
#define LONGEST_WAIT_US (30 * US_PER_SECOND)
#define SETTLED_US (LONGEST_WAIT_US + 10 * US_PER_SECOND)

enum state { WAITING, CONNECTING, CONNECTED };

struct mqtt_client {
    /* set once */
    char *client_id, *status_topic;
    void (*on_connection)(void *arg, bool connected);
    void *arg;
    struct mqtt_link *link;
    struct subscriptions *subscriptions;
    struct slots *slots;
    struct thread thread;
    struct trouble trouble;

    atomic_bool connected;

    pthread_mutex_t lock;
    pthread_cond_t wake; /* on CLOCK_MONOTONIC */
    /* guarded by lock */
    unsigned events; /* LINK_… that the thread has not looked at yet */
    int reason;      /* of the last LINK_REFUSED or LINK_LOST */
    bool stop, work; /* work: slots or subscriptions wait */

    /* the thread's own */
    enum state state;
    int64_t deadline_us; /* of the state */
    struct backoff backoff;
    bool renew;           /* the last connection ended as soon as it began */
    int64_t connected_us; /* when it began */
};

/* --- the state machine --- */

static void enter(struct mqtt_client *c, enum state state, int64_t timeout_us)
{
    c->state = state;
    c->deadline_us = clock_mono_us() + timeout_us;
}

static void start_connecting(struct mqtt_client *c)
{
    /* Paho sends again what had no answer; if that is why the broker hangs up, it would for ever.
     */
    if (c->renew)
        c->renew = link_renew(c->link) != GW_OK;
    if (!c->renew && link_connect(c->link) == GW_OK)
        enter(c, CONNECTING, CONNECT_LIMIT_US);
    else
        enter(c, WAITING, backoff_next(&c->backoff));
}

static void send_status(struct mqtt_client *c, const char *text)
{
    const struct link_message message = {.topic = c->status_topic,
                                         .payload = text,
                                         .length = strlen(text),
                                         .qos = 1,
                                         .retained = true};

    if (c->status_topic)
        link_send(c->link, &message, LINK_NO_TOKEN);
}

static void become_connected(struct mqtt_client *c)
{
    log_info("mqtt: connected to %s", link_url(c->link));
    trouble_connected(&c->trouble);
    enter(c, CONNECTED, TICK_US);
    c->connected_us = clock_mono_us();
    link_tune(c->link);
    subscriptions_renew(c->subscriptions);
    subscriptions_send(c->subscriptions, c->link);
    send_status(c, "online");
    atomic_store(&c->connected, true);
    metric_add(METRIC_MQTT_CONNECTS, 1);
    metric_set(METRIC_MQTT_CONNECTED, 1);
    if (c->on_connection)
        c->on_connection(c->arg, true);
}

static bool is_stopping(void *arg)
{
    struct mqtt_client *c = arg;

    pthread_mutex_lock(&c->lock);
    bool stop = c->stop;
    pthread_mutex_unlock(&c->lock);
    return stop;
}

static void become_disconnected(struct mqtt_client *c, int reason)
{
    bool was = atomic_exchange(&c->connected, false);
    int64_t lasted = was ? clock_mono_us() - c->connected_us : 0;

    /* Two clients of one id end each other's connection for ever. So one that another of our kind
     * may have ended after its longest wait does not count as a success. */
    if (lasted >= SETTLED_US)
        backoff_reset(&c->backoff);
    int64_t wait = backoff_next(&c->backoff);

    c->renew = c->renew || (was && lasted < SHORT_LIVED_US);
    metric_set(METRIC_MQTT_CONNECTED, 0);
    enter(c, WAITING, wait);
    slots_fail(c->slots);
    if (was && c->on_connection)
        c->on_connection(c->arg, false);
    if (was)
        trouble_lost(&c->trouble, c->link, reason, lasted < SETTLED_US);
    else /* last, since it may look around for seconds */
        trouble_refused(&c->trouble, c->link, reason, is_stopping, c);
}

static void handle(struct mqtt_client *c, unsigned events, int reason)
{
    if (events & (LINK_LOST | LINK_REFUSED)) {
        if (c->state != WAITING) {
            become_disconnected(c, reason);
            return; /* that takes its time: what has come meanwhile is of this connection */
        }
    } else if (events & LINK_UP) {
        if (c->state == CONNECTING)
            become_connected(c);
    }
    if (c->state == WAITING && clock_mono_us() >= c->deadline_us)
        start_connecting(c);
    if (c->state == CONNECTING && clock_mono_us() >= c->deadline_us) {
        link_disconnect(c->link, 0);
        become_disconnected(c, LINK_NO_ANSWER);
    }
    if (c->state == CONNECTED) {
        if (clock_mono_us() - c->connected_us >= SETTLED_US)
            trouble_settled(&c->trouble);
        subscriptions_send(c->subscriptions, c->link);
        subscriptions_complain(c->subscriptions);
        slots_send(c->slots, c->link);
    }
}

/* Waits for something to do; false when the client must stop. */
static bool wait_for_work(struct mqtt_client *c, unsigned *events, int *reason)
{
    int64_t left = c->state == CONNECTED ? TICK_US : c->deadline_us - clock_mono_us();
    struct timespec deadline = clock_deadline(left > 0 ? left : 0);

    pthread_mutex_lock(&c->lock);
    while (!c->stop && !c->work && c->events == 0) {
        if (pthread_cond_timedwait(&c->wake, &c->lock, &deadline) != 0)
            break;
    }
    *events = c->events;
    *reason = c->reason;
    c->events = 0;
    c->work = false;
    bool go_on = !c->stop;
    pthread_mutex_unlock(&c->lock);
    return go_on;
}

/* A clean disconnect keeps the last will back, so "offline" is said first. */
static void say_goodbye(struct mqtt_client *c)
{
    int64_t deadline = clock_mono_us() + GOODBYE_US;

    if (c->state != CONNECTED) {
        slots_fail(c->slots);
        return;
    }
    slots_send(c->slots, c->link);
    send_status(c, "offline");
    link_disconnect(c->link, (int)(GOODBYE_US / 2 / US_PER_MS));
    pthread_mutex_lock(&c->lock);
    while (!(c->events & LINK_LOST) && clock_mono_us() < deadline) {
        struct timespec until = clock_deadline(deadline - clock_mono_us());
        pthread_cond_timedwait(&c->wake, &c->lock, &until);
    }
    pthread_mutex_unlock(&c->lock);
    atomic_store(&c->connected, false);
    metric_set(METRIC_MQTT_CONNECTED, 0);
    slots_fail(c->slots);
}

static void run(void *arg)
{
    struct mqtt_client *c = arg;
    unsigned events;
    int reason;

    start_connecting(c);
    while (wait_for_work(c, &events, &reason)) {
        thread_promise(THREAD_SLOW_US); /* Paho holds its lock while it looks up a host */
        handle(c, events, reason);
    }
    say_goodbye(c);
}

/* --- from other threads --- */

static void on_event(void *arg, enum link_event event, int reason)
{
    struct mqtt_client *c = arg;

    pthread_mutex_lock(&c->lock);
    c->events |= event;
    if (event != LINK_UP)
        c->reason = reason;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

static void on_published(void *arg, uint64_t token, int reason)
{
    struct mqtt_client *c = arg;

    slots_answer(c->slots, token, reason);
}

static void on_message(void *arg, const struct mqtt_message *message)
{
    struct mqtt_client *c = arg;

    metric_add(METRIC_MQTT_MESSAGES, 1);
    subscriptions_give(c->subscriptions, message);
}

static void wake(struct mqtt_client *c)
{
    pthread_mutex_lock(&c->lock);
    c->work = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
}

enum gw_err mqtt_client_create(struct mqtt_client **out, const struct mqtt_client_options *options)
{
    struct mqtt_client *c = calloc(1, sizeof(*c));
    if (!c)
        return GW_ENOMEM;
    pthread_mutex_init(&c->lock, NULL);
    cond_init_monotonic(&c->wake);
    trouble_init(&c->trouble);
    c->backoff = (struct backoff){.first_us = US_PER_SECOND, .cap_us = LONGEST_WAIT_US};
    c->backoff.seed = (uint32_t)clock_wall_us();
    c->on_connection = options->on_connection;
    c->arg = options->arg;
    c->client_id = strdup(options->client_id);
    c->status_topic = options->status_topic ? strdup(options->status_topic) : NULL;
    c->subscriptions = subscriptions_create();
    c->slots = slots_create();
    enum gw_err err = GW_ENOMEM;
    if (c->client_id && (c->status_topic || !options->status_topic) && c->subscriptions && c->slots)
        err = link_create(&c->link, &(struct link_options){.mqtt = options->mqtt,
                                                           .client_id = c->client_id,
                                                           .will_topic = c->status_topic,
                                                           .will = "offline",
                                                           .on_event = on_event,
                                                           .on_published = on_published,
                                                           .on_message = on_message,
                                                           .subscriptions = c->subscriptions,
                                                           .arg = c});
    if (err != GW_OK) {
        mqtt_client_destroy(c);
        return err;
    }
    *out = c;
    return GW_OK;
}

void mqtt_client_destroy(struct mqtt_client *c)
{
    if (!c)
        return;
    mqtt_client_stop(c);
    link_destroy(c->link);
    slots_destroy(c->slots);
    subscriptions_destroy(c->subscriptions);
    trouble_fini(&c->trouble);
    pthread_cond_destroy(&c->wake);
    pthread_mutex_destroy(&c->lock);
    free(c->client_id);
    free(c->status_topic);
    free(c);
}

enum gw_err mqtt_client_start(struct mqtt_client *c)
{
    return thread_start(&c->thread, "mqtt", run, c);
}

void mqtt_client_stop(struct mqtt_client *c)
{
    if (c->slots)
        slots_close(c->slots); /* nobody would send it any more */
    pthread_mutex_lock(&c->lock);
    c->stop = true;
    pthread_cond_signal(&c->wake);
    pthread_mutex_unlock(&c->lock);
    thread_join(&c->thread);
}

enum gw_err mqtt_client_subscribe(struct mqtt_client *c, const char *filter, int qos,
                                  mqtt_message_fn *fn, void *arg, unsigned *id)
{
    enum gw_err err = subscriptions_add(c->subscriptions, filter, qos, fn, arg, id);

    if (err == GW_OK)
        wake(c);
    return err;
}

void mqtt_client_unsubscribe(struct mqtt_client *c, unsigned id)
{
    subscriptions_remove(c->subscriptions, id);
}

void mqtt_client_tidy(struct mqtt_client *c)
{
    subscriptions_tidy(c->subscriptions);
    wake(c);
}

bool mqtt_client_connected(const struct mqtt_client *c)
{
    return atomic_load(&c->connected);
}

bool mqtt_client_trouble(struct mqtt_client *c, char *text, size_t size, const char **hint)
{
    struct diagnosis what;
    bool is = trouble_read(&c->trouble, &what);

    snprintf(text, size, "%s", what.text);
    if (is)
        *hint = what.hint;
    return is;
}

bool mqtt_client_had_session(const struct mqtt_client *c)
{
    return link_had_session(c->link);
}

size_t mqtt_client_refused(struct mqtt_client *c, char *filter, size_t size)
{
    return subscriptions_refused(c->subscriptions, filter, size);
}

enum gw_err mqtt_client_publish(struct mqtt_client *c, const char *topic, const void *payload,
                                size_t length, int qos, bool retained, mqtt_published_fn *done,
                                void *arg, int64_t cookie)
{
    if (!mqtt_client_connected(c))
        return GW_ECONN;
    const struct slots_message message = {.message = {.topic = topic,
                                                      .payload = payload,
                                                      .length = length,
                                                      .qos = qos,
                                                      .retained = retained},
                                          .done = done,
                                          .arg = arg,
                                          .cookie = cookie};
    enum gw_err err = slots_put(c->slots, &message);

    if (err == GW_OK)
        wake(c);
    return err;
}
