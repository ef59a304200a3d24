/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/bulletin.h"

#include "drivers/mqtt/link.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/flight.h"
#include "gateway/message.h"

#include <stdlib.h>

#define PERIOD_US (30 * US_PER_SECOND)
#define SHORTEST_US (10 * US_PER_SECOND) /* something else may have ended the connection */
#define LONGEST_US US_PER_HOUR

struct bulletin {
    struct bulletin_options options;
    struct flight flight;

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
    flight_init(&b->flight);
    return b;
}

void bulletin_destroy(struct bulletin *b)
{
    if (!b)
        return;
    flight_destroy(&b->flight);
    free(b);
}

void bulletin_answer(struct bulletin *b, int reason)
{
    flight_answer(&b->flight, reason);
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
    enum flight_state state = flight_look(&b->flight);
    int64_t answered_us;

    if (state != FLIGHT_ANSWERED)
        return state == FLIGHT_NONE;
    int reason = flight_take(&b->flight, &answered_us);
    if (flight_is_success(reason)) {
        b->wait_us = 0;
        b->lost = 0;
    } else {
        put_off(b, reason, answered_us);
    }
    return true;
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

void bulletin_work(struct bulletin *b)
{
    char topic[TOPIC_SIZE];

    if (!take_answer(b) || clock_mono_us() < b->next_us)
        return;
    char *text = figures(b);
    if (!text)
        return; /* no memory: the next tick tries again */
    message_topic(b->options.config, "health", NULL, NULL, topic);
    flight_begin(&b->flight);
    if (b->options.send(b->options.arg, topic, text))
        b->next_us = clock_mono_us() + PERIOD_US;
    else
        flight_end(&b->flight);
}
