/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/command.h"

#include "drivers/convert.h"
#include "drivers/modbus/bus.h"
#include "drivers/modbus/options.h"
#include "gateway/core/clock.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/* The bus of the line, which a member's leader has; NULL while it is not open. */
static struct bus *bus_of(const struct source *s)
{
    return s->leader ? s->leader->state : s->state;
}

/* --- ask --- */

static bool take_numbers(char **argv, size_t n, const long most[], long out[])
{
    for (size_t i = 0; i < n; i++) {
        char *end;
        out[i] = strtol(argv[i], &end, 10);
        if (*argv[i] < '0' || *argv[i] > '9' || *end || out[i] > most[i])
            return false;
    }
    return true;
}

static void print_values(const struct frame_request *q, const struct frame_reply *reply, FILE *f)
{
    for (size_t i = 0; i < q->count; i++)
        fprintf(f, " %d",
                q->function <= TABLE_DISCRETE ? frame_bit(reply, i) : frame_register(reply, i));
    fputc('\n', f);
}

void command_ask(struct source *s, int argc, char **argv, FILE *answer)
{
    static const long most[] = {255, TABLE_INPUT, 65535, MODBUS_BITS_MAX};
    struct frame_reply reply;
    const char *why;
    long n[4];

    if (argc != 5 || strcmp(argv[0], "ask") != 0 || !take_numbers(argv + 1, 4, most, n) ||
        n[1] < TABLE_COIL || n[3] < 1 || (n[1] > TABLE_DISCRETE && n[3] > MODBUS_REGISTERS_MAX) ||
        n[2] + n[3] > 65536) {
        fputs("error not understood: ask UNIT FUNCTION ADDRESS COUNT\n", answer);
        return;
    }
    if (!bus_of(s)) {
        fputs("error the line is not open\n", answer);
        return;
    }
    struct frame_request q = {.unit = (uint8_t)n[0],
                              .function = (uint8_t)n[1],
                              .address = (uint16_t)n[2],
                              .count = (uint16_t)n[3]};
    int64_t begun = clock_mono_us();
    enum gw_err err = bus_ask(bus_of(s), &q, &reply, &why);
    if (err == GW_OK) {
        fprintf(answer, "ok %lld", (long long)(clock_mono_us() - begun));
        print_values(&q, &reply, answer);
    } else if (err == GW_EREFUSED) {
        fprintf(answer, "exception %u\n", reply.exception);
    } else if (err == GW_ETIMEDOUT) {
        fputs("silent\n", answer);
    } else {
        fprintf(answer, "error %s\n", why);
    }
}

/* --- write --- */

static void fail(struct source_write *out, enum gw_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static void fail(struct source_write *out, enum gw_err err, const char *format, ...)
{
    va_list args;

    out->err = err;
    va_start(args, format);
    vsnprintf(out->why, sizeof(out->why), format, args);
    va_end(args);
}

/* Why the sensor may not be set to what convert_real() does not like. */
static void fail_limits(const struct sensor_config *c, double value, enum quality why,
                        struct source_write *out)
{
    if (why == QUALITY_INVALID)
        fail(out, GW_EINVAL, "%g is one of the sensor's values that mean \"none\" (invalid:)",
             value);
    else if (why != QUALITY_OUT_OF_RANGE)
        fail(out, GW_EINVAL, "%g is too large", value);
    else if (isnan(c->max))
        fail(out, GW_EINVAL, "%g is below the sensor's min, %g", value, c->min);
    else if (isnan(c->min))
        fail(out, GW_EINVAL, "%g is above the sensor's max, %g", value, c->max);
    else
        fail(out, GW_EINVAL, "%g is outside min and max: %g to %g", value, c->min, c->max);
}

/* The registers, or the coil as 0 or 1, that mean `value`. */
static bool encode(const struct sensor_config *c, double value,
                   uint16_t registers[MODBUS_FIELD_REGISTERS_MAX], struct source_write *out)
{
    const struct modbus_sensor *o = c->options;
    struct modbus_raw raw = {.real = (value - c->offset) / c->scale, .valid = true};
    double plausible;

    if (!isfinite(raw.real)) {
        fail(out, GW_EINVAL, "not a number");
        return false;
    }
    raw.is_integer = decode_type_kind(o->field.type) != KIND_FLOAT && fabs(raw.real) < 0x1p63;
    if (raw.is_integer) {
        raw.integer = (int64_t)llround(raw.real);
        raw.real = (double)raw.integer;
    }
    enum quality why = convert_real(c, raw.real, &plausible);
    if (why != QUALITY_GOOD) {
        fail_limits(c, value, why, out);
        return false;
    }
    if (o->table == TABLE_COIL) {
        registers[0] = (uint16_t)raw.integer;
        if (raw.integer == 0 || raw.integer == 1)
            return true;
    } else if (encode_registers(&o->field, &raw, registers) == GW_OK) {
        /* A float32 of 1e300 would be infinite. */
        if (decode_registers(&o->field, registers).valid)
            return true;
    }
    fail(out, GW_EINVAL, "%g does not fit into %s", value,
         decode_type_name((enum modbus_type)o->type));
    return false;
}

static uint8_t write_function(const struct modbus_sensor *o)
{
    bool multiple = o->write_with == WRITE_MULTIPLE || o->count > 1;

    if (o->table == TABLE_COIL)
        return multiple ? FUNCTION_WRITE_COILS : FUNCTION_WRITE_COIL;
    return multiple ? FUNCTION_WRITE_REGISTERS : FUNCTION_WRITE_REGISTER;
}

static bool ask(struct bus *b, struct frame_request *q, struct frame_reply *reply,
                struct source_write *out)
{
    const char *why;
    enum gw_err err = bus_ask(b, q, reply, &why);

    if (err == GW_EREFUSED)
        fail(out, err, "the device refuses: %s (exception %u)",
             frame_exception_text(reply->exception), reply->exception);
    else if (err != GW_OK)
        fail(out, err, "%s", why);
    return err == GW_OK;
}

/* What the device says now, given away as a reading too. */
static struct reading read_back(struct source *s, const struct sensor_config *c,
                                const struct frame_reply *reply,
                                uint16_t registers[MODBUS_FIELD_REGISTERS_MAX])
{
    const struct modbus_sensor *o = c->options;
    struct modbus_raw raw;

    if (o->table == TABLE_COIL) {
        registers[0] = (uint16_t)frame_bit(reply, 0);
        raw = decode_bit(registers[0]);
    } else {
        for (size_t i = 0; i < o->count; i++)
            registers[i] = frame_register(reply, i);
        raw = decode_registers(&o->field, registers);
    }
    unsigned bits = o->table == TABLE_COIL ? 1 : decode_field_bits(&o->field);
    struct reading r = decode_reading(c, &raw, bits, clock_wall_us());
    source_emit_batch(s, &r, 1);
    return r;
}

static uint8_t unit_of(const struct source_config *source, const struct sensor_config *c)
{
    for (size_t i = 0; i < source->device_count; i++) {
        const struct device_config *d = &source->devices[i];
        if (c >= d->sensors && c < d->sensors + d->sensor_count)
            return (uint8_t)((const struct modbus_device *)d->options)->unit_id;
    }
    return 0;
}

void command_write(struct source *s, const struct sensor_config *c, double value,
                   struct source_write *out)
{
    const struct modbus_sensor *o = c->options;
    uint16_t wanted[MODBUS_FIELD_REGISTERS_MAX] = {0}, found[MODBUS_FIELD_REGISTERS_MAX] = {0};
    struct bus *b = bus_of(s);
    struct frame_reply reply;

    *out = (struct source_write){.value = (double)NAN};
    if (!o->writable) {
        fail(out, GW_EACCES, "the sensor is not \"writable: true\"");
        return;
    }
    if (!encode(c, value, wanted, out))
        return;
    if (!b) {
        fail(out, GW_ECONN, "the line is not open");
        return;
    }
    struct frame_request q = {.unit = unit_of(s->config, c),
                              .function = write_function(o),
                              .address = o->address,
                              .count = o->count,
                              .values = wanted};
    if (!ask(b, &q, &reply, out))
        return;
    q.function = o->table;
    if (!ask(b, &q, &reply, out))
        return;
    struct reading r = read_back(s, c, &reply, found);
    out->value = reading_number(&r);
    if (memcmp(wanted, found, o->count * sizeof(*wanted)) != 0)
        fail(out, GW_EPROTO, "written, but the device says %g now", out->value);
}
