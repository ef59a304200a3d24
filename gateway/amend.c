/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/amend.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/flight.h"
#include "gateway/message.h"
#include "gateway/outbox.h"

#include <stdlib.h>
#include <string.h>

#define ROUND_US US_PER_HOUR
#define SORE_US US_PER_DAY /* after both forms may have cost connections */
#define SOON_US (2 * US_PER_SECOND)

struct amend {
    const struct config *config;
    struct amend_link link;

    struct flight flight;

    /* the owner's thread */
    int64_t after;           /* rows up to here are done in this round */
    int64_t next_us;         /* monotonic: no look before */
    int64_t awaited;         /* refused last; a round begins when the store has that; 0: none */
    int64_t sore_until_us;   /* monotonic */
    bool is_taken;           /* the owner is to be told */
    bool is_empty;           /* the brief form was refused */
    int lost;                /* connections that ended while this form was under way */
    struct outbox_entry one; /* the row, copied; FREE: none was found */
};

struct amend *amend_create(const struct config *config, const struct amend_link *link)
{
    struct amend *a = calloc(1, sizeof(*a));

    if (!a)
        return NULL;
    a->config = config;
    a->link = *link;
    flight_init(&a->flight);
    return a;
}

void amend_destroy(struct amend *a)
{
    if (!a)
        return;
    flight_destroy(&a->flight);
    free(a);
}

static void look_at(struct amend *a, int64_t us)
{
    if (us < a->sore_until_us)
        us = a->sore_until_us;
    if (us < a->next_us)
        a->next_us = us;
}

void amend_greet(struct amend *a, int64_t now_mono_us)
{
    a->after = a->is_empty ? a->after : 0;
    a->next_us = now_mono_us + ROUND_US;
    look_at(a, now_mono_us + SOON_US); /* if something else ends the connection, it has by then */
}

void amend_soon(struct amend *a, int64_t seq, int64_t now_mono_us)
{
    a->awaited = seq;
    look_at(a, now_mono_us + a->config->storage.flush_us + SOON_US);
}

void amend_answer(struct amend *a, int reason)
{
    flight_answer(&a->flight, reason);
}

static void begin_form(struct amend *a, bool is_empty)
{
    a->is_empty = is_empty;
    a->lost = 0;
}

static bool take_seq(void *arg, const struct outbox_row *row)
{
    int64_t *seq = arg;

    *seq = row->seq;
    return false;
}

/* Is what was refused last in the outbox still, for the store? What was refused before it was
 * handed to the writer before it. */
static bool is_awaiting(struct amend *a, struct query *q)
{
    int64_t first = 0;

    return a->awaited && query_outbox(q, a->awaited - 1, 1, take_seq, &first) == GW_OK &&
           first == a->awaited;
}

/* Looks again before each try: the transition may not be the newest any more. */
static bool find(struct amend *a, struct query *q, int64_t now)
{
    int64_t before = a->one.seq;

    if (a->after == 0) {
        if (is_awaiting(a, q)) {
            a->next_us = now + SOON_US;
            return false;
        }
        a->awaited = 0;
    }
    a->one.state = OUTBOX_FREE;
    if (query_dead_last(q, a->after, outbox_take_one, &a->one) != GW_OK)
        return false;
    if (a->one.state == OUTBOX_FREE) {
        a->after = 0;
        a->next_us = now + (a->awaited ? SOON_US : ROUND_US);
    }
    if (a->one.state == OUTBOX_FREE || a->one.seq != before)
        begin_form(a, false);
    return a->one.state != OUTBOX_FREE;
}

static bool send(struct amend *a)
{
    const struct alert_message m = outbox_message(&a->one);
    char topic[TOPIC_SIZE];
    char *text = message_brief(a->config, &m);

    message_topic(a->config, "alerts", m.sensor, m.rule, topic);
    if (a->is_empty) {
        free(text);
        text = strdup("");
    }
    flight_begin(&a->flight);
    if (text && a->link.send(a->link.arg, topic, text, m.seq))
        return true;
    flight_end(&a->flight);
    return false;
}

static void go_on(struct amend *a)
{
    a->after = a->one.seq;
    begin_form(a, false);
}

static void rest(struct amend *a, int64_t now)
{
    go_on(a);
    a->after = 0;
    a->next_us = a->sore_until_us = now + SORE_US;
}

static void take_answer(struct amend *a, int reason, int64_t now)
{
    bool is_lost = reason < 0;

    if (flight_is_success(reason) && !a->is_empty)
        a->is_taken = true;
    else if (is_lost && ++a->lost < OUTBOX_PATIENCE)
        return; /* something else may have been the reason */
    else if (!a->is_empty)
        begin_form(a, true);
    else if (is_lost)
        rest(a, now);
    else
        go_on(a); /* taken or not, the row is a dead letter still */
}

static bool report(struct amend *a)
{
    const struct outbox_entry *e = &a->one;
    const struct outbox_result result = {.seq = e->seq, .delivered = true, .amends = true};

    if (a->link.done(a->link.arg, &result) != GW_OK)
        return false;
    a->is_taken = false;
    log_info("alert %s %s: the broker takes it after all (%s)", e->sensor, e->rule, e->alert_state);
    go_on(a);
    return true;
}

static bool send_next(struct amend *a, struct query *q, int64_t now)
{
    return q && now >= a->next_us && find(a, q, now) && send(a);
}

void amend_work(struct amend *a, struct query *q, int64_t now_mono_us)
{
    enum flight_state state;

    while ((state = flight_look(&a->flight)) != FLIGHT_SENT) {
        if (state == FLIGHT_ANSWERED)
            take_answer(a, flight_take(&a->flight, NULL), now_mono_us);
        if (a->is_taken ? !report(a) : !send_next(a, q, now_mono_us))
            return;
    }
}
