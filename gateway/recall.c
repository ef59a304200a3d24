/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/recall.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/flight.h"
#include "gateway/message.h"

#include <stdlib.h>

#define SOON_US (2 * US_PER_SECOND)

struct recall {
    const struct config *config;
    recall_send_fn *send;
    void *arg;
    struct flight flight;

    /* the owner's thread */
    bool is_due;
    struct recall_limits limits;
    int64_t next_us; /* monotonic: no look before */
    int64_t after;   /* transitions up to here are done */
    int lost;        /* connections that ended while this one was under way */
    bool is_brief;   /* the whole message was refused */
    size_t told, refused;
    struct outbox_entry one; /* the transition, copied; FREE: none was found */
};

struct recall *recall_create(const struct config *config, recall_send_fn *send, void *arg)
{
    struct recall *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    r->config = config;
    r->send = send;
    r->arg = arg;
    flight_init(&r->flight);
    return r;
}

void recall_destroy(struct recall *r)
{
    if (!r)
        return;
    flight_destroy(&r->flight);
    free(r);
}

static void go_on_after(struct recall *r, int64_t seq)
{
    r->after = seq;
    r->lost = 0;
    r->is_brief = false;
}

/* After a while: by then the store knows what the broker took in the connection before. */
void recall_go_on(struct recall *r, int64_t now_mono_us)
{
    r->next_us = now_mono_us + r->config->storage.flush_us + SOON_US;
}

void recall_begin(struct recall *r, const struct recall_limits *limits, int64_t now_mono_us)
{
    r->is_due = true;
    r->limits = *limits;
    r->told = r->refused = 0;
    go_on_after(r, 0);
    recall_go_on(r, now_mono_us);
}

void recall_answer(struct recall *r, int reason)
{
    flight_answer(&r->flight, reason);
}

static void end(struct recall *r)
{
    r->is_due = false;
    go_on_after(r, 0);
    if (r->told > 0)
        log_info("mqtt: the broker had forgotten what it was told: %zu active alerts were sent "
                 "again, each with its seq",
                 r->told);
    if (r->refused > 0)
        log_warning("mqtt: the broker had forgotten what it was told, and refuses %zu active "
                    "alerts that it took before",
                    r->refused);
}

static bool is_open(const struct recall_limits *limits, int64_t seq)
{
    for (size_t i = 0; i < limits->count; i++) {
        if (limits->open[i] == seq)
            return true;
    }
    return false;
}

static bool look(struct recall *r, struct query *q)
{
    r->one.state = OUTBOX_FREE;
    return query_told_last(q, r->after, outbox_take_one, &r->one) == GW_OK;
}

/* Looks again before each try: there may be a newer transition by now. */
static bool find(struct recall *r, struct query *q)
{
    for (;;) {
        int64_t before = r->one.seq;
        if (!look(r, q))
            return false;
        int64_t seq = r->one.seq;
        if (r->one.state == OUTBOX_FREE || seq > r->limits.until) {
            end(r);
            return false;
        }
        if (is_open(&r->limits, seq)) {
            go_on_after(r, seq);
            continue;
        }
        if (seq != before) /* what was tried before is not the newest any more */
            go_on_after(r, seq - 1);
        return true;
    }
}

static bool send(struct recall *r)
{
    const struct alert_message m = outbox_message(&r->one);
    char topic[TOPIC_SIZE];
    char *text = message_transition(r->config, &m, topic);

    if (r->is_brief) {
        free(text);
        text = message_brief(r->config, &m);
    }
    flight_begin(&r->flight);
    if (text && r->send(r->arg, topic, text, m.seq))
        return true;
    flight_end(&r->flight);
    return false;
}

static void take_answer(struct recall *r, int reason)
{
    bool is_taken = flight_is_success(reason), is_lost = reason < 0;

    if (is_lost && ++r->lost < OUTBOX_PATIENCE)
        return; /* something else may have been the reason */
    if (!is_taken && !r->is_brief) {
        r->is_brief = true;
        r->lost = 0;
        return;
    }
    r->told += is_taken;
    r->refused += !is_taken;
    go_on_after(r, r->one.seq);
}

void recall_work(struct recall *r, struct query *q, int64_t now_mono_us)
{
    enum flight_state state;

    while ((state = flight_look(&r->flight)) != FLIGHT_SENT) {
        if (state == FLIGHT_ANSWERED)
            take_answer(r, flight_take(&r->flight, NULL));
        else if (!q || !r->is_due || now_mono_us < r->next_us || !find(r, q) || !send(r))
            return;
    }
}
