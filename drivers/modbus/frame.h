/* SPDX-License-Identifier: Apache-2.0 */
/* Modbus frames: requests, and the replies to them, classified. Pure. */
/* clang-format off */
/*   TCP (MBAP)  transaction 2 | protocol 2 = 0 | length 2 | unit 1 | PDU
 *               (MODBUS Messaging on TCP/IP V1.0b, 3.1.3)
 *   RTU         unit 1 | PDU | CRC 2, low byte first
 *               (MODBUS over Serial Line V1.02, 2.5.1)
 *   PDU         (MODBUS Application Protocol V1.1b3, 6)
 *     1 to 4    function 1 | address 2 | count 2             reply: function 1 | bytes 1 | data
 *     5, 6      function 1 | address 2 | value 2             reply: the same
 *     15, 16    function 1 | address 2 | count 2 | bytes 1 | data   reply: the first five bytes
 *     exception                                              reply: function + 0x80 1 | code 1 */
/* clang-format on */
#ifndef SENSORGW_DRIVERS_MODBUS_FRAME_H
#define SENSORGW_DRIVERS_MODBUS_FRAME_H

#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 260 /* bytes of the longest frame */

#define FRAME_WRITE_MAX 123 /* registers of one request (function 16) */

enum framing { FRAMING_TCP, FRAMING_RTU };

/* Functions 1 to 4 read, and are the table's number (enum modbus_table). */
enum {
    FUNCTION_WRITE_COIL = 5,
    FUNCTION_WRITE_REGISTER,
    FUNCTION_WRITE_COILS = 15,
    FUNCTION_WRITE_REGISTERS
};

/* Exception codes that mean something to us: MODBUS Application Protocol V1.1b3, section 7. */
enum {
    EXCEPTION_FUNCTION = 1,
    EXCEPTION_ADDRESS,
    EXCEPTION_VALUE,
    EXCEPTION_NO_PATH = 10, /* from a gateway: it cannot reach the unit */
    EXCEPTION_NO_TARGET     /* the same: the unit does not answer it */
};

struct frame_request {
    uint16_t transaction; /* TCP only */
    uint8_t unit;
    uint8_t function;        /* 1 to 6, 15, 16 */
    uint16_t address, count; /* 0-based; registers or bits; 1 with functions 5 and 6 */
    const uint16_t *values;  /* to write: `count` registers, or coils as 0 and 1; borrowed */
};

#define FRAME_RESULTS(X)                                                                           \
    X(FRAME_OK, "good reply")                                                                      \
    X(FRAME_EXCEPTION, "exception")                                                                \
    X(FRAME_SHORT, "incomplete reply")                                                             \
    X(FRAME_BAD_CRC, "wrong checksum")                                                             \
    X(FRAME_BAD_TRANSACTION, "wrong transaction")                                                  \
    X(FRAME_BAD_PROTOCOL, "wrong protocol id")                                                     \
    X(FRAME_BAD_LENGTH, "wrong length")                                                            \
    X(FRAME_BAD_UNIT, "reply from another unit")                                                   \
    X(FRAME_BAD_FUNCTION, "reply to another function")                                             \
    X(FRAME_BAD_ECHO, "the reply confirms something else")

enum frame_result {
#define X(id, text) id,
    FRAME_RESULTS(X)
#undef X
        FRAME_RESULT_COUNT
};

struct frame_reply {
    const uint8_t *data; /* FRAME_OK: the registers or bits that were read, inside the parsed
                            buffer; NULL after a write */
    size_t bytes;        /* of data */
    uint8_t exception;   /* FRAME_EXCEPTION: its code */
    uint16_t transaction;
    size_t length; /* of the whole frame; 0 when the bytes are no whole frame */
};

/* Writes the request; returns its length. */
size_t frame_build(enum framing framing, const struct frame_request *q, uint8_t out[FRAME_MAX]);

/* Judges the bytes received so far. FRAME_SHORT: so far so good, or so far unknown. With any other
 * result where reply->length is set, the first `length` bytes are a frame that is whole in itself,
 * though perhaps not the reply to q; a reply with bytes after it is FRAME_BAD_LENGTH. */
enum frame_result frame_parse(enum framing framing, const struct frame_request *q,
                              const uint8_t *in, size_t n, struct frame_reply *reply);

/* Length of a good reply to q, in bytes. */
size_t frame_reply_length(enum framing framing, const struct frame_request *q);

/* CRC-16 of MODBUS over Serial Line V1.02, section 6.2.2 (reflected polynomial 0xA001). */
uint16_t frame_crc(const uint8_t *bytes, size_t n);

uint16_t frame_register(const struct frame_reply *reply, size_t i); /* i-th register of the data */
int frame_bit(const struct frame_reply *reply, size_t i);           /* i-th bit: 0 or 1 */

const char *frame_result_text(enum frame_result r);
const char *frame_exception_text(uint8_t code); /* "illegal data address", … */

#endif
