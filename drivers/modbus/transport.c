/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/transport.h"

#include "drivers/modbus/transport_parts.h"
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
#define BITS_PER_CHARACTER 11

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

enum exchange transport_fail(struct transport *t, enum exchange how, const char *what)
{
    snprintf(t->fault, sizeof(t->fault), "%s", what);
    return how;
}

static enum exchange lost(struct transport *t, const char *what)
{
    return transport_fail(t, is_serial(t) ? EXCHANGE_GONE : EXCHANGE_LOST, what);
}

enum exchange transport_wait(struct transport *t, short events, int64_t deadline_us)
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

enum exchange transport_receive(struct transport *t)
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
        enum exchange r = transport_wait(t, POLLIN, last ? deadline_us : quiet_at);
        if (r == EXCHANGE_TIMEOUT)
            return last ? transport_fail(t, EXCHANGE_BAD_FRAME, "the line does not fall silent")
                        : EXCHANGE_OK;
        if (r != EXCHANGE_OK)
            return r;
        t->have = 0;
        r = transport_receive(t);
        t->have = 0;
        if (r != EXCHANGE_OK)
            return r;
    }
}

enum exchange transport_send(struct transport *t, const uint8_t *bytes, size_t n,
                             int64_t deadline_us)
{
    while (n > 0) {
        enum exchange r = transport_wait(t, POLLOUT, deadline_us);
        if (r != EXCHANGE_OK)
            return r;
        ssize_t sent =
            is_serial(t) ? write(t->link.fd, bytes, n) : send(t->link.fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EAGAIN && errno != EINTR)
            return lost(t, log_errno(errno));
        if (sent > 0) {
            bytes += sent;
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

void transport_trace(struct transport *t, bool sent, const uint8_t *bytes, size_t n)
{
    if (t->o.trace && n > 0)
        t->o.trace(t->o.arg, sent, bytes, n);
}

void transport_skip(struct transport *t, size_t length)
{
    transport_trace(t, false, t->in, length);
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
        transport_skip(t, reply->length);
    }
}

static enum exchange no_answer(struct transport *t)
{
    if (t->have > 0)
        return transport_fail(t, EXCHANGE_BAD_FRAME, frame_result_text(FRAME_SHORT));
    /* Only a frame that was passed over has set the fault. Over TCP that was an earlier answer. */
    if (t->fault[0] && t->o.framing == FRAMING_RTU)
        return EXCHANGE_BAD_FRAME;
    return transport_fail(t, EXCHANGE_TIMEOUT, "no answer");
}

/* A port that hears itself gives each request back before the reply. True: there is no more than
 * that yet. */
static bool is_echo(struct transport *t, const uint8_t *sent, size_t n)
{
    if (!t->echo)
        return false;
    bool whole = t->have >= n;
    t->echo = memcmp(t->in, sent, whole ? n : t->have) == 0;
    if (!t->echo || !whole)
        return t->echo;
    t->echo = false;
    transport_skip(t, n);
    return t->have == 0;
}

static enum exchange await_reply(struct transport *t, const struct frame_request *q,
                                 const uint8_t *sent, size_t n, struct frame_reply *reply,
                                 int64_t deadline_us)
{
    for (;;) {
        enum exchange r = transport_wait(t, POLLIN, deadline_us);
        if (r == EXCHANGE_TIMEOUT)
            return no_answer(t);
        if (r == EXCHANGE_OK)
            r = transport_receive(t);
        if (r != EXCHANGE_OK)
            return r;
        enum frame_result result = is_echo(t, sent, n) ? FRAME_SHORT : judge(t, q, reply);
        if (result == FRAME_OK)
            return EXCHANGE_OK;
        if (result == FRAME_EXCEPTION)
            return transport_fail(t, EXCHANGE_EXCEPTION, frame_exception_text(reply->exception));
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
    enum exchange r = transport_send(t, out, n, deadline);
    if (r == EXCHANGE_TIMEOUT)
        return lost(t, "cannot send");
    if (r != EXCHANGE_OK)
        return r;
    transport_trace(t, true, out, n);
    t->echo = t->o.rs485 && t->o.rs485->rx_during_tx;
    r = await_reply(t, q, out, n, reply, deadline);
    transport_trace(t, false, t->in, t->have);
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

enum exchange transport_connect(struct transport *t)
{
    if (t->link.fd >= 0)
        return EXCHANGE_OK;
    enum gw_err err = link_open(&t->link, &t->o, t->fault);
    if (err == GW_ECLOSED)
        return EXCHANGE_STOPPED;
    return err == GW_OK ? EXCHANGE_OK : EXCHANGE_GONE;
}

enum exchange transport_exchange(struct transport *t, struct frame_request *q,
                                 struct frame_reply *reply)
{
    bool fresh = t->link.fd < 0;

    for (;;) {
        enum exchange r = transport_connect(t);
        if (r != EXCHANGE_OK)
            return r;
        r = tidy(t, converse(t, q, reply));
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
