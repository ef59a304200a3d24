/* SPDX-License-Identifier: Apache-2.0 */
/* Several requests under way on one TCP connection. Replies are told apart by their transaction
 * ids.
 *
 * Frames of Modbus TCP have no checksum: when a device sends one that is too short, the beginning
 * of the next one completes it, and only what follows shows that something is wrong. So replies are
 * kept until all have come, and believed together or not at all. */
#include "drivers/modbus/transport_parts.h"
#include "gateway/core/clock.h"

#include <poll.h>
#include <string.h>

/* MBAP: transaction 2, protocol 2, length 2; the length counts what follows it. */
#define MBAP_PREFIX 6

struct pipeline {
    struct transport *t;
    struct frame_request *q;
    size_t n, left;
    size_t lengths[TRANSPORT_PIPELINE_MAX]; /* of the replies; 0: not there yet */
    uint8_t replies[TRANSPORT_PIPELINE_MAX][FRAME_MAX];
};

/* Which request a frame answers; n: none that waits for it. */
static size_t find(const struct pipeline *p, uint16_t transaction)
{
    size_t i = 0;

    while (i < p->n && (p->lengths[i] > 0 || p->q[i].transaction != transaction))
        i++;
    return i;
}

/* The length of the frame that begins what has arrived. 0: more is needed to tell; SIZE_MAX: it is
 * none. */
static size_t first_frame(const struct transport *t)
{
    if (t->have < MBAP_PREFIX)
        return 0;
    size_t length = MBAP_PREFIX + (size_t)(t->in[4] << 8 | t->in[5]);
    if (length > FRAME_MAX || t->in[2] != 0 || t->in[3] != 0)
        return SIZE_MAX;
    return length <= t->have ? length : 0;
}

/* Keeps one whole frame, or passes over a late one. */
static enum exchange take_frame(struct pipeline *p, size_t length)
{
    struct transport *t = p->t;
    uint16_t transaction = (uint16_t)(t->in[0] << 8 | t->in[1]);
    size_t i = find(p, transaction);
    struct frame_reply reply;

    if (i == p->n) {
        uint16_t age = (uint16_t)(p->q[0].transaction - transaction);
        if (age == 0 || age > LATE_TRANSACTIONS)
            return transport_fail(t, EXCHANGE_BAD_FRAME, frame_result_text(FRAME_BAD_TRANSACTION));
    } else {
        enum frame_result result = frame_parse(FRAMING_TCP, &p->q[i], t->in, length, &reply);
        if (result != FRAME_OK && result != FRAME_EXCEPTION)
            return transport_fail(t, EXCHANGE_BAD_FRAME, frame_result_text(result));
        memcpy(p->replies[i], t->in, length);
        p->lengths[i] = length;
        p->left--;
    }
    transport_skip(t, length);
    return EXCHANGE_OK;
}

static enum exchange take_frames(struct pipeline *p)
{
    size_t length;

    while ((length = first_frame(p->t)) != 0) {
        enum exchange r = length == SIZE_MAX ? transport_fail(p->t, EXCHANGE_BAD_FRAME,
                                                              frame_result_text(FRAME_BAD_LENGTH))
                                             : take_frame(p, length);
        if (r != EXCHANGE_OK)
            return r;
    }
    return EXCHANGE_OK;
}

static enum exchange send_all(struct pipeline *p, int64_t deadline_us)
{
    struct transport *t = p->t;
    uint8_t out[FRAME_MAX];

    for (size_t i = 0; i < p->n; i++) {
        p->q[i].transaction = ++t->transaction;
        size_t n = frame_build(FRAMING_TCP, &p->q[i], out);
        enum exchange r = transport_send(t, out, n, deadline_us);
        if (r != EXCHANGE_OK)
            return r == EXCHANGE_TIMEOUT ? transport_fail(t, EXCHANGE_LOST, "cannot send") : r;
        transport_trace(t, true, out, n);
    }
    return EXCHANGE_OK;
}

/* What has begun and does not end is no silence. */
static enum exchange no_answer(struct transport *t)
{
    return t->have > 0 ? transport_fail(t, EXCHANGE_BAD_FRAME, frame_result_text(FRAME_SHORT))
                       : transport_fail(t, EXCHANGE_TIMEOUT, "no answer");
}

static enum exchange converse(struct pipeline *p)
{
    struct transport *t = p->t;
    int64_t deadline = clock_mono_us() + t->o.timeout_us;

    t->have = 0;
    enum exchange r = send_all(p, deadline);
    while (r == EXCHANGE_OK && p->left > 0) {
        size_t before = p->left;
        r = transport_wait(t, POLLIN, deadline);
        if (r == EXCHANGE_TIMEOUT)
            return no_answer(t);
        if (r == EXCHANGE_OK)
            r = transport_receive(t);
        if (r == EXCHANGE_OK)
            r = take_frames(p);
        if (p->left < before)
            deadline = clock_mono_us() + t->o.timeout_us;
        else if (r == EXCHANGE_OK && clock_mono_us() >= deadline)
            return no_answer(t);
    }
    if (r == EXCHANGE_OK && t->have > 0)
        return transport_fail(t, EXCHANGE_BAD_FRAME, frame_result_text(FRAME_BAD_LENGTH));
    return r;
}

static void deliver(const struct pipeline *p, enum exchange r, transport_done *done, void *arg)
{
    bool believed = r == EXCHANGE_OK || r == EXCHANGE_TIMEOUT;

    for (size_t i = 0; i < p->n; i++) {
        struct frame_reply reply = {0};
        enum exchange how = r;
        if (believed && p->lengths[i] > 0) {
            enum frame_result result =
                frame_parse(FRAMING_TCP, &p->q[i], p->replies[i], p->lengths[i], &reply);
            how = result == FRAME_OK ? EXCHANGE_OK : EXCHANGE_EXCEPTION;
            if (how == EXCHANGE_EXCEPTION)
                transport_fail(p->t, how, frame_exception_text(reply.exception));
        }
        done(arg, i, how, &reply);
    }
}

void transport_exchange_many(struct transport *t, struct frame_request *q, size_t n,
                             transport_done *done, void *arg)
{
    struct pipeline p = {.t = t, .q = q, .n = n, .left = n};
    bool fresh = t->link.fd < 0;
    enum exchange r = transport_connect(t);

    if (r == EXCHANGE_OK)
        r = converse(&p);
    /* It had been closed while it was idle: once more, on a new one. */
    if (r == EXCHANGE_LOST && !fresh && p.left == n) {
        link_close(&t->link);
        r = transport_connect(t);
        if (r == EXCHANGE_OK)
            r = converse(&p);
    }
    t->timeouts = r == EXCHANGE_TIMEOUT && p.left == n ? t->timeouts + 1 : 0;
    if (r == EXCHANGE_BAD_FRAME || r == EXCHANGE_LOST || t->timeouts >= 2)
        link_close(&t->link);
    deliver(&p, r, done, arg);
}
