/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/decode.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static const struct {
    const char *name;
    struct modbus_field field;
    uint16_t registers[4];
    double want;
} values[] = {
    {"bool, register not zero", {.type = TYPE_BOOL, .order = ORDER_AB}, {0x0100}, 1},
    {"bool, register zero", {.type = TYPE_BOOL}, {0}, 0},
    {"bool, bit set", {.type = TYPE_BOOL, .shift = 3, .width = 1}, {0x0008}, 1},
    {"bool, bit clear", {.type = TYPE_BOOL, .shift = 3, .width = 1}, {0xFFF7}, 0},
    {"bool, bit of swapped bytes",
     {.type = TYPE_BOOL, .order = ORDER_BA, .shift = 3, .width = 1},
     {0x0800},
     1},
    {"int8 low", {.type = TYPE_INT8, .byte = BYTE_LOW}, {0x7FFE}, -2},
    {"int8 high", {.type = TYPE_INT8, .byte = BYTE_HIGH}, {0x80FE}, -128},
    {"uint8 low", {.type = TYPE_UINT8, .byte = BYTE_LOW}, {0x12FE}, 254},
    {"uint8 high", {.type = TYPE_UINT8, .byte = BYTE_HIGH}, {0x12FE}, 18},
    {"int16 AB", {.type = TYPE_INT16, .order = ORDER_AB}, {0xFFFE}, -2},
    {"int16 BA", {.type = TYPE_INT16, .order = ORDER_BA}, {0xFEFF}, -2},
    {"uint16 AB", {.type = TYPE_UINT16, .order = ORDER_AB}, {0x1234}, 0x1234},
    {"uint16 BA", {.type = TYPE_UINT16, .order = ORDER_BA}, {0x3412}, 0x1234},
    {"int32 ABCD", {.type = TYPE_INT32, .order = ORDER_ABCD}, {0xFFFF, 0xFFFE}, -2},
    {"int32 CDAB", {.type = TYPE_INT32, .order = ORDER_CDAB}, {0xFFFE, 0xFFFF}, -2},
    {"int32 BADC", {.type = TYPE_INT32, .order = ORDER_BADC}, {0xFFFF, 0xFEFF}, -2},
    {"int32 DCBA", {.type = TYPE_INT32, .order = ORDER_DCBA}, {0xFEFF, 0xFFFF}, -2},
    {"uint32 ABCD", {.type = TYPE_UINT32, .order = ORDER_ABCD}, {0x1234, 0x5678}, 0x12345678},
    {"uint32 CDAB", {.type = TYPE_UINT32, .order = ORDER_CDAB}, {0x5678, 0x1234}, 0x12345678},
    {"uint32 BADC", {.type = TYPE_UINT32, .order = ORDER_BADC}, {0x3412, 0x7856}, 0x12345678},
    {"uint32 DCBA", {.type = TYPE_UINT32, .order = ORDER_DCBA}, {0x7856, 0x3412}, 0x12345678},
    {"float16 AB, 1.5", {.type = TYPE_FLOAT16, .order = ORDER_AB}, {0x3E00}, 1.5},
    {"float16 BA, 1.5", {.type = TYPE_FLOAT16, .order = ORDER_BA}, {0x003E}, 1.5},
    {"float16, largest", {.type = TYPE_FLOAT16}, {0x7BFF}, 65504},
    {"float16, smallest subnormal", {.type = TYPE_FLOAT16}, {0x0001}, 0x1p-24},
    {"float16, negative", {.type = TYPE_FLOAT16}, {0xC000}, -2},
    {"float32 ABCD", {.type = TYPE_FLOAT32, .order = ORDER_ABCD}, {0x42F6, 0xE979}, 0x1.edd2f2p6},
    {"float32 CDAB", {.type = TYPE_FLOAT32, .order = ORDER_CDAB}, {0xE979, 0x42F6}, 0x1.edd2f2p6},
    {"float32 BADC", {.type = TYPE_FLOAT32, .order = ORDER_BADC}, {0xF642, 0x79E9}, 0x1.edd2f2p6},
    {"float32 DCBA", {.type = TYPE_FLOAT32, .order = ORDER_DCBA}, {0x79E9, 0xF642}, 0x1.edd2f2p6},
    {"float64 ABCDEFGH", {.type = TYPE_FLOAT64, .order = ORDER_ABCDEFGH}, {0xC000}, -2},
    {"float64 GHEFCDAB", {.type = TYPE_FLOAT64, .order = ORDER_GHEFCDAB}, {0, 0, 0, 0xC000}, -2},
    {"float64 BADCFEHG", {.type = TYPE_FLOAT64, .order = ORDER_BADCFEHG}, {0x00C0}, -2},
    {"float64 HGFEDCBA", {.type = TYPE_FLOAT64, .order = ORDER_HGFEDCBA}, {0, 0, 0, 0x00C0}, -2},
    {"uint64 above INT64_MAX", {.type = TYPE_UINT64}, {0x8000, 0, 0, 0}, 0x1p63},
    {"bcd16", {.type = TYPE_BCD16}, {0x1987}, 1987},
    {"bcd16 BA", {.type = TYPE_BCD16, .order = ORDER_BA}, {0x8719}, 1987},
    {"bcd32", {.type = TYPE_BCD32}, {0x9876, 0x5432}, 98765432},
    {"bcd32 CDAB", {.type = TYPE_BCD32, .order = ORDER_CDAB}, {0x5432, 0x9876}, 98765432},
    {"bits of a uint16", {.type = TYPE_UINT16, .shift = 4, .width = 8}, {0xABCD}, 0xBC},
    {"bits of an int16 carry a sign", {.type = TYPE_INT16, .shift = 4, .width = 4}, {0x00F0}, -1},
    {"bits across registers", {.type = TYPE_UINT32, .shift = 12, .width = 8}, {0x0005, 0xA000}, 90},
};

static void every_type_and_order_decodes_its_vector(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(values); i++) {
        struct modbus_raw raw = decode_registers(&values[i].field, values[i].registers);
        if (!raw.valid || raw.real != values[i].want)
            fail_msg("%s: %.17g", values[i].name, raw.real);
        if (raw.is_integer && (double)raw.integer != values[i].want)
            fail_msg("%s: integer %lld", values[i].name, (long long)raw.integer);
    }
}

static const struct {
    enum modbus_order order;
    uint16_t registers[4];
} words64[] = {{ORDER_ABCDEFGH, {0x0123, 0x4567, 0x89AB, 0xCDEF}},
               {ORDER_GHEFCDAB, {0xCDEF, 0x89AB, 0x4567, 0x0123}},
               {ORDER_BADCFEHG, {0x2301, 0x6745, 0xAB89, 0xEFCD}},
               {ORDER_HGFEDCBA, {0xEFCD, 0xAB89, 0x6745, 0x2301}}};

static void integers_of_64_bits_are_exact_in_every_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(words64); i++) {
        struct modbus_field f = {.type = TYPE_INT64, .order = (uint8_t)words64[i].order};
        struct modbus_raw raw = decode_registers(&f, words64[i].registers);
        assert_true(raw.is_integer);
        assert_int_equal(raw.integer, 0x0123456789ABCDEF);
        f.type = TYPE_UINT64;
        raw = decode_registers(&f, words64[i].registers);
        assert_int_equal(raw.integer, 0x0123456789ABCDEF);
    }
    struct modbus_field f = {.type = TYPE_INT64};
    const uint16_t lowest[] = {0x8000, 0, 0, 0};
    assert_int_equal(decode_registers(&f, lowest).integer, INT64_MIN);
}

static const struct {
    const char *name;
    enum modbus_type type;
    uint16_t registers[4];
} not_numbers[] = {
    {"bcd16, last digit", TYPE_BCD16, {0x123A}},
    {"bcd16, first digit", TYPE_BCD16, {0xF000}},
    {"bcd32, middle digit", TYPE_BCD32, {0x1234, 0xB678}},
    {"float16 NaN", TYPE_FLOAT16, {0x7E00}},
    {"float16 infinity", TYPE_FLOAT16, {0xFC00}},
    {"float32 NaN", TYPE_FLOAT32, {0x7FC0, 0}},
    {"float32 signalling NaN", TYPE_FLOAT32, {0xFF80, 1}},
    {"float32 infinity", TYPE_FLOAT32, {0x7F80, 0}},
    {"float64 NaN", TYPE_FLOAT64, {0x7FF8, 0, 0, 0}},
    {"float64 infinity", TYPE_FLOAT64, {0xFFF0, 0, 0, 0}},
};

static void what_is_not_a_number_has_quality_invalid(void **state)
{
    struct sensor_config c = {.index = 4, .scale = 1, .min = (double)NAN, .max = (double)NAN};

    (void)state;
    for (size_t i = 0; i < COUNT(not_numbers); i++) {
        struct modbus_field f = {.type = (uint8_t)not_numbers[i].type};
        struct modbus_raw raw = decode_registers(&f, not_numbers[i].registers);
        struct reading r = decode_reading(&c, &raw, decode_field_bits(&f), 7);
        if (raw.valid || r.quality != QUALITY_INVALID || r.sensor != 4 || r.time_us != 7)
            fail_msg("%s", not_numbers[i].name);
    }
}

/* All orders that a type may have. */
static bool order_suits(enum modbus_order o, enum modbus_type t)
{
    return decode_type_bits(t) > 8 ? decode_order_registers(o) == decode_type_registers(t)
                                   : o == ORDER_ABCD;
}

static void round_trip(struct modbus_field f, uint64_t pattern)
{
    uint16_t in[4], out[4], other[4];

    for (size_t i = 0; i < 4; i++) {
        in[i] = out[i] = (uint16_t)(pattern >> 16 * i);
        other[i] = (uint16_t)~in[i];
    }
    struct modbus_raw raw = decode_registers(&f, in);
    /* The last uint64s, too, are rounded to a double, which is then one too large. */
    if (!raw.valid || (f.type == TYPE_UINT64 && raw.real >= 0x1p64))
        return;
    /* Into registers that hold something else. */
    assert_int_equal(encode_registers(&f, &raw, other), GW_OK);
    struct modbus_raw again = decode_registers(&f, other);
    if (again.real != raw.real || again.integer != raw.integer)
        fail_msg("%s %s, bits %u from %u: %.17g became %.17g", decode_type_name(f.type),
                 decode_order_name(f.order), f.width, f.shift, raw.real, again.real);
    assert_int_equal(encode_registers(&f, &raw, out), GW_OK);
    /* A bool says only zero or not, and a uint64 above INT64_MAX comes back rounded. */
    if (f.type != TYPE_BOOL && (raw.is_integer || f.type != TYPE_UINT64))
        assert_memory_equal(in, out, sizeof(in));
}

static uint64_t random_bits(uint64_t *seed)
{
    *seed += 0x9E3779B97F4A7C15;
    uint64_t z = *seed;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return z ^ z >> 31;
}

/* Every run of bits of every whole number, in every order and either byte. */
static void every_part_of_a_number_survives_the_round_trip(void **state)
{
    uint64_t seed = 2;

    (void)state;
    for (int t = 0; t < TYPE_COUNT; t++) {
        enum modbus_kind kind = decode_type_kind((enum modbus_type)t);
        unsigned bits = decode_type_bits((enum modbus_type)t);
        if (kind != KIND_SIGNED && kind != KIND_UNSIGNED)
            continue;
        for (int o = 0; o < ORDER_COUNT; o++) {
            if (!order_suits((enum modbus_order)o, (enum modbus_type)t))
                continue;
            for (unsigned n = 0; n < bits * bits * (bits == 8 ? 2 : 1); n++) {
                struct modbus_field f = {.type = (uint8_t)t,
                                         .order = (uint8_t)o,
                                         .byte = n / (bits * bits) ? BYTE_HIGH : BYTE_LOW,
                                         .shift = (uint8_t)(n % bits),
                                         .width = (uint8_t)(1 + n / bits % bits)};
                for (int k = 0; f.shift + f.width <= (int)bits && k < 5; k++)
                    round_trip(f, random_bits(&seed));
            }
        }
    }
}

static void every_type_and_order_survives_the_round_trip(void **state)
{
    uint64_t seed = 1;

    (void)state;
    for (int t = 0; t < TYPE_COUNT; t++) {
        for (int o = 0; o < ORDER_COUNT; o++) {
            struct modbus_field f = {.type = (uint8_t)t, .order = (uint8_t)o};
            if (!order_suits((enum modbus_order)o, (enum modbus_type)t))
                continue;
            for (int n = 0; n < 2000; n++)
                round_trip(f, random_bits(&seed));
            f.byte = BYTE_HIGH;
            round_trip(f, 0);
            round_trip(f, UINT64_MAX);
        }
    }
}

static void all_half_precision_numbers_survive_the_round_trip(void **state)
{
    struct modbus_field f = {.type = TYPE_FLOAT16};

    (void)state;
    for (uint32_t bits = 0; bits <= UINT16_MAX; bits++)
        round_trip(f, bits);
}

static void encoding_rounds_half_precision_to_even(void **state)
{
    static const struct {
        double value;
        uint16_t want;
    } cases[] = {{1 + 0x1p-11, 0x3C00}, {1 + 0x3p-11, 0x3C02}, {2047.9999, 0x6800},
                 {65519.9, 0x7BFF},     {65520, 0x7C00},       {0x1p-25, 0x0000},
                 {0x1.8p-25, 0x0001},   {0x1.ffcp-15, 0x0400}, {-0.0, 0x8000}};
    struct modbus_field f = {.type = TYPE_FLOAT16};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct modbus_raw raw = {.real = cases[i].value, .valid = true};
        uint16_t word = 0;
        assert_int_equal(encode_registers(&f, &raw, &word), GW_OK);
        if (word != cases[i].want)
            fail_msg("%.17g: %04x", cases[i].value, word);
    }
}

static void encoding_refuses_what_does_not_fit(void **state)
{
    static const struct {
        struct modbus_field field;
        int64_t value;
    } cases[] = {{{.type = TYPE_INT8}, 128},     {{.type = TYPE_UINT8}, -1},
                 {{.type = TYPE_INT16}, -32769}, {{.type = TYPE_UINT16}, 65536},
                 {{.type = TYPE_BCD16}, 10000},  {{.type = TYPE_BCD32}, -1},
                 {{.type = TYPE_BOOL}, 2},       {{.type = TYPE_UINT16, .width = 3}, 8}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct modbus_raw raw = {.integer = cases[i].value, .is_integer = true, .valid = true};
        uint16_t registers[2] = {0xAAAA, 0xAAAA};
        assert_int_equal(encode_registers(&cases[i].field, &raw, registers), GW_EINVAL);
        assert_int_equal(registers[0], 0xAAAA);
    }
}

static void encoding_bits_leaves_the_others_alone(void **state)
{
    struct modbus_field f = {.type = TYPE_UINT16, .shift = 4, .width = 4};
    struct modbus_raw raw = {.integer = 5, .is_integer = true, .valid = true};
    uint16_t word = 0xFFFF;

    (void)state;
    assert_int_equal(encode_registers(&f, &raw, &word), GW_OK);
    assert_int_equal(word, 0xFF5F);
}

static const struct {
    const char *name;
    struct modbus_field field;
    struct number mark;
    uint16_t registers[2];
    enum quality want;
} marks[] = {
    {"int16 by bits",
     {.type = TYPE_INT16},
     {.real = 0x8000, .integer = 0x8000, .is_integer = true, .is_hex = true},
     {0x8000},
     QUALITY_INVALID},
    {"int16 by value",
     {.type = TYPE_INT16},
     {.real = -32768, .integer = -32768, .is_integer = true},
     {0x8000},
     QUALITY_INVALID},
    {"int16 another value",
     {.type = TYPE_INT16},
     {.real = 0x8000, .integer = 0x8000, .is_integer = true, .is_hex = true},
     {0x8001},
     QUALITY_GOOD},
    {"float32 by bits: negative zero",
     {.type = TYPE_FLOAT32},
     {.real = 0x1p31, .integer = INT64_C(0x80000000), .is_integer = true, .is_hex = true},
     {0x8000, 0},
     QUALITY_INVALID},
    {"float32 by bits: zero is another",
     {.type = TYPE_FLOAT32},
     {.real = 0x1p31, .integer = INT64_C(0x80000000), .is_integer = true, .is_hex = true},
     {0, 0},
     QUALITY_GOOD},
    {"bits of a register",
     {.type = TYPE_UINT16, .shift = 8, .width = 4},
     {.real = 15, .integer = 15, .is_integer = true, .is_hex = true},
     {0xAF12},
     QUALITY_INVALID},
};

static void invalid_marks_are_compared_before_scaling(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(marks); i++) {
        struct number mark = marks[i].mark;
        struct sensor_config c = {.scale = 0.1,
                                  .offset = 5,
                                  .invalid = {.items = &mark, .count = 1},
                                  .min = (double)NAN,
                                  .max = (double)NAN};
        struct modbus_raw raw = decode_registers(&marks[i].field, marks[i].registers);
        struct reading r = decode_reading(&c, &raw, decode_field_bits(&marks[i].field), 0);
        if (r.quality != marks[i].want)
            fail_msg("%s: %s", marks[i].name, quality_name(r.quality));
    }
}

static void scale_offset_and_limits_apply(void **state)
{
    struct sensor_config c = {.scale = 0.5, .offset = -10, .min = 0, .max = 100};
    struct modbus_raw raw = decode_bit(true);

    (void)state;
    raw.integer = 60;
    raw.real = 60;
    struct reading r = decode_reading(&c, &raw, 16, 0);
    assert_int_equal(r.quality, QUALITY_GOOD);
    assert_true(r.value == 20);
    raw.integer = 2;
    raw.real = 2;
    assert_int_equal(decode_reading(&c, &raw, 16, 0).quality, QUALITY_OUT_OF_RANGE);
}

static void a_power_of_ten_scales_the_value(void **state)
{
    static const struct {
        int16_t raw, exponent;
        double want; /* NAN: invalid */
    } cases[] = {{2301, -1, 230.1},        {-5, 2, -500},           {7, 0, 7},
                 {-32768, 0, (double)NAN}, {1, 10, 1e10},           {1, -10, 1e-10},
                 {1, 11, (double)NAN},     {1, -32768, (double)NAN}};
    struct number mark = {.real = -32768, .integer = -32768, .is_integer = true};
    struct sensor_config c = {.scale = 1,
                              .min = (double)NAN,
                              .max = (double)NAN,
                              .invalid = {.items = &mark, .count = 1}};
    struct modbus_field f = {.type = TYPE_INT16};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint16_t word = (uint16_t)cases[i].raw;
        struct modbus_raw raw = decode_registers(&f, &word);
        struct reading r = decode_scaled(&c, &raw, 16, cases[i].exponent, 0);
        if (isnan(cases[i].want))
            assert_int_equal(r.quality, QUALITY_INVALID);
        else if (r.quality != QUALITY_GOOD || fabs(r.value - cases[i].want) > 1e-12 * fabs(r.value))
            fail_msg("%d × 10^%d: %.17g", cases[i].raw, cases[i].exponent, r.value);
    }
    assert_true(c.scale == 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_power_of_ten_scales_the_value),
        cmocka_unit_test(every_type_and_order_decodes_its_vector),
        cmocka_unit_test(integers_of_64_bits_are_exact_in_every_order),
        cmocka_unit_test(what_is_not_a_number_has_quality_invalid),
        cmocka_unit_test(every_type_and_order_survives_the_round_trip),
        cmocka_unit_test(every_part_of_a_number_survives_the_round_trip),
        cmocka_unit_test(all_half_precision_numbers_survive_the_round_trip),
        cmocka_unit_test(encoding_rounds_half_precision_to_even),
        cmocka_unit_test(encoding_refuses_what_does_not_fit),
        cmocka_unit_test(encoding_bits_leaves_the_others_alone),
        cmocka_unit_test(invalid_marks_are_compared_before_scaling),
        cmocka_unit_test(scale_offset_and_limits_apply),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
