/* SPDX-License-Identifier: Apache-2.0 */
/* Registers → raw value, and back. Pure. Registers are in host order, as they came: registers[0] is
 * the one with the lowest address. */
#ifndef SENSORGW_DRIVERS_MODBUS_DECODE_H
#define SENSORGW_DRIVERS_MODBUS_DECODE_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/reading.h"

#include <stddef.h>
#include <stdint.h>

/* id, name in the file, registers, bits, kind */
#define MODBUS_TYPES(X)                                                                            \
    X(TYPE_BOOL, "bool", 1, 16, KIND_BOOL)                                                         \
    X(TYPE_INT8, "int8", 1, 8, KIND_SIGNED)                                                        \
    X(TYPE_UINT8, "uint8", 1, 8, KIND_UNSIGNED)                                                    \
    X(TYPE_INT16, "int16", 1, 16, KIND_SIGNED)                                                     \
    X(TYPE_UINT16, "uint16", 1, 16, KIND_UNSIGNED)                                                 \
    X(TYPE_INT32, "int32", 2, 32, KIND_SIGNED)                                                     \
    X(TYPE_UINT32, "uint32", 2, 32, KIND_UNSIGNED)                                                 \
    X(TYPE_INT64, "int64", 4, 64, KIND_SIGNED)                                                     \
    X(TYPE_UINT64, "uint64", 4, 64, KIND_UNSIGNED)                                                 \
    X(TYPE_FLOAT16, "float16", 1, 16, KIND_FLOAT)                                                  \
    X(TYPE_FLOAT32, "float32", 2, 32, KIND_FLOAT)                                                  \
    X(TYPE_FLOAT64, "float64", 4, 64, KIND_FLOAT)                                                  \
    X(TYPE_BCD16, "bcd16", 1, 16, KIND_BCD)                                                        \
    X(TYPE_BCD32, "bcd32", 2, 32, KIND_BCD)

enum modbus_type {
#define X(id, name, registers, bits, kind) id,
    MODBUS_TYPES(X)
#undef X
        TYPE_COUNT
};

enum modbus_kind { KIND_BOOL, KIND_SIGNED, KIND_UNSIGNED, KIND_FLOAT, KIND_BCD };

/* id, name in the file (A is the most significant byte), registers, order of words and of the bytes
 * in them reversed. The first, the specification's, also stands for it at every other width. */
#define MODBUS_ORDERS(X)                                                                           \
    X(ORDER_ABCD, "ABCD", 2, 0, 0)                                                                 \
    X(ORDER_CDAB, "CDAB", 2, 1, 0)                                                                 \
    X(ORDER_BADC, "BADC", 2, 0, 1)                                                                 \
    X(ORDER_DCBA, "DCBA", 2, 1, 1)                                                                 \
    X(ORDER_ABCDEFGH, "ABCDEFGH", 4, 0, 0)                                                         \
    X(ORDER_GHEFCDAB, "GHEFCDAB", 4, 1, 0)                                                         \
    X(ORDER_BADCFEHG, "BADCFEHG", 4, 0, 1)                                                         \
    X(ORDER_HGFEDCBA, "HGFEDCBA", 4, 1, 1)                                                         \
    X(ORDER_AB, "AB", 1, 0, 0)                                                                     \
    X(ORDER_BA, "BA", 1, 0, 1)

enum modbus_order {
#define X(id, name, registers, words, bytes) id,
    MODBUS_ORDERS(X)
#undef X
        ORDER_COUNT
};

enum modbus_byte { BYTE_LOW, BYTE_HIGH };

#define MODBUS_FIELD_REGISTERS_MAX 4

/* How a value lies in its registers. */
struct modbus_field {
    uint8_t type;  /* enum modbus_type */
    uint8_t order; /* enum modbus_order */
    uint8_t byte;  /* enum modbus_byte; 8-bit types only */
    uint8_t shift; /* of the bits taken, from the least significant one */
    uint8_t width; /* of the bits taken; 0: all. Integers and bool only */
};

/* A value before scaling. */
struct modbus_raw {
    uint64_t bits; /* as in the registers, in the value's own width, after `bits` or `byte` */
    double real;
    int64_t integer; /* with is_integer */
    bool is_integer; /* every integer type; false for a uint64 above INT64_MAX */
    bool valid;      /* false: a BCD digit above 9, a NaN or an infinity */
};

size_t decode_type_registers(enum modbus_type t);
unsigned decode_type_bits(enum modbus_type t);
enum modbus_kind decode_type_kind(enum modbus_type t);
const char *decode_type_name(enum modbus_type t);
size_t decode_order_registers(enum modbus_order o);
const char *decode_order_name(enum modbus_order o);

struct modbus_raw decode_registers(const struct modbus_field *f, const uint16_t *registers);
struct modbus_raw decode_bit(bool set); /* of a coil or discrete input */

/* The inverse, for a slave's side: writes decode_type_registers() registers; bits of a register
 * that are not the field's stay as they are. The integer is taken when raw->is_integer. GW_EINVAL:
 * the field cannot hold it; nothing is written. */
enum gw_err encode_registers(const struct modbus_field *f, const struct modbus_raw *raw,
                             uint16_t *registers);

/* The reading of a sensor: QUALITY_INVALID when the raw value is not valid or is one of the
 * sensor's `invalid` values (one in hexadecimal means the bits, of that many as the value has); the
 * rest is convert.h's. */
struct reading decode_reading(const struct sensor_config *c, const struct modbus_raw *raw,
                              unsigned bits, int64_t time_us);

/* The same of a value that is to be multiplied by a power of ten, from −10 to 10 (SunSpec Device
 * Information Model Specification V1.2, scale factors); any other exponent means that the device
 * does not have the value: QUALITY_INVALID. */
struct reading decode_scaled(const struct sensor_config *c, const struct modbus_raw *raw,
                             unsigned bits, int16_t exponent, int64_t time_us);

/* Width in bits of the field's raw value: of the type, or as `width` says. */
unsigned decode_field_bits(const struct modbus_field *f);

#endif
