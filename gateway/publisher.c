/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/publisher_parts.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/message.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define TICK_US (1 * US_PER_SECOND)
#define RETRY_US (5 * US_PER_MS) /* the client's list is full */

bool publisher_send(struct publisher *p, const char *topic, char *text, int qos,
                    mqtt_published_fn *done, int64_t cookie)
{
    if (!text)
        return true; /* no memory: it is lost, like all else then */
    enum gw_err err = mqtt_client_publish(p->options.client, topic, text, strlen(text), qos, true,
                                          done, p, cookie);
    free(text);
    if (err == GW_EFULL)
        p->crowded = true;
    return err == GW_OK;
}

/* --- transitions that could not be stored --- */

static bool is_connected(struct publisher *p)
{
    pthread_mutex_lock(&p->lock);
    bool connected = p->connected;
    pthread_mutex_unlock(&p->lock);
    return connected;
}

static void send_urgent(struct publisher *p)
{
    struct alert_change change;
    char topic[TOPIC_SIZE];

    while (is_connected(p) && urgent_peek(p->urgent, &change)) {
        const struct sensor *s = sensor_table_get(p->options.sensors, change.sensor);
        if (s) {
            const struct alert_message m = urgent_message(&change, s, p->options.instance);
            char *text = message_transition(p->options.config, &m, topic);
            if (!publisher_send(p, topic, text, 1, NULL, 0))
                return;
        }
        urgent_drop(p->urgent);
    }
}

/* --- what the broker refused, in a brief form --- */

/* In Paho's threads. */
static void on_amended(void *arg, int64_t seq, int reason)
{
    struct publisher *p = arg;

    (void)seq;
    amend_answer(p->amend, reason);
    publisher_wake(p);
}

static bool send_amendment(void *arg, const char *topic, char *text, int64_t seq)
{
    return publisher_send(arg, topic, text, 1, on_amended, seq);
}

static enum gw_err note_amendment(void *arg, const struct outbox_result *result)
{
    struct publisher *p = arg;

    return p->options.outbox_done(p->options.arg, result);
}

/* --- what the broker has forgotten --- */

/* In Paho's threads. */
static void on_recalled(void *arg, int64_t seq, int reason)
{
    struct publisher *p = arg;

    (void)seq;
    recall_answer(p->recall, reason);
    publisher_wake(p);
}

/* Between rows_read() and rows_send(): what waits then was not told before. */
static void greet_recall(struct publisher *p)
{
    struct recall_limits limits;

    if (!p->is_greeted)
        return;
    if (mqtt_client_had_session(p->options.client))
        recall_go_on(p->recall, clock_mono_us());
    else if (rows_open(p, &limits))
        recall_begin(p->recall, &limits, clock_mono_us());
    else
        return;
    p->is_greeted = false;
}

static bool send_recalled(void *arg, const char *topic, char *text, int64_t seq)
{
    return publisher_send(arg, topic, text, 1, on_recalled, seq);
}

/* --- the thread --- */

static void wait_for_work(struct publisher *p, int64_t us)
{
    struct timespec deadline = clock_deadline(us);

    pthread_mutex_lock(&p->lock);
    while (!p->work && !p->stop) {
        if (pthread_cond_timedwait(&p->wake, &p->lock, &deadline) != 0)
            break;
    }
    p->work = false;
    bool is_new = p->greet, follow = p->follow;
    p->greet = p->follow = false;
    pthread_mutex_unlock(&p->lock);
    if (is_new || follow) {
        feed_greet(p->feed);
        bulletin_greet(p->bulletin);
    }
    if (is_new) {
        amend_greet(p->amend, clock_mono_us());
        p->is_greeted = true;
    }
    if (follow && p->withdraw)
        withdraw_again(p->withdraw);
}

/* bulletin_options.count_alerts */
static bool count_alerts(void *arg, struct alert_counts *out)
{
    struct publisher *p = arg;

    return p->query && alert_counts_query(p->query, clock_wall_us(), out) == GW_OK;
}

static bool send_feed(void *arg, const char *topic, char *text, int qos)
{
    return publisher_send(arg, topic, text, qos, NULL, 0);
}

/* In Paho's threads. */
static void on_bulletin(void *arg, int64_t cookie, int reason)
{
    struct publisher *p = arg;

    (void)cookie;
    bulletin_answer(p->bulletin, reason);
}

static bool send_bulletin(void *arg, const char *topic, char *text)
{
    return publisher_send(arg, topic, text, 1, on_bulletin, 0);
}

static void send_the_rest(struct publisher *p)
{
    feed_work(p->feed);
    bulletin_work(p->bulletin);
    if (p->withdraw)
        withdraw_work(p->withdraw, send_feed, p);
    amend_work(p->amend, p->query, clock_mono_us());
    recall_work(p->recall, p->query, clock_mono_us());
}

static bool work(struct publisher *p)
{
    thread_promise(THREAD_SLOW_US); /* it reads from the disk */
    p->crowded = false;
    bool reported = rows_report(p);
    send_urgent(p);
    rows_read(p);
    greet_recall(p);
    rows_send(p);
    if (mqtt_client_connected(p->options.client) && !rows_suspect(p))
        send_the_rest(p);
    rows_look_back(p);
    return reported && !p->crowded;
}

static bool is_stopping(struct publisher *p, int64_t *wait_us)
{
    pthread_mutex_lock(&p->lock);
    bool stop = p->stop;
    *wait_us = p->wait_us;
    pthread_mutex_unlock(&p->lock);
    return stop;
}

static void run(void *arg)
{
    struct publisher *p = arg;
    int64_t wait_us;

    while (!is_stopping(p, &wait_us)) {
        bool content = work(p);
        wait_for_work(p, content ? TICK_US : RETRY_US);
    }
    int64_t deadline = clock_mono_us() + wait_us;
    work(p);
    while (rows_under_way(p) && clock_mono_us() < deadline) {
        clock_sleep_us(RETRY_US);
        work(p);
    }
    query_close(p->query);
    p->query = NULL;
}

enum gw_err publisher_start(struct publisher **out, const struct publisher_options *options)
{
    struct publisher *p = calloc(1, sizeof(*p));
    if (!p)
        return GW_ENOMEM;
    p->options = *options;
    p->feed = feed_create(&(struct feed_options){.config = options->config,
                                                 .sensors = options->sensors,
                                                 .plants = options->plants,
                                                 .send = send_feed,
                                                 .arg = p});
    p->bulletin = bulletin_create(&(struct bulletin_options){.config = options->config,
                                                             .ledger = options->ledger,
                                                             .plants = options->plants,
                                                             .count_alerts = count_alerts,
                                                             .send = send_bulletin,
                                                             .arg = p});
    pthread_mutex_init(&p->lock, NULL);
    cond_init_monotonic(&p->wake);
    p->urgent = urgent_create();
    p->amend = amend_create(
        options->config,
        &(struct amend_link){.send = send_amendment, .done = note_amendment, .arg = p});
    p->recall = recall_create(options->config, send_recalled, p);
    enum gw_err err =
        p->feed && p->bulletin && p->urgent && p->amend && p->recall ? GW_OK : GW_ENOMEM;
    if (err == GW_OK)
        err = withdraw_create(&p->withdraw, options->plants, options->sensors, options->client);
    if (err == GW_OK)
        err = thread_start(&p->thread, "publisher", run, p);
    if (err != GW_OK) {
        p->stopped = true;
        publisher_destroy(p);
        return err;
    }
    *out = p;
    return GW_OK;
}

void publisher_stop(struct publisher *p, int64_t wait_us)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->lock);
    p->stop = true;
    p->wait_us = wait_us;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
    thread_join(&p->thread);
    pthread_mutex_lock(&p->lock);
    p->stopped = true;
    pthread_mutex_unlock(&p->lock);
    feed_close(p->feed);
    withdraw_destroy(p->withdraw);
    p->withdraw = NULL;
}

void publisher_destroy(struct publisher *p)
{
    if (!p)
        return;
    assert(p->stopped);
    withdraw_destroy(p->withdraw);
    pthread_cond_destroy(&p->wake);
    pthread_mutex_destroy(&p->lock);
    feed_destroy(p->feed);
    bulletin_destroy(p->bulletin);
    urgent_destroy(p->urgent);
    amend_destroy(p->amend);
    recall_destroy(p->recall);
    free(p);
}

/* --- from other threads --- */

void publisher_wake(struct publisher *p)
{
    pthread_mutex_lock(&p->lock);
    p->work = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

void publisher_connection(struct publisher *p, bool connected)
{
    pthread_mutex_lock(&p->lock);
    p->connected = connected;
    p->greet = p->greet || connected;
    p->work = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

void publisher_follow(struct publisher *p)
{
    pthread_mutex_lock(&p->lock);
    p->follow = p->work = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

void publisher_send_now(struct publisher *p, const struct alert_change *change)
{
    bool room = urgent_add(p->urgent, change);

    publisher_wake(p);
    if (!room)
        log_warning("neither the store nor the broker takes alerts: the oldest of %d is dropped "
                    "from the list of those to publish at once",
                    URGENT_MAX);
}

void publisher_offer(struct publisher *p, const struct reading *readings, size_t n)
{
    if (feed_offer(p->feed, readings, n))
        publisher_wake(p);
}
