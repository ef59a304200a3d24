/* SPDX-License-Identifier: Apache-2.0 */
/* What the option tables of the modbus driver cannot say of a sensor, and what is read for it. */
#include "config/yaml.h"
#include "drivers/modbus/options.h"
#include "drivers/modbus/wire.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool written(const struct yaml_node *node, const char *key)
{
    return node && yaml_get(node, key);
}

/* 40013 → holding 12. Coils in this notation (13) could just as well be meant as an address. */
static bool classic_place(int64_t number, uint8_t *table, int64_t *address)
{
    static const struct {
        int64_t base;
        uint8_t digit_table[5]; /* by leading digit */
    } forms[] = {{10000, {0, TABLE_DISCRETE, 0, TABLE_INPUT, TABLE_HOLDING}},
                 {100000, {0, TABLE_DISCRETE, 0, TABLE_INPUT, TABLE_HOLDING}}};

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        int64_t digit = number / forms[i].base;
        int64_t place = number % forms[i].base;
        if (digit > 4 || place < 1 || place > 65536 || !forms[i].digit_table[digit])
            continue;
        *table = forms[i].digit_table[digit];
        *address = place - 1;
        return true;
    }
    return false;
}

static bool find_place(const struct sensor_config *c, struct modbus_sensor *o,
                       struct config_reporter *r)
{
    const struct {
        int64_t address;
        uint8_t table;
    } places[] = {{o->holding, TABLE_HOLDING},
                  {o->input, TABLE_INPUT},
                  {o->coil, TABLE_COIL},
                  {o->discrete, TABLE_DISCRETE}};

    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        if (places[i].address == OPTION_UNSET)
            continue;
        o->table = places[i].table;
        o->address = (uint16_t)places[i].address;
        return true;
    }
    int64_t address;
    if (o->classic == OPTION_UNSET)
        return false; /* the table has reported it */
    if (classic_place(o->classic, &o->table, &address)) {
        o->address = (uint16_t)address;
        return true;
    }
    config_report(r, c->node, "register",
                  "%lld is not a classic register number (10001…, 30001… or 40001…); write "
                  "\"holding:\", \"input:\", \"coil:\" or \"discrete:\" with an address counted "
                  "from 0",
                  (long long)o->classic);
    return false;
}

static void check_bit_table(const struct sensor_config *c, struct modbus_sensor *o,
                            struct config_reporter *r)
{
    static const char *const register_keys[] = {"order", "byte", "bit", "bits"};

    for (size_t i = 0; i < sizeof(register_keys) / sizeof(register_keys[0]); i++) {
        if (written(c->node, register_keys[i]))
            config_report(r, c->node, register_keys[i],
                          "is for registers; a coil or discrete input is one bit");
    }
    if (written(c->node, "type") && o->type != TYPE_BOOL)
        config_report(r, c->node, "type", "a coil or discrete input is a bool");
    o->type = TYPE_BOOL;
    o->count = 1;
    o->field = (struct modbus_field){.type = TYPE_BOOL};
}

static void check_order(const struct sensor_config *c, const struct modbus_sensor *o,
                        struct config_reporter *r)
{
    enum modbus_type type = (enum modbus_type)o->type;
    enum modbus_order order = (enum modbus_order)o->order;
    size_t registers = decode_type_registers(type);
    const char *choices = registers == 1   ? "AB or BA"
                          : registers == 2 ? "ABCD, CDAB, BADC or DCBA"
                                           : "ABCDEFGH, GHEFCDAB, BADCFEHG or HGFEDCBA";

    if (written(c->node, "byte") && decode_type_bits(type) != 8)
        config_report(r, c->node, "byte", "is for int8 and uint8; %s has the whole register",
                      decode_type_name(type));
    if (!written(c->node, "order"))
        return;
    if (decode_type_bits(type) == 8)
        config_report(r, c->node, "order",
                      "%s lies in one byte: say which with \"byte: high\" or "
                      "\"byte: low\"",
                      decode_type_name(type));
    else if (decode_order_registers(order) != registers)
        config_report(r, c->node, "order", "%s has %zu register%s: %s, not %s",
                      decode_type_name(type), registers, registers == 1 ? "" : "s", choices,
                      decode_order_name(order));
}

/* `bit` and `bits` become the field's shift and width. */
static void check_bits(const struct sensor_config *c, struct modbus_sensor *o,
                       struct config_reporter *r)
{
    bool one = o->bit != OPTION_UNSET;
    const char *key = one ? "bit" : "bits";
    int64_t shift = one ? o->bit : o->bits.shift;
    int64_t width = one ? 1 : o->bits.width;
    enum modbus_type type = (enum modbus_type)o->type;
    enum modbus_kind kind = decode_type_kind(type);

    if (!one && o->bits.width <= 0)
        return;
    if (kind == KIND_FLOAT || kind == KIND_BCD) {
        config_report(r, c->node, key, "is for integers and bool, not for %s",
                      decode_type_name(type));
    } else if (shift < 0 || shift + width > decode_type_bits(type)) {
        config_report(r, c->node, key, "reaches bit %lld, but %s has bits 0 to %u",
                      (long long)(shift + width - 1), decode_type_name(type),
                      decode_type_bits(type) - 1);
    } else {
        o->field.shift = (uint8_t)shift;
        o->field.width = (uint8_t)width;
    }
    /* One bit of a signed type would be 0 or −1. */
    if (one && kind == KIND_SIGNED)
        config_report(r, c->node, "bit", "needs an unsigned type or bool, not %s",
                      decode_type_name(type));
}

/* Where the type begins again at 0; that of a signed one goes on from its least value, which comes
 * to the same. */
static double range_of(const struct modbus_field *f)
{
    enum modbus_kind kind = decode_type_kind(f->type);

    if (kind == KIND_FLOAT)
        return 0;
    return kind == KIND_BCD ? pow(10, (int)(decode_field_bits(f) / 4))
                            : ldexp(1, (int)decode_field_bits(f));
}

static void check_counter(struct sensor_config *c, const struct modbus_sensor *o,
                          struct config_reporter *r)
{
    double range = range_of(&o->field);

    if (!c->counter)
        return;
    if (o->type == TYPE_BOOL || o->field.width == 1)
        config_report(r, c->node, "counter", "needs a number of several bits");
    if (o->writable)
        config_report(r, c->node, "counter", "a sensor that can be set is no counter");
    if (range > 0 && c->wrap > range)
        config_report(r, c->node, "wrap", "%g is more than %s can count: %g", c->wrap,
                      decode_type_name((enum modbus_type)o->type), range);
    if (isnan(c->wrap))
        c->wrap = range;
}

static void check_writable(struct sensor_config *c, const struct modbus_sensor *o,
                           struct config_reporter *r)
{
    c->writable = o->writable;
    if (!o->writable) {
        if (written(c->node, "write_with"))
            config_report(r, c->node, "write_with", "is for a sensor with \"writable: true\"");
        return;
    }
    if (o->table == TABLE_INPUT || o->table == TABLE_DISCRETE)
        config_report(r, c->node, "writable",
                      "input registers and discrete inputs can only be read");
    else if (o->field.width || decode_type_bits((enum modbus_type)o->type) < 16)
        config_report(r, c->node, "writable",
                      "a part of a register cannot be set: take a type that has all of it");
    else if (o->write_with == WRITE_SINGLE && o->count > 1)
        config_report(r, c->node, "write_with",
                      "single sets one register, but %s has %u: say multiple",
                      decode_type_name((enum modbus_type)o->type), o->count);
}

/* The exponent is read together with the value, or the two might not belong together. */
static uint16_t first_read(const struct modbus_sensor *o)
{
    return o->has_exponent && o->exponent < o->address ? (uint16_t)o->exponent : o->address;
}

static unsigned count_read(const struct modbus_sensor *o)
{
    unsigned end = (unsigned)o->address + o->count;

    if (o->has_exponent && o->exponent >= end)
        end = (unsigned)o->exponent + 1;
    return end - first_read(o);
}

static void check_exponent(const struct sensor_config *c, const struct modbus_sensor *o,
                           const struct modbus_device *d, struct config_reporter *r)
{
    if (o->exponent >= o->address && o->exponent < o->address + o->count)
        config_report(r, c->node, "exponent", "%lld is part of the value itself",
                      (long long)o->exponent);
    else if (count_read(o) > d->max_registers)
        config_report(r, c->node, "exponent",
                      "is too far away: it and the value are read together, at most %lld registers",
                      (long long)d->max_registers);
    if (o->writable)
        config_report(r, c->node, "exponent", "is not for a sensor that can be set");
    if (c->counter)
        config_report(r, c->node, "exponent", "is not for a counter: the device may change it");
}

void modbus_check_sensor(struct sensor_config *c, const struct device_config *device,
                         struct config_reporter *r)
{
    struct modbus_sensor *o = c->options;
    const struct modbus_device *d = device->options;

    o->has_exponent = o->exponent != OPTION_UNSET;
    if (!find_place(c, o, r))
        return;
    if (o->table == TABLE_COIL || o->table == TABLE_DISCRETE) {
        check_bit_table(c, o, r);
        if (o->has_exponent)
            config_report(r, c->node, "exponent", "is for registers");
        check_counter(c, o, r);
        check_writable(c, o, r);
        return;
    }
    o->field = (struct modbus_field){
        .type = (uint8_t)o->type, .order = (uint8_t)o->order, .byte = (uint8_t)o->byte};
    o->count = (uint16_t)decode_type_registers((enum modbus_type)o->type);
    check_order(c, o, r);
    check_bits(c, o, r);
    check_counter(c, o, r);
    check_writable(c, o, r);
    if (o->address + o->count > 65536)
        config_report(r, c->node, NULL, "%s at %u ends beyond the last register, 65535",
                      decode_type_name((enum modbus_type)o->type), o->address);
    if (o->has_exponent)
        check_exponent(c, o, d, r);
    if (o->count > d->max_registers)
        config_report(
            r, c->node, NULL, "%s has %u registers, but the device's max_registers is %lld",
            decode_type_name((enum modbus_type)o->type), o->count, (long long)d->max_registers);
}

enum gw_err modbus_plan_device(const struct source_config *source,
                               const struct device_config *device, struct plan *out)
{
    struct wire wire = wire_of(source->options);
    const struct modbus_device *d = device->options;
    struct plan_limits limits = {.max_registers = (uint16_t)d->max_registers,
                                 .max_bits = (uint16_t)d->max_bits,
                                 .max_gap_registers =
                                     wire_gap(&wire, TABLE_HOLDING, (uint16_t)d->max_gap),
                                 .max_gap_bits = wire_gap(&wire, TABLE_COIL, (uint16_t)d->max_gap)};
    struct plan_field *fields = calloc(device->sensor_count + 1, sizeof(*fields));

    if (!fields)
        return GW_ENOMEM;
    for (size_t i = 0; i < device->sensor_count; i++) {
        const struct modbus_sensor *o = device->sensors[i].options;
        fields[i] = (struct plan_field){.table = o->table,
                                        .address = first_read(o),
                                        .count = (uint16_t)count_read(o),
                                        .id = (uint32_t)i,
                                        .period_us = device->sensors[i].every_us};
    }
    enum gw_err err = plan_create(out, fields, device->sensor_count, &limits);
    free(fields);
    return err;
}
