/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/decode.h"

#include "drivers/convert.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    uint8_t registers, bits, kind;
} types[] = {
#define X(id, name, registers, bits, kind) [id] = {name, registers, bits, kind},
    MODBUS_TYPES(X)
#undef X
};

static const struct {
    const char *name;
    uint8_t registers;
    bool words_reversed, bytes_reversed;
} orders[] = {
#define X(id, name, registers, words, bytes) [id] = {name, registers, words, bytes},
    MODBUS_ORDERS(X)
#undef X
};

size_t decode_type_registers(enum modbus_type t)
{
    return types[t].registers;
}

unsigned decode_type_bits(enum modbus_type t)
{
    return types[t].bits;
}

enum modbus_kind decode_type_kind(enum modbus_type t)
{
    return types[t].kind;
}

const char *decode_type_name(enum modbus_type t)
{
    return types[t].name;
}

size_t decode_order_registers(enum modbus_order o)
{
    return orders[o].registers;
}

const char *decode_order_name(enum modbus_order o)
{
    return orders[o].name;
}

unsigned decode_field_bits(const struct modbus_field *f)
{
    return f->width ? f->width : types[f->type].bits;
}

static uint64_t mask(unsigned width)
{
    return width >= 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
}

static uint16_t swapped(uint16_t word, bool swap)
{
    return swap ? (uint16_t)((unsigned)word << 8 | (unsigned)word >> 8) : word;
}

/* Where the field's i-th word, counted from the most significant one, stands. */
static size_t word_place(const struct modbus_field *f, size_t i)
{
    return orders[f->order].words_reversed ? types[f->type].registers - 1U - i : i;
}

/* All registers of the field as one number, its most significant byte first. */
static uint64_t join(const struct modbus_field *f, const uint16_t *registers)
{
    uint64_t bits = 0;

    for (size_t i = 0; i < types[f->type].registers; i++)
        bits = bits << 16 | swapped(registers[word_place(f, i)], orders[f->order].bytes_reversed);
    return bits;
}

static void split(const struct modbus_field *f, uint64_t bits, uint16_t *registers)
{
    size_t n = types[f->type].registers;

    for (size_t i = 0; i < n; i++)
        registers[word_place(f, i)] =
            swapped((uint16_t)(bits >> 16 * (n - 1 - i)), orders[f->order].bytes_reversed);
}

/* From where in the joined registers the field's bits are taken. */
static unsigned shift_of(const struct modbus_field *f)
{
    return types[f->type].bits == 8 && f->byte == BYTE_HIGH ? f->shift + 8U : f->shift;
}

/* IEEE 754-2008 binary16: sign 1, exponent 5 (bias 15), fraction 10. */
static double half_to_double(uint16_t half)
{
    int exponent = half >> 10 & 0x1F;
    int fraction = half & 0x3FF;
    double magnitude;

    if (exponent == 0x1F)
        magnitude = fraction ? (double)NAN : (double)INFINITY;
    else if (exponent == 0)
        magnitude = ldexp(fraction, -24);
    else
        magnitude = ldexp(fraction | 0x400, exponent - 25);
    return half & 0x8000 ? -magnitude : magnitude;
}

/* Rounds to nearest, ties to even, as IEEE 754 does; too large becomes infinite. */
static uint16_t double_to_half(double value)
{
    uint16_t sign = signbit(value) ? 0x8000 : 0;
    double magnitude = fabs(value);
    int exponent;

    if (isnan(value))
        return 0x7E00;
    if (magnitude >= 65520)
        return sign | 0x7C00;
    frexp(magnitude, &exponent);
    if (magnitude == 0 || exponent < -13)
        return sign | (uint16_t)nearbyint(ldexp(magnitude, 24));
    /* A fraction that rounds up to 0x800 carries into the exponent by the addition. */
    int fraction = (int)nearbyint(ldexp(magnitude, 11 - exponent));
    return sign | (uint16_t)(((exponent + 14) << 10) + (fraction - 0x400));
}

static double bits_to_float(uint64_t bits, unsigned width)
{
    if (width == 16)
        return half_to_double((uint16_t)bits);
    if (width == 32) {
        uint32_t word = (uint32_t)bits;
        float f;
        memcpy(&f, &word, sizeof(f));
        return (double)f;
    }
    double d;
    memcpy(&d, &bits, sizeof(d));
    return d;
}

static uint64_t float_to_bits(double value, unsigned width)
{
    if (width == 16)
        return double_to_half(value);
    if (width == 32) {
        float f = (float)value;
        uint32_t word;
        memcpy(&word, &f, sizeof(word));
        return word;
    }
    uint64_t bits;
    memcpy(&bits, &value, sizeof(bits));
    return bits;
}

static bool bcd_to_integer(uint64_t bits, unsigned width, int64_t *integer)
{
    int64_t value = 0;

    for (unsigned shift = width; shift > 0; shift -= 4) {
        unsigned digit = bits >> (shift - 4) & 0xF;
        if (digit > 9)
            return false;
        value = value * 10 + digit;
    }
    *integer = value;
    return true;
}

static uint64_t integer_to_bcd(uint64_t value, unsigned width)
{
    uint64_t bits = 0;

    for (unsigned shift = 0; shift < width; shift += 4, value /= 10)
        bits |= value % 10 << shift;
    return bits;
}

static int64_t sign_extended(uint64_t bits, unsigned width)
{
    uint64_t sign = UINT64_C(1) << (width - 1);

    return (int64_t)((bits ^ sign) - sign);
}

static struct modbus_raw integer_raw(uint64_t bits, int64_t integer)
{
    return (struct modbus_raw){.bits = bits,
                               .real = (double)integer,
                               .integer = integer,
                               .is_integer = true,
                               .valid = true};
}

static struct modbus_raw unsigned_raw(uint64_t bits)
{
    if (bits > INT64_MAX)
        return (struct modbus_raw){.bits = bits, .real = (double)bits, .valid = true};
    return integer_raw(bits, (int64_t)bits);
}

struct modbus_raw decode_registers(const struct modbus_field *f, const uint16_t *registers)
{
    unsigned width = decode_field_bits(f);
    uint64_t bits = join(f, registers) >> shift_of(f) & mask(width);
    struct modbus_raw raw = {.bits = bits};

    switch (decode_type_kind(f->type)) {
    case KIND_BOOL:
        return integer_raw(bits, bits != 0);
    case KIND_SIGNED:
        return integer_raw(bits, sign_extended(bits, width));
    case KIND_UNSIGNED:
        return unsigned_raw(bits);
    case KIND_BCD:
        raw.valid = raw.is_integer = bcd_to_integer(bits, width, &raw.integer);
        raw.real = (double)raw.integer;
        return raw;
    case KIND_FLOAT:
        raw.real = bits_to_float(bits, width);
        raw.valid = isfinite(raw.real);
        return raw;
    }
    return raw;
}

struct modbus_raw decode_bit(bool set)
{
    return integer_raw(set, set);
}

static int64_t power_of_ten(unsigned n)
{
    return n == 0 ? 1 : 10 * power_of_ten(n - 1);
}

/* Whether a whole number fits, and its bits. */
static bool integer_to_bits(const struct modbus_field *f, int64_t value, uint64_t *bits)
{
    unsigned width = decode_field_bits(f);
    enum modbus_kind kind = decode_type_kind(f->type);

    if (kind == KIND_SIGNED) {
        *bits = (uint64_t)value & mask(width);
        return sign_extended(*bits, width) == value;
    }
    int64_t limit = kind == KIND_BOOL  ? 1
                    : kind == KIND_BCD ? power_of_ten(width / 4) - 1
                    : width >= 64      ? INT64_MAX
                                       : (int64_t)mask(width);
    if (value < 0 || value > limit)
        return false;
    *bits = kind == KIND_BCD ? integer_to_bcd((uint64_t)value, width) : (uint64_t)value;
    return true;
}

static bool raw_to_bits(const struct modbus_field *f, const struct modbus_raw *raw, uint64_t *bits)
{
    if (decode_type_kind(f->type) == KIND_FLOAT) {
        *bits =
            float_to_bits(raw->is_integer ? (double)raw->integer : raw->real, types[f->type].bits);
        return true;
    }
    if (raw->is_integer)
        return integer_to_bits(f, raw->integer, bits);
    /* What is left is a uint64 that no int64_t holds. */
    if (f->type != TYPE_UINT64 || decode_field_bits(f) != 64 ||
        !(raw->real >= 0x1p63 && raw->real < 0x1p64))
        return false;
    *bits = (uint64_t)raw->real;
    return true;
}

enum gw_err encode_registers(const struct modbus_field *f, const struct modbus_raw *raw,
                             uint16_t *registers)
{
    uint64_t bits;

    if (!raw_to_bits(f, raw, &bits))
        return GW_EINVAL;
    uint64_t taken = mask(decode_field_bits(f)) << shift_of(f);
    split(f, (join(f, registers) & ~taken) | bits << shift_of(f), registers);
    return GW_OK;
}

static bool is_mark(const struct number_list *invalid, uint64_t bits, unsigned width)
{
    for (size_t i = 0; i < invalid->count; i++) {
        const struct number *n = &invalid->items[i];
        if (n->is_hex && ((uint64_t)n->integer & mask(width)) == bits)
            return true;
    }
    return false;
}

struct reading decode_reading(const struct sensor_config *c, const struct modbus_raw *raw,
                              unsigned bits, int64_t time_us)
{
    if (!raw->valid || is_mark(&c->invalid, raw->bits, bits))
        return convert_bad(c->index, time_us, QUALITY_INVALID);
    if (raw->is_integer)
        return convert_integer(c, c->index, time_us, raw->integer);
    return convert_reading(c, c->index, time_us, raw->real);
}

struct reading decode_scaled(const struct sensor_config *c, const struct modbus_raw *raw,
                             unsigned bits, int16_t exponent, int64_t time_us)
{
    static const double powers[] = {1e-10, 1e-9, 1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1,
                                    1e1,   1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10};
    struct sensor_config scaled = *c;

    if (exponent < -10 || exponent > 10)
        return convert_bad(c->index, time_us, QUALITY_INVALID);
    scaled.scale *= powers[exponent + 10];
    return decode_reading(&scaled, raw, bits, time_us);
}
