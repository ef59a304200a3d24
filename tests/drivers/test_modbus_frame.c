/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct frame_request two_registers = {
    .transaction = 0x1234, .unit = 17, .function = 3, .address = 0x6B, .count = 2};

static void requests_have_the_bytes_of_the_specification(void **state)
{
    static const uint8_t tcp[] = {0x12, 0x34, 0, 0, 0, 6, 17, 3, 0, 0x6B, 0, 2};
    static const uint8_t rtu[] = {0x11, 0x03, 0x00, 0x6B, 0x00, 0x03, 0x76, 0x87};
    struct frame_request three = two_registers;
    uint8_t out[FRAME_MAX];

    (void)state;
    assert_int_equal(frame_build(FRAMING_TCP, &two_registers, out), sizeof(tcp));
    assert_memory_equal(out, tcp, sizeof(tcp));
    three.count = 3;
    assert_int_equal(frame_build(FRAMING_RTU, &three, out), sizeof(rtu));
    assert_memory_equal(out, rtu, sizeof(rtu));
}

static void checksum_of_the_check_string(void **state)
{
    (void)state;
    assert_int_equal(frame_crc((const uint8_t *)"123456789", 9), 0x4B37);
}

#define TCP_OK 0x12, 0x34, 0, 0, 0, 7, 17, 3, 4, 0xAE, 0x41, 0x56, 0x52
static const struct {
    const char *name;
    uint8_t bytes[24];
    size_t n;
    enum frame_result want;
} tcp_cases[] = {
    {"nothing", {0}, 0, FRAME_SHORT},
    {"good", {TCP_OK}, 13, FRAME_OK},
    {"good but for the last byte", {TCP_OK}, 12, FRAME_SHORT},
    {"a byte too many", {TCP_OK, 0}, 14, FRAME_BAD_LENGTH},
    {"wrong transaction",
     {0x12, 0x33, 0, 0, 0, 7, 17, 3, 4, 1, 2, 3, 4},
     13,
     FRAME_BAD_TRANSACTION},
    {"wrong protocol", {0x12, 0x34, 0, 1, 0, 7, 17, 3, 4, 1, 2, 3, 4}, 13, FRAME_BAD_PROTOCOL},
    {"length 9999", {0x12, 0x34, 0, 0, 0x27, 0x0F, 17, 3, 4, 1, 2, 3, 4}, 13, FRAME_BAD_LENGTH},
    {"length 2", {0x12, 0x34, 0, 0, 0, 2, 17, 3}, 8, FRAME_BAD_LENGTH},
    {"length one short", {0x12, 0x34, 0, 0, 0, 6, 17, 3, 4, 1, 2, 3}, 12, FRAME_BAD_LENGTH},
    {"wrong unit", {0x12, 0x34, 0, 0, 0, 7, 99, 3, 4, 1, 2, 3, 4}, 13, FRAME_BAD_UNIT},
    {"wrong function", {0x12, 0x34, 0, 0, 0, 7, 17, 4, 4, 1, 2, 3, 4}, 13, FRAME_BAD_FUNCTION},
    {"fewer registers", {0x12, 0x34, 0, 0, 0, 5, 17, 3, 2, 1, 2}, 11, FRAME_BAD_LENGTH},
    {"byte count lies", {0x12, 0x34, 0, 0, 0, 7, 17, 3, 2, 1, 2, 3, 4}, 13, FRAME_BAD_LENGTH},
    {"exception", {0x12, 0x34, 0, 0, 0, 3, 17, 0x83, 2}, 9, FRAME_EXCEPTION},
    {"exception of another function", {0x12, 0x34, 0, 0, 0, 3, 17, 0x84, 2}, 9, FRAME_BAD_FUNCTION},
    {"exception with a tail", {0x12, 0x34, 0, 0, 0, 4, 17, 0x83, 2, 0}, 10, FRAME_BAD_LENGTH},
};

static void tcp_replies_are_classified(void **state)
{
    struct frame_reply reply;

    (void)state;
    for (size_t i = 0; i < COUNT(tcp_cases); i++) {
        enum frame_result r =
            frame_parse(FRAMING_TCP, &two_registers, tcp_cases[i].bytes, tcp_cases[i].n, &reply);
        if (r != tcp_cases[i].want)
            fail_msg("%s: %s", tcp_cases[i].name, frame_result_text(r));
    }
}

/* The checksum is appended by the test, `damage` is then added to the first byte. */
static const struct {
    const char *name;
    uint8_t bytes[16];
    size_t n;
    uint8_t damage;
    enum frame_result want;
} rtu_cases[] = {
    {"good", {17, 3, 4, 1, 2, 3, 4}, 7, 0, FRAME_OK},
    {"damaged", {17, 3, 4, 1, 2, 3, 4}, 7, 1, FRAME_BAD_CRC},
    {"wrong unit", {99, 3, 4, 1, 2, 3, 4}, 7, 0, FRAME_BAD_UNIT},
    {"wrong function", {17, 4, 4, 1, 2, 3, 4}, 7, 0, FRAME_BAD_FUNCTION},
    {"fewer registers", {17, 3, 2, 1, 2}, 5, 0, FRAME_BAD_LENGTH},
    {"more registers", {17, 3, 6, 1, 2, 3, 4, 5, 6}, 9, 0, FRAME_BAD_LENGTH},
    {"exception", {17, 0x83, 4}, 3, 0, FRAME_EXCEPTION},
    {"exception, damaged", {17, 0x83, 4}, 3, 8, FRAME_BAD_CRC},
    {"exception of another function", {17, 0x81, 4}, 3, 0, FRAME_BAD_FUNCTION},
};

static size_t with_crc(uint8_t *out, const uint8_t *bytes, size_t n)
{
    memcpy(out, bytes, n);
    uint16_t crc = frame_crc(bytes, n);
    out[n] = (uint8_t)crc;
    out[n + 1] = (uint8_t)(crc >> 8);
    return n + 2;
}

static void rtu_replies_are_classified(void **state)
{
    struct frame_reply reply;
    uint8_t in[32] = {0};

    (void)state;
    for (size_t i = 0; i < COUNT(rtu_cases); i++) {
        size_t n = with_crc(in, rtu_cases[i].bytes, rtu_cases[i].n);
        in[0] = (uint8_t)(in[0] + rtu_cases[i].damage);
        enum frame_result r = frame_parse(FRAMING_RTU, &two_registers, in, n, &reply);
        if (r != rtu_cases[i].want)
            fail_msg("%s: %s", rtu_cases[i].name, frame_result_text(r));
        assert_int_equal(frame_parse(FRAMING_RTU, &two_registers, in, n - 1, &reply), FRAME_SHORT);
    }
}

static void a_good_rtu_reply_with_bytes_after_it_is_refused(void **state)
{
    struct frame_reply reply;
    uint8_t in[32] = {0};
    size_t n = with_crc(in, rtu_cases[0].bytes, rtu_cases[0].n);

    (void)state;
    assert_int_equal(frame_parse(FRAMING_RTU, &two_registers, in, n + 1, &reply), FRAME_BAD_LENGTH);
    assert_int_equal(reply.length, 0);
}

static void data_come_out_in_order(void **state)
{
    static const uint8_t registers[] = {TCP_OK};
    static const uint8_t coils[] = {0, 0, 0, 0, 0, 5, 1, 1, 2, 0xCD, 0x01};
    struct frame_request ten_coils = {.unit = 1, .function = 1, .count = 10};
    struct frame_reply reply;

    (void)state;
    assert_int_equal(frame_parse(FRAMING_TCP, &two_registers, registers, sizeof(registers), &reply),
                     FRAME_OK);
    assert_int_equal(frame_register(&reply, 0), 0xAE41);
    assert_int_equal(frame_register(&reply, 1), 0x5652);
    assert_int_equal(frame_reply_length(FRAMING_TCP, &two_registers), sizeof(registers));
    assert_int_equal(frame_reply_length(FRAMING_RTU, &two_registers), 9);

    assert_int_equal(frame_parse(FRAMING_TCP, &ten_coils, coils, sizeof(coils), &reply), FRAME_OK);
    static const int want[] = {1, 0, 1, 1, 0, 0, 1, 1, 1, 0};
    for (size_t i = 0; i < COUNT(want); i++)
        assert_int_equal(frame_bit(&reply, i), want[i]);
}

/* The examples of MODBUS Application Protocol V1.1b3, 6.5, 6.6, 6.11 and 6.12. */
static const struct {
    const char *name;
    uint8_t function;
    uint16_t address, count, values[10];
    size_t length, echo; /* of the PDUs */
    uint8_t pdu[16];
} writes[] = {
    {"coil on", 5, 0x00AC, 1, {1}, 5, 5, {0x05, 0x00, 0xAC, 0xFF, 0x00}},
    {"coil off", 5, 0x00AC, 1, {0}, 5, 5, {0x05, 0x00, 0xAC, 0x00, 0x00}},
    {"register", 6, 1, 1, {3}, 5, 5, {0x06, 0x00, 0x01, 0x00, 0x03}},
    {"coils",
     15,
     0x13,
     10,
     {1, 0, 1, 1, 0, 0, 1, 1, 1, 0},
     8,
     5,
     {0x0F, 0x00, 0x13, 0x00, 0x0A, 0x02, 0xCD, 0x01}},
    {"registers",
     16,
     1,
     2,
     {0x000A, 0x0102},
     10,
     5,
     {0x10, 0x00, 0x01, 0x00, 0x02, 0x04, 0x00, 0x0A, 0x01, 0x02}},
};

static void writes_have_the_bytes_of_the_specification(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(writes); i++) {
        struct frame_request q = {.transaction = 0x0102,
                                  .unit = 0x11,
                                  .function = writes[i].function,
                                  .address = writes[i].address,
                                  .count = writes[i].count,
                                  .values = writes[i].values};
        uint8_t out[FRAME_MAX];
        struct frame_reply reply;
        print_message("%s\n", writes[i].name);

        assert_int_equal(frame_build(FRAMING_TCP, &q, out), 7 + writes[i].length);
        assert_int_equal(out[5], 1 + writes[i].length);
        assert_memory_equal(out + 7, writes[i].pdu, writes[i].length);
        out[5] = (uint8_t)(1 + writes[i].echo);
        assert_int_equal(frame_parse(FRAMING_TCP, &q, out, 7 + writes[i].echo, &reply), FRAME_OK);
        assert_null(reply.data);

        size_t n = frame_build(FRAMING_RTU, &q, out);
        assert_int_equal(n, 1 + writes[i].length + 2);
        assert_memory_equal(out + 1, writes[i].pdu, writes[i].length);
        assert_int_equal(frame_crc(out, n), 0);
        assert_int_equal(frame_reply_length(FRAMING_RTU, &q), 1 + writes[i].echo + 2);
    }
}

/* Every byte of the confirmation counts: one that says another place or value confirms nothing. */
static void a_write_that_is_confirmed_otherwise_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(writes); i++) {
        struct frame_request q = {.unit = 0x11,
                                  .function = writes[i].function,
                                  .address = writes[i].address,
                                  .count = writes[i].count,
                                  .values = writes[i].values};
        for (size_t at = 0; at < 1 + writes[i].echo; at++) {
            uint8_t in[FRAME_MAX] = {0x11};
            struct frame_reply reply;
            memcpy(in + 1, writes[i].pdu, writes[i].echo);
            size_t n = 1 + writes[i].echo;
            in[at] ^= 0x02;
            uint16_t crc = frame_crc(in, n);
            in[n] = (uint8_t)crc;
            in[n + 1] = (uint8_t)(crc >> 8);
            enum frame_result result = frame_parse(FRAMING_RTU, &q, in, n + 2, &reply);
            assert_int_not_equal(result, FRAME_OK);
            assert_int_not_equal(result, FRAME_EXCEPTION);
            if (at >= 2)
                assert_int_equal(result, FRAME_BAD_ECHO);
        }
    }
}

static void noise_is_never_taken_for_a_reply(void **state)
{
    struct frame_reply reply;
    uint64_t seed = 3;
    unsigned good = 0;

    (void)state;
    for (int round = 0; round < 200000; round++) {
        uint8_t in[FRAME_MAX];
        size_t n = (size_t)round % sizeof(in);
        for (size_t i = 0; i < n; i++) {
            seed = seed * 6364136223846793005U + 1442695040888963407U;
            in[i] = (uint8_t)(seed >> 40);
        }
        good += frame_parse(FRAMING_TCP, &two_registers, in, n, &reply) == FRAME_OK;
        good += frame_parse(FRAMING_RTU, &two_registers, in, n, &reply) == FRAME_OK;
    }
    assert_int_equal(good, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_have_the_bytes_of_the_specification),
        cmocka_unit_test(checksum_of_the_check_string),
        cmocka_unit_test(tcp_replies_are_classified),
        cmocka_unit_test(rtu_replies_are_classified),
        cmocka_unit_test(a_good_rtu_reply_with_bytes_after_it_is_refused),
        cmocka_unit_test(data_come_out_in_order),
        cmocka_unit_test(writes_have_the_bytes_of_the_specification),
        cmocka_unit_test(a_write_that_is_confirmed_otherwise_is_refused),
        cmocka_unit_test(noise_is_never_taken_for_a_reply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
