/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a transport, shared by transport.c (one exchange at a time) and pipeline.c (several
 * on one TCP connection). */
#ifndef SENSORGW_DRIVERS_MODBUS_TRANSPORT_PARTS_H
#define SENSORGW_DRIVERS_MODBUS_TRANSPORT_PARTS_H

#include "drivers/modbus/link.h"
#include "drivers/modbus/transport.h"

/* A reply with the id of one of that many earlier requests is late, not wrong. */
#define LATE_TRANSACTIONS (4 * TRANSPORT_PIPELINE_MAX)

struct transport {
    /* set once */
    struct transport_options o;
    int64_t silence_us;

    struct link link;
    int64_t line_us; /* when the last byte was on the serial line, ours or theirs */
    uint16_t transaction;
    unsigned timeouts; /* in a row */
    bool echo;         /* the request's own bytes may come first */
    size_t have;
    uint8_t in[2 * FRAME_MAX]; /* a frame that is not complete is shorter than FRAME_MAX, so there
                                  is always room to read */
    char fault[LINK_FAULT_SIZE];
};

/* Remembers what went wrong; returns `how`. */
enum exchange transport_fail(struct transport *t, enum exchange how, const char *what);
/* EXCHANGE_OK: ready for `events`; EXCHANGE_TIMEOUT at the deadline. */
enum exchange transport_wait(struct transport *t, short events, int64_t deadline_us);
/* Appends what has arrived; it has been waited for, so nothing there means the end. */
enum exchange transport_receive(struct transport *t);
enum exchange transport_send(struct transport *t, const uint8_t *bytes, size_t n,
                             int64_t deadline_us);
void transport_trace(struct transport *t, bool sent, const uint8_t *bytes, size_t n);
/* Takes the first `length` bytes out of what has arrived, and traces them. */
void transport_skip(struct transport *t, size_t length);
/* Opens the link when it is closed. */
enum exchange transport_connect(struct transport *t);

#endif
