/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/bulletin.h"

#include "drivers/mqtt/link.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/message.h"

#include <pthread.h>
#include <stdlib.h>

#define PERIOD_US (30 * US_PER_SECOND)
#define SHORTEST_US (10 * US_PER_SECOND) /* something else may have ended the connection */
#define LONGEST_US US_PER_HOUR

enum step { RESTING, SENT, ANSWERED };

struct bulletin {
    struct bulletin_options options;

    pthread_mutex_t lock;
    /* guarded by lock */
    enum step step;
    int reason;          /* when ANSWERED */
    int64_t answered_us; /* monotonic */

    /* the owner's thread */
    int64_t next_us; /* monotonic */
    int64_t wait_us; /* after the last failure; 0: the last one went well */
    unsigned lost;   /* connections in a row that ended while one was under way */
};

struct bulletin *bulletin_create(const struct bulletin_options *options)
{
    struct bulletin *b = calloc(1, sizeof(*b));

    if (!b)
        return NULL;
    b->options = *options;
    pthread_mutex_init(&b->lock, NULL);
    return b;
}

void bulletin_destroy(struct bulletin *b)
{
    if (!b)
        return;
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void bulletin_answer(struct bulletin *b, int reason)
{
    pthread_mutex_lock(&b->lock);
    if (b->step == SENT) {
        b->step = ANSWERED;
        b->reason = reason;
        b->answered_us = clock_mono_us();
    }
    pthread_mutex_unlock(&b->lock);
}

static void complain(struct bulletin *b, int reason)
{
    if (reason < 0 && ++b->lost == 2)
        log_warning("mqtt: the connection ended twice while the figures on topic health were under "
                    "way: they are sent less often; a broker's limit of the packet size may be the "
                    "reason");
    if (reason >= 0 && b->wait_us == 0)
        log_warning("mqtt: the broker refuses the figures on topic health (%s): they are sent less "
                    "often",
                    link_reason(reason));
}

static void put_off(struct bulletin *b, int reason, int64_t since)
{
    complain(b, reason);
    b->wait_us = b->wait_us ? b->wait_us * 6 : SHORTEST_US;
    if (b->wait_us > LONGEST_US)
        b->wait_us = LONGEST_US;
    b->next_us = since + b->wait_us;
}

/* False: one is under way. */
static bool take_answer(struct bulletin *b)
{
    pthread_mutex_lock(&b->lock);
    enum step step = b->step;
    int reason = b->reason;
    int64_t answered_us = b->answered_us;
    if (step == ANSWERED)
        b->step = RESTING;
    pthread_mutex_unlock(&b->lock);
    if (step == ANSWERED && reason >= 0 && reason < 0x80) {
        b->wait_us = 0;
        b->lost = 0;
    } else if (step == ANSWERED) {
        put_off(b, reason, answered_us);
    }
    return step != SENT;
}

void bulletin_greet(struct bulletin *b)
{
    if (take_answer(b) && b->wait_us == 0)
        b->next_us = 0;
}

static char *figures(struct bulletin *b)
{
    const struct bulletin_options *o = &b->options;
    struct plant *plant = o->plants ? plants_hold(o->plants) : NULL;
    struct alert_counts alerts;
    bool counted = o->count_alerts && o->count_alerts(o->arg, &alerts);
    char *text =
        message_health(plant ? plant->config : o->config, o->ledger, plant ? plant->sources : NULL,
                       counted ? &alerts : NULL, clock_wall_us());

    if (plant)
        plants_release(o->plants, plant);
    return text;
}

static void enter(struct bulletin *b, enum step step)
{
    pthread_mutex_lock(&b->lock);
    b->step = step;
    pthread_mutex_unlock(&b->lock);
}

void bulletin_work(struct bulletin *b)
{
    char topic[TOPIC_SIZE];

    if (!take_answer(b) || clock_mono_us() < b->next_us)
        return;
    message_topic(b->options.config, "health", NULL, NULL, topic);
    enter(b, SENT); /* before the answer can come */
    if (b->options.send(b->options.arg, topic, figures(b)))
        b->next_us = clock_mono_us() + PERIOD_US;
    else
        enter(b, RESTING);
}
