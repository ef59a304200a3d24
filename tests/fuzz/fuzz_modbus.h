/* SPDX-License-Identifier: Apache-2.0 */
/* The parser of Modbus replies: what was asked, then the bytes that come back. */
#ifndef SENSORGW_TESTS_FUZZ_FUZZ_MODBUS_H
#define SENSORGW_TESTS_FUZZ_FUZZ_MODBUS_H

#include "drivers/modbus/frame.h"
#include "tests/fuzz/fuzz.h"

#include <stdbool.h>
#include <string.h>

#define REPLY_MAX 300 /* somewhat more than a frame may be */

static const uint16_t fuzz_values[2000] = {1, 0xffff, 0, 7};

static inline struct frame_request take_request(const uint8_t **data, size_t *size)
{
    static const uint8_t functions[] = {1, 2, 3, 4, 5, 6, 15, 16};
    static const uint16_t most[] = {2000, 2000, 125, 125, 1, 1, 1968, FRAME_WRITE_MAX};
    unsigned i = take_byte(data, size) % sizeof(functions);

    return (struct frame_request){.unit = take_byte(data, size),
                                  .function = functions[i],
                                  .address = (uint16_t)take_word(data, size),
                                  .count = (uint16_t)(1 + take_word(data, size) % most[i]),
                                  .transaction = (uint16_t)take_word(data, size),
                                  .values = fuzz_values};
}

/* What a good answer to q looks like: a parser that never says OK would pass all else. */
static inline size_t good_reply(enum framing framing, const struct frame_request *q, uint8_t *out)
{
    size_t n = frame_build(framing, q, out); /* that of a write is a request's beginning */
    size_t at = framing == FRAMING_TCP ? 7 : 1;
    size_t length = frame_reply_length(framing, q);

    if (q->function <= 4) {
        memset(out + at + 2, 0x5a, FRAME_MAX - at - 2);
        out[at + 1] = (uint8_t)(length - at - 2 - (framing == FRAMING_TCP ? 0 : 2));
    }
    require(n <= FRAME_MAX && length <= FRAME_MAX);
    return length;
}

/* The length or the checksum that its sender would have put in. */
static inline void close_frame(enum framing framing, uint8_t *frame, size_t n)
{
    if (framing == FRAMING_TCP && n >= 6) {
        frame[4] = (uint8_t)((n - 6) >> 8);
        frame[5] = (uint8_t)(n - 6);
    } else if (framing == FRAMING_RTU && n >= 2) {
        uint16_t crc = frame_crc(frame, n - 2);
        frame[n - 2] = (uint8_t)crc;
        frame[n - 1] = (uint8_t)(crc >> 8);
    }
}

static inline void judge(enum framing framing, const struct frame_request *q, const uint8_t *bytes,
                         size_t n, enum frame_result *result)
{
    struct frame_reply reply = {0};
    uint8_t *copy = malloc(n + 1); /* of exactly that size: a byte too far is seen */

    require(copy != NULL);
    memcpy(copy, bytes, n);
    *result = frame_parse(framing, q, copy, n, &reply);
    require((int)*result >= 0 && *result < FRAME_RESULT_COUNT);
    require(reply.length <= n);
    if (*result == FRAME_OK) {
        require(n == frame_reply_length(framing, q));
        require(q->function <= 4 ? reply.data != NULL : reply.data == NULL);
        require(!reply.data || (reply.data >= copy && reply.data + reply.bytes <= copy + n));
        for (unsigned i = 0; reply.data && i < q->count; i++) {
            if (q->function <= 2)
                require(frame_bit(&reply, i) <= 1);
            else
                require(frame_register(&reply, i) ==
                        (reply.data[2 * i] << 8 | reply.data[2 * i + 1]));
        }
    }
    free(copy);
}

static inline int fuzz_modbus(enum framing framing, const uint8_t *data, size_t size)
{
    struct frame_request q = take_request(&data, &size);
    unsigned how = take_byte(&data, &size);
    uint8_t bytes[REPLY_MAX + FRAME_MAX] = {0};
    size_t n = size < REPLY_MAX ? size : REPLY_MAX;
    enum frame_result result;

    memcpy(bytes, data, n);
    if (how & 1) { /* a good answer with some bytes changed */
        n = good_reply(framing, &q, bytes);
        if (how & 2)
            close_frame(framing, bytes, n);
        judge(framing, &q, bytes, n, &result);
        require(!(how & 2) || result == FRAME_OK);
        for (size_t i = 0; i + 1 < size; i += 2)
            bytes[data[i] % n] ^= data[i + 1];
    }
    if (how & 4)
        close_frame(framing, bytes, n);
    for (size_t i = 0; i < n; i++)
        judge(framing, &q, bytes, i, &result);
    judge(framing, &q, bytes, n, &result);
    return 0;
}

#endif
