/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/frame.h"

#include <stdbool.h>
#include <string.h>

#define MBAP_LENGTH 7      /* with the unit */
#define MBAP_LENGTH_FROM 6 /* the length field counts from the unit on */
#define EXCEPTION_FLAG 0x80
#define EXCEPTION_PDU 2
#define CRC_LENGTH 2
#define WRITE_REPLY_PDU 5
#define COIL_ON 0xFF00

static void put16(uint8_t *p, uint16_t value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

uint16_t frame_crc(const uint8_t *bytes, size_t n)
{
    uint16_t crc = 0xFFFF;

    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xA001 : crc >> 1);
    }
    return crc;
}

/* Of what is read, or written by functions 15 and 16. */
static size_t data_bytes(const struct frame_request *q)
{
    bool bits = q->function <= 2 || q->function == FUNCTION_WRITE_COILS;

    return bits ? (q->count + 7U) / 8 : 2U * q->count;
}

static bool is_write(unsigned function)
{
    return function > 4;
}

size_t frame_reply_length(enum framing framing, const struct frame_request *q)
{
    size_t pdu = is_write(q->function) ? WRITE_REPLY_PDU : 2 + data_bytes(q);

    return framing == FRAMING_TCP ? MBAP_LENGTH + pdu : 1 + pdu + CRC_LENGTH;
}

/* What follows the address in a request, and returns to us from functions 5, 6, 15 and 16. */
static uint16_t second_word(const struct frame_request *q)
{
    if (q->function == FUNCTION_WRITE_COIL)
        return q->values[0] ? COIL_ON : 0;
    return q->function == FUNCTION_WRITE_REGISTER ? q->values[0] : q->count;
}

/* The data of functions 15 and 16, with their length. */
static size_t put_data(const struct frame_request *q, uint8_t *out)
{
    size_t bytes = data_bytes(q);

    out[0] = (uint8_t)bytes;
    memset(out + 1, 0, bytes);
    for (size_t i = 0; i < q->count; i++) {
        if (q->function == FUNCTION_WRITE_REGISTERS)
            put16(out + 1 + 2 * i, q->values[i]);
        else if (q->values[i])
            out[1 + i / 8] |= (uint8_t)(1U << i % 8);
    }
    return 1 + bytes;
}

size_t frame_build(enum framing framing, const struct frame_request *q, uint8_t out[FRAME_MAX])
{
    size_t at = framing == FRAMING_TCP ? MBAP_LENGTH_FROM : 0;

    out[at++] = q->unit;
    out[at++] = q->function;
    put16(out + at, q->address);
    put16(out + at + 2, second_word(q));
    at += 4;
    if (q->function == FUNCTION_WRITE_COILS || q->function == FUNCTION_WRITE_REGISTERS)
        at += put_data(q, out + at);
    if (framing == FRAMING_TCP) {
        put16(out, q->transaction);
        put16(out + 2, 0);
        put16(out + 4, (uint16_t)(at - MBAP_LENGTH_FROM));
    } else {
        uint16_t crc = frame_crc(out, at);
        out[at++] = (uint8_t)crc;
        out[at++] = (uint8_t)(crc >> 8);
    }
    return at;
}

/* The reply to a write repeats where and what, or how many. */
static enum frame_result judge_echo(const struct frame_request *q, const uint8_t *pdu, size_t n)
{
    if (n != WRITE_REPLY_PDU)
        return FRAME_BAD_LENGTH;
    bool same = get16(pdu + 1) == q->address && get16(pdu + 3) == second_word(q);
    return same ? FRAME_OK : FRAME_BAD_ECHO;
}

/* Judges the unit and PDU of a frame that is whole. */
static enum frame_result judge(const struct frame_request *q, const uint8_t *unit, size_t n,
                               struct frame_reply *reply)
{
    const uint8_t *pdu = unit + 1;

    if (unit[0] != q->unit)
        return FRAME_BAD_UNIT;
    if (pdu[0] == (q->function | EXCEPTION_FLAG)) {
        if (n != 1 + EXCEPTION_PDU)
            return FRAME_BAD_LENGTH;
        reply->exception = pdu[1];
        return FRAME_EXCEPTION;
    }
    if (pdu[0] != q->function)
        return FRAME_BAD_FUNCTION;
    if (is_write(q->function))
        return judge_echo(q, pdu, n - 1);
    if (pdu[1] != data_bytes(q) || n != 3 + data_bytes(q))
        return FRAME_BAD_LENGTH;
    reply->data = pdu + 2;
    reply->bytes = pdu[1];
    return FRAME_OK;
}

static enum frame_result parse_tcp(const struct frame_request *q, const uint8_t *in, size_t n,
                                   struct frame_reply *reply)
{
    if (n < MBAP_LENGTH_FROM)
        return FRAME_SHORT;
    if (get16(in + 2) != 0)
        return FRAME_BAD_PROTOCOL;
    size_t length = get16(in + 4);
    if (length < 1 + EXCEPTION_PDU || length > FRAME_MAX - MBAP_LENGTH_FROM)
        return FRAME_BAD_LENGTH;
    if (n < MBAP_LENGTH_FROM + length)
        return FRAME_SHORT;
    reply->length = MBAP_LENGTH_FROM + length;
    reply->transaction = get16(in);
    if (reply->transaction != q->transaction)
        return FRAME_BAD_TRANSACTION;
    return judge(q, in + MBAP_LENGTH_FROM, length, reply);
}

/* An RTU frame does not say its length: it follows from the function, and the checksum confirms it.
 */
static enum frame_result parse_rtu(const struct frame_request *q, const uint8_t *in, size_t n,
                                   struct frame_reply *reply)
{
    if (n < 1 + EXCEPTION_PDU + CRC_LENGTH)
        return FRAME_SHORT;
    size_t length = in[1] & EXCEPTION_FLAG ? 1 + EXCEPTION_PDU
                    : is_write(in[1])      ? 1 + WRITE_REPLY_PDU
                                           : 3U + in[2];
    if (length + CRC_LENGTH > FRAME_MAX)
        return FRAME_BAD_LENGTH;
    if (n < length + CRC_LENGTH)
        return FRAME_SHORT;
    if (frame_crc(in, length + CRC_LENGTH) != 0)
        return FRAME_BAD_CRC;
    reply->length = length + CRC_LENGTH;
    return judge(q, in, length, reply);
}

enum frame_result frame_parse(enum framing framing, const struct frame_request *q,
                              const uint8_t *in, size_t n, struct frame_reply *reply)
{
    *reply = (struct frame_reply){0};
    enum frame_result r =
        framing == FRAMING_TCP ? parse_tcp(q, in, n, reply) : parse_rtu(q, in, n, reply);

    if ((r == FRAME_OK || r == FRAME_EXCEPTION) && n > reply->length) {
        reply->length = 0;
        return FRAME_BAD_LENGTH;
    }
    return r;
}

uint16_t frame_register(const struct frame_reply *reply, size_t i)
{
    return get16(reply->data + 2 * i);
}

int frame_bit(const struct frame_reply *reply, size_t i)
{
    return reply->data[i / 8] >> i % 8 & 1;
}

const char *frame_result_text(enum frame_result r)
{
    static const char *const texts[] = {
#define X(id, text) [id] = (text),
        FRAME_RESULTS(X)
#undef X
    };

    return texts[r];
}

const char *frame_exception_text(uint8_t code)
{
    static const char *const texts[] = {
        [1] = "illegal function",
        [2] = "illegal data address",
        [3] = "illegal data value",
        [4] = "device failure",
        [5] = "acknowledge",
        [6] = "device busy",
        [8] = "memory parity error",
        [10] = "gateway path unavailable",
        [11] = "gateway target did not answer",
    };

    return code < sizeof(texts) / sizeof(texts[0]) && texts[code] ? texts[code] : "unknown code";
}
