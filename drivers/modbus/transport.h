/* SPDX-License-Identifier: Apache-2.0 */
/* One Modbus line: a serial port, or a TCP connection. libmodbus opens, configures and closes it;
 * the exchange is ours, with one deadline over all of it, because libmodbus 3.1.6 takes a late
 * reply for the answer to the next request. One thread. */
#ifndef SENSORGW_DRIVERS_MODBUS_TRANSPORT_H
#define SENSORGW_DRIVERS_MODBUS_TRANSPORT_H

#include "drivers/modbus/frame.h"
#include "drivers/rs485.h"
#include "gateway/core/err.h"

#include <stdbool.h>
#include <stdint.h>

#define LINK_FAULT_SIZE 160

struct transport;

struct transport_options {
    enum framing framing;
    const char *port;           /* serial device; NULL for TCP */
    const char *host, *service; /* TCP: name or address, and port number */
    int baud, data_bits, stop_bits;
    char parity;                       /* 'N', 'E' or 'O' */
    const struct rs485_options *rs485; /* of the port; NULL: a plain one */
    int64_t timeout_us;                /* of an exchange, and at most of a connect */
    bool (*stopping)(void *arg);       /* asked at least every 100 ms; true ends any wait */
    void (*trace)(void *arg, bool sent, const uint8_t *bytes, size_t n); /* NULL: nobody looks */
    void *arg;
};

/* How an exchange ended. */
enum exchange {
    EXCHANGE_OK,
    EXCHANGE_EXCEPTION, /* the unit refused: reply.exception; the line is in order */
    EXCHANGE_TIMEOUT,   /* not a byte of an answer */
    EXCHANGE_BAD_FRAME, /* something that is not the answer: transport_fault() */
    EXCHANGE_LOST,      /* the connection broke; the next exchange makes a new one */
    EXCHANGE_GONE,      /* the port is gone, or no connection could be made: close the transport */
    EXCHANGE_STOPPED
};

/* Opens the port or connects. Copies the options' values, borrows the strings. GW_EBUSY: another
 * process has the port; GW_ENOENT, GW_EACCES, GW_ECONN, GW_EIO … Says what happened in fault, and
 * logs nothing. */
enum gw_err transport_open(struct transport **out, const struct transport_options *o,
                           char fault[LINK_FAULT_SIZE]);
void transport_close(struct transport *t); /* NULL is ok */

/* Sends the request and waits for its reply; q->transaction is filled in here. On serial lines the
 * time for the bytes on the wire is added to the time-out. The reply's data are valid until the
 * next call. After any failure the line is brought in order before the next request: a serial line
 * by waiting for silence and throwing away what came, a TCP connection by a new one, which the next
 * exchange makes. A single time-out leaves a TCP connection open (there is a transaction id to tell
 * a late reply by); a second one in a row closes it. A connection that turns out to have been
 * closed while it was idle is made anew and the request repeated, once. */
enum exchange transport_exchange(struct transport *t, struct frame_request *q,
                                 struct frame_reply *reply);

#define TRANSPORT_PIPELINE_MAX 16

/* How one exchange of several ended; the reply is valid during the call. */
typedef void transport_done(void *arg, size_t i, enum exchange how,
                            const struct frame_reply *reply);

/* Sends n requests at once over a connection with TCP framing and takes the replies in any order;
 * the time-out begins anew with each. Then calls `done` for each request, once. Whatever is not a
 * reply to one of them spoils all of them, and the connection is made anew. */
void transport_exchange_many(struct transport *t, struct frame_request *q, size_t n,
                             transport_done *done, void *arg);

const char *transport_fault(const struct transport *t); /* what the last failure was; borrowed */

/* The silence before a request on a serial line of that speed, in µs (MODBUS over Serial Line
 * V1.02, 2.5.1.1): 3.5 characters of 11 bits, fixed 1750 µs above 19200 baud. */
int64_t transport_silence_us(int baud);
/* The time that n bytes take on that line, in µs. */
int64_t transport_wire_us(const struct transport_options *o, size_t n);

#endif
