/* SPDX-License-Identifier: Apache-2.0 */
/* The rows of the outbox on their way: read from the database, sent, and the broker's answers
 * handed to the writer. */
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/message.h"
#include "gateway/publisher_parts.h"

#define REREAD_US (60 * US_PER_SECOND)

/* In Paho's threads. */
static void on_published(void *arg, int64_t seq, int reason)
{
    struct publisher *p = arg;

    pthread_mutex_lock(&p->lock);
    outbox_answer(&p->outbox, seq, reason);
    p->work = true;
    pthread_cond_signal(&p->wake);
    pthread_mutex_unlock(&p->lock);
}

static bool take_row(void *arg, const struct outbox_row *row)
{
    struct publisher *p = arg;

    pthread_mutex_lock(&p->lock);
    outbox_add(&p->outbox, row);
    bool more = outbox_room(&p->outbox) > 0;
    pthread_mutex_unlock(&p->lock);
    return more;
}

void rows_read(struct publisher *p)
{
    pthread_mutex_lock(&p->lock);
    size_t room = outbox_room(&p->outbox);
    int64_t after = p->outbox.last_seq;
    pthread_mutex_unlock(&p->lock);
    if (room == 0)
        return;
    if (!p->query && query_open(&p->query, p->options.database) != GW_OK)
        return; /* it has logged why; the next tick tries again */
    if (query_outbox(p->query, after, room, take_row, p) != GW_OK) {
        query_close(p->query);
        p->query = NULL;
    }
}

/* A database that was set aside as damaged begins its numbers anew, below what was read already.
 * Rows that stay in the outbox though nothing is under way are the sign; a row that the writer only
 * could not mark yet is sent a second time then. */
void rows_look_back(struct publisher *p)
{
    uint64_t depth = 0;
    int64_t now = clock_mono_us();

    pthread_mutex_lock(&p->lock);
    bool idle = p->outbox.count == 0 && p->connected;
    pthread_mutex_unlock(&p->lock);
    if (!idle || !p->query || query_outbox_depth(p->query, &depth) != GW_OK || depth == 0) {
        p->reread_us = now + REREAD_US;
        return;
    }
    if (now < p->reread_us)
        return;
    p->reread_us = now + REREAD_US;
    pthread_mutex_lock(&p->lock);
    p->outbox.last_seq = 0;
    p->work = true;
    pthread_mutex_unlock(&p->lock);
}

static bool send_entry(struct publisher *p, const struct outbox_entry *e)
{
    char topic[TOPIC_SIZE];
    const struct alert_message m = outbox_message(e);
    char *text = message_transition(p->options.config, &m, topic);

    return publisher_send(p, topic, text, 1, on_published, e->seq);
}

void rows_send(struct publisher *p)
{
    for (;;) {
        struct outbox_entry copy;
        pthread_mutex_lock(&p->lock);
        struct outbox_entry *e = p->connected ? outbox_next(&p->outbox) : NULL;
        if (e) {
            e->state = OUTBOX_SENT; /* before the answer can come */
            copy = *e;
        }
        pthread_mutex_unlock(&p->lock);
        if (!e)
            return;
        if (sensor_name_problem(copy.sensor) || sensor_name_problem(copy.rule)) {
            on_published(p, copy.seq, OUTBOX_UNSENDABLE); /* the broker would hang up */
            continue;
        }
        if (send_entry(p, &copy))
            continue;
        pthread_mutex_lock(&p->lock); /* not sent: as it was */
        e = outbox_find(&p->outbox, copy.seq);
        if (e && e->state == OUTBOX_SENT)
            e->state = OUTBOX_WAITING;
        pthread_mutex_unlock(&p->lock);
        return;
    }
}

bool rows_suspect(struct publisher *p)
{
    pthread_mutex_lock(&p->lock);
    bool any = outbox_suspects(&p->outbox);
    pthread_mutex_unlock(&p->lock);
    return any;
}

bool rows_open(struct publisher *p, struct recall_limits *out)
{
    int64_t newest;

    if (!p->query || query_last_event(p->query, &newest) != GW_OK)
        return false;
    *out = (struct recall_limits){.until = newest};
    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->outbox.count; i++) {
        if (p->outbox.entries[i].state != OUTBOX_ANSWERED)
            out->open[out->count++] = p->outbox.entries[i].seq;
    }
    /* Behind a full window there may be more. */
    if (outbox_room(&p->outbox) == 0 && p->outbox.last_seq < newest)
        out->until = p->outbox.last_seq;
    pthread_mutex_unlock(&p->lock);
    return true;
}

static void count_answer(const struct outbox_result *r, const struct outbox_entry *e)
{
    if (r->delivered) {
        metric_add(METRIC_ALERTS_PUBLISHED, 1);
        return;
    }
    metric_add(METRIC_ALERTS_DEAD, 1);
    if (r->reason_code == OUTBOX_UNSENDABLE)
        log_error("alert %s %s: these names cannot be a topic; given up", e->sensor, e->rule);
    else if (r->reason_code < 0)
        log_error("alert %s %s: the connection was lost %d times while it was under way; given up",
                  e->sensor, e->rule, OUTBOX_PATIENCE);
    else
        log_error("alert %s %s: the broker refuses it (reason 0x%02x); given up", e->sensor,
                  e->rule, (unsigned)r->reason_code);
}

bool rows_report(struct publisher *p)
{
    for (;;) {
        struct outbox_result result;
        struct outbox_entry copy;
        pthread_mutex_lock(&p->lock);
        struct outbox_entry *e = outbox_answered(&p->outbox, &result);
        if (e)
            copy = *e;
        pthread_mutex_unlock(&p->lock);
        if (!e)
            return true;
        if (p->options.outbox_done(p->options.arg, &result) != GW_OK)
            return false;
        count_answer(&result, &copy);
        if (!result.delivered)
            amend_soon(p->amend, result.seq, clock_mono_us());
        pthread_mutex_lock(&p->lock);
        outbox_remove(&p->outbox, outbox_find(&p->outbox, copy.seq));
        pthread_mutex_unlock(&p->lock);
    }
}

bool rows_under_way(struct publisher *p)
{
    bool any = false;

    pthread_mutex_lock(&p->lock);
    for (size_t i = 0; i < p->outbox.count; i++)
        any = any || (p->outbox.entries[i].state != OUTBOX_WAITING) || p->connected;
    pthread_mutex_unlock(&p->lock);
    return any;
}
