/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/transport.h"

#include "drivers/modbus/link.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLICE_US (100 * US_PER_MS)
/* After a damaged frame: longer than any pause inside a frame, USB adapters' 16 ms included. */
#define DRAIN_QUIET_US (50 * US_PER_MS)
/* A reply with the id of one of that many earlier requests is late, not wrong. */
#define LATE_TRANSACTIONS 16
#define BITS_PER_CHARACTER 11

struct transport {
    /* set once */
    struct transport_options o;
    int64_t silence_us;

    struct link link;
    int64_t line_us; /* when the last byte was on the serial line, ours or theirs */
    uint16_t transaction;
    unsigned timeouts; /* in a row */
    size_t have;
    uint8_t in[2 * FRAME_MAX]; /* a frame that is not complete is shorter than FRAME_MAX, so there
                                  is always room to read */
    char fault[LINK_FAULT_SIZE];
};

int64_t transport_silence_us(int baud)
{
    const int64_t tenths_of_bits = INT64_C(35) * BITS_PER_CHARACTER;
    int64_t per_second = INT64_C(10) * baud;

    return baud > 19200 ? 1750 : (tenths_of_bits * US_PER_SECOND + per_second - 1) / per_second;
}

int64_t transport_wire_us(const struct transport_options *o, size_t n)
{
    int bits = 1 + o->data_bits + (o->parity != 'N') + o->stop_bits;

    return (int64_t)n * bits * US_PER_SECOND / o->baud;
}

static bool is_serial(const struct transport *t)
{
    return t->o.port != NULL;
}

static enum exchange fail(struct transport *t, enum exchange how, const char *what)
{
    snprintf(t->fault, sizeof(t->fault), "%s", what);
    return how;
}

static enum exchange lost(struct transport *t, const char *what)
{
    return fail(t, is_serial(t) ? EXCHANGE_GONE : EXCHANGE_LOST, what);
}

/* EXCHANGE_OK: ready for `events`; EXCHANGE_TIMEOUT at the deadline. */
static enum exchange wait_for(struct transport *t, short events, int64_t deadline_us)
{
    for (;;) {
        if (t->o.stopping(t->o.arg))
            return EXCHANGE_STOPPED;
        int64_t left = deadline_us - clock_mono_us();
        if (left < 0)
            left = 0;
        int64_t slice = left < SLICE_US ? left : SLICE_US;
        struct timespec span = {.tv_nsec = (long)(slice * 1000)};
        struct pollfd fd = {.fd = t->link.fd, .events = events};
        int n = ppoll(&fd, 1, &span, NULL);
        if (n > 0)
            return EXCHANGE_OK;
        if (n < 0 && errno != EINTR)
            return lost(t, log_errno(errno));
        if (left == 0)
            return EXCHANGE_TIMEOUT;
    }
}

/* Appends what has arrived; it has been waited for, so nothing there means the end. */
static enum exchange receive(struct transport *t)
{
    ssize_t n = read(t->link.fd, t->in + t->have, sizeof(t->in) - t->have);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return EXCHANGE_OK;
    if (n <= 0)
        return lost(t, n < 0          ? log_errno(errno)
                       : is_serial(t) ? "the port is gone"
                                      : "the other side closed the connection");
    t->have += (size_t)n;
    t->line_us = clock_mono_us();
    return EXCHANGE_OK;
}

/* Throws away what comes until nothing has come for quiet_us, at most until the deadline. */
static enum exchange drain(struct transport *t, int64_t quiet_us, int64_t deadline_us)
{
    for (;;) {
        int64_t quiet_at = t->line_us + quiet_us;
        bool last = quiet_at > deadline_us;
        enum exchange r = wait_for(t, POLLIN, last ? deadline_us : quiet_at);
        if (r == EXCHANGE_TIMEOUT)
            return last ? fail(t, EXCHANGE_BAD_FRAME, "the line does not fall silent")
                        : EXCHANGE_OK;
        if (r != EXCHANGE_OK)
            return r;
        t->have = 0;
        r = receive(t);
        t->have = 0;
        if (r != EXCHANGE_OK)
            return r;
    }
}

static enum exchange send_request(struct transport *t, const uint8_t *frame, size_t n,
                                  int64_t deadline_us)
{
    while (n > 0) {
        enum exchange r = wait_for(t, POLLOUT, deadline_us);
        if (r != EXCHANGE_OK)
            return r;
        ssize_t sent =
            is_serial(t) ? write(t->link.fd, frame, n) : send(t->link.fd, frame, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return lost(t, log_errno(errno));
        if (sent > 0) {
            frame += sent;
            n -= (size_t)sent;
        }
    }
    return EXCHANGE_OK;
}

/* Whether a frame that is no reply to q may be passed over while the reply is waited for: on a
 * serial line any whole frame (another unit answers late), over TCP the late reply to an earlier
 * request. */
static bool may_skip(const struct transport *t, const struct frame_request *q,
                     enum frame_result result, const struct frame_reply *reply)
{
    if (reply->length == 0)
        return false;
    if (t->o.framing == FRAMING_RTU)
        return true;
    uint16_t age = (uint16_t)(q->transaction - reply->transaction);
    return result == FRAME_BAD_TRANSACTION && age <= LATE_TRANSACTIONS;
}

static void trace(struct transport *t, bool sent, const uint8_t *bytes, size_t n)
{
    if (t->o.trace && n > 0)
        t->o.trace(t->o.arg, sent, bytes, n);
}

static void skip(struct transport *t, size_t length)
{
    trace(t, false, t->in, length);
    t->have -= length;
    memmove(t->in, t->in + length, t->have);
}

/* What the bytes so far amount to. FRAME_SHORT: go on. */
static enum frame_result judge(struct transport *t, const struct frame_request *q,
                               struct frame_reply *reply)
{
    for (;;) {
        enum frame_result result = frame_parse(t->o.framing, q, t->in, t->have, reply);
        if (result == FRAME_OK || result == FRAME_EXCEPTION || result == FRAME_SHORT)
            return result;
        snprintf(t->fault, sizeof(t->fault), "%s", frame_result_text(result));
        if (!may_skip(t, q, result, reply))
            return result;
        skip(t, reply->length);
    }
}

static enum exchange no_answer(struct transport *t)
{
    if (t->have > 0)
        return fail(t, EXCHANGE_BAD_FRAME, frame_result_text(FRAME_SHORT));
    /* Only a frame that was passed over has set the fault. Over TCP that was an earlier answer. */
    if (t->fault[0] && t->o.framing == FRAMING_RTU)
        return EXCHANGE_BAD_FRAME;
    return fail(t, EXCHANGE_TIMEOUT, "no answer");
}

static enum exchange await_reply(struct transport *t, const struct frame_request *q,
                                 struct frame_reply *reply, int64_t deadline_us)
{
    for (;;) {
        enum exchange r = wait_for(t, POLLIN, deadline_us);
        if (r == EXCHANGE_TIMEOUT)
            return no_answer(t);
        if (r == EXCHANGE_OK)
            r = receive(t);
        if (r != EXCHANGE_OK)
            return r;
        enum frame_result result = judge(t, q, reply);
        if (result == FRAME_OK)
            return EXCHANGE_OK;
        if (result == FRAME_EXCEPTION)
            return fail(t, EXCHANGE_EXCEPTION, frame_exception_text(reply->exception));
        if (result != FRAME_SHORT)
            return EXCHANGE_BAD_FRAME;
        /* A byte now and then keeps the line ready: the deadline holds all the same. */
        if (clock_mono_us() >= deadline_us)
            return no_answer(t);
    }
}

static enum exchange converse(struct transport *t, struct frame_request *q,
                              struct frame_reply *reply)
{
    uint8_t out[FRAME_MAX];

    q->transaction = ++t->transaction;
    size_t n = frame_build(t->o.framing, q, out);
    t->fault[0] = '\0';
    if (t->o.framing == FRAMING_RTU) {
        enum exchange r = drain(t, t->silence_us, clock_mono_us() + t->o.timeout_us);
        if (r != EXCHANGE_OK)
            return r;
    }
    t->have = 0;
    int64_t deadline = clock_mono_us() + t->o.timeout_us;
    if (is_serial(t)) {
        t->line_us = clock_mono_us() + transport_wire_us(&t->o, n);
        deadline += transport_wire_us(&t->o, n + frame_reply_length(t->o.framing, q));
    }
    enum exchange r = send_request(t, out, n, deadline);
    if (r == EXCHANGE_TIMEOUT)
        return lost(t, "cannot send");
    if (r != EXCHANGE_OK)
        return r;
    trace(t, true, out, n);
    r = await_reply(t, q, reply, deadline);
    trace(t, false, t->in, t->have);
    return r;
}

/* Brings the line in order for the next request. */
static enum exchange tidy(struct transport *t, enum exchange r)
{
    t->timeouts = r == EXCHANGE_TIMEOUT ? t->timeouts + 1 : 0;
    if (r == EXCHANGE_OK || r == EXCHANGE_EXCEPTION || r == EXCHANGE_STOPPED)
        return r;
    if (!is_serial(t)) {
        if (r != EXCHANGE_TIMEOUT || t->o.framing == FRAMING_RTU || t->timeouts >= 2)
            link_close(&t->link);
        return r;
    }
    if (r == EXCHANGE_BAD_FRAME) {
        char fault[sizeof(t->fault)];
        memcpy(fault, t->fault, sizeof(fault));
        enum exchange drained = drain(t, DRAIN_QUIET_US, clock_mono_us() + t->o.timeout_us);
        if (drained == EXCHANGE_GONE || drained == EXCHANGE_STOPPED)
            return drained;
        memcpy(t->fault, fault, sizeof(fault));
    }
    return r;
}

enum exchange transport_exchange(struct transport *t, struct frame_request *q,
                                 struct frame_reply *reply)
{
    bool fresh = t->link.fd < 0;

    for (;;) {
        if (t->link.fd < 0 && link_open(&t->link, &t->o, t->fault) != GW_OK)
            return EXCHANGE_GONE;
        enum exchange r = tidy(t, converse(t, q, reply));
        if (r != EXCHANGE_LOST || fresh)
            return r;
        fresh = true;
    }
}

const char *transport_fault(const struct transport *t)
{
    return t->fault;
}

enum gw_err transport_open(struct transport **out, const struct transport_options *o,
                           char fault[LINK_FAULT_SIZE])
{
    struct transport *t = calloc(1, sizeof(*t));

    if (!t)
        return GW_ENOMEM;
    t->o = *o;
    t->silence_us = is_serial(t) ? transport_silence_us(o->baud) : 0;
    enum gw_err err = link_open(&t->link, o, fault);
    if (err != GW_OK) {
        free(t);
        return err;
    }
    *out = t;
    return GW_OK;
}

void transport_close(struct transport *t)
{
    if (!t)
        return;
    link_close(&t->link);
    free(t);
}
