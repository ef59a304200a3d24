/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of a reply: readings, good ones and others. */
#include "drivers/convert.h"
#include "drivers/modbus/bus_parts.h"
#include "gateway/core/clock.h"

#include <stdio.h>

static const struct plan_field *field_of(const struct request *r, size_t i)
{
    return &r->plan->fields[i];
}

const struct sensor_config *emit_sensor(const struct request *r, size_t field)
{
    return &r->device->sensors[field_of(r, field)->id];
}

/* A field with a longer period than its request has its turn now and then. */
static bool has_turn(const struct request *r, size_t field)
{
    return r->turns % field_of(r, field)->every_nth == 0;
}

void emit_bad(struct bus *b, const struct request *r, enum quality why)
{
    const struct plan_request *p = planned(r);
    int64_t now = clock_wall_us();
    size_t n = 0;

    for (size_t i = p->first; i < p->first + p->fields; i++) {
        if (has_turn(r, i))
            b->batch[n++] = convert_bad(emit_sensor(r, i)->index, now, why);
    }
    source_emit_batch(r->source, b->batch, n);
}

static struct reading reading_of(const struct request *r, size_t field,
                                 const struct plan_request *part, const struct frame_reply *reply,
                                 int64_t time_us)
{
    const struct plan_field *f = field_of(r, field);
    const struct sensor_config *c = emit_sensor(r, field);
    const struct modbus_sensor *o = c->options;
    struct modbus_raw raw;

    if (f->table == TABLE_COIL || f->table == TABLE_DISCRETE) {
        raw = decode_bit(frame_bit(reply, (size_t)f->address - part->address));
        return decode_reading(c, &raw, 1, time_us);
    }
    uint16_t registers[MODBUS_FIELD_REGISTERS_MAX];
    for (size_t i = 0; i < o->count; i++)
        registers[i] = frame_register(reply, (size_t)o->address - part->address + i);
    raw = decode_registers(&o->field, registers);
    if (!o->has_exponent)
        return decode_reading(c, &raw, decode_field_bits(&o->field), time_us);
    uint16_t exponent = frame_register(reply, (size_t)o->exponent - part->address);
    return decode_scaled(c, &raw, decode_field_bits(&o->field), (int16_t)exponent, time_us);
}

void emit_values(struct bus *b, const struct request *r, const struct plan_request *part,
                 const struct frame_reply *reply)
{
    int64_t now = clock_wall_us();
    size_t n = 0;

    for (size_t i = part->first; i < part->first + part->fields; i++) {
        if (!has_turn(r, i))
            continue;
        b->batch[n] = reading_of(r, i, part, reply, now);
        source_count(r->source, emit_sensor(r, i), &b->batch[n++]);
    }
    source_emit_batch(r->source, b->batch, n);
}

void emit_place(const struct plan_request *part, char *out, size_t size)
{
    static const char *const names[] = {[TABLE_COIL] = "coil",
                                        [TABLE_DISCRETE] = "discrete",
                                        [TABLE_HOLDING] = "holding",
                                        [TABLE_INPUT] = "input"};

    if (part->count == 1)
        snprintf(out, size, "%s %u", names[part->table], part->address);
    else
        snprintf(out, size, "%s %u to %u", names[part->table], part->address,
                 part->address + part->count - 1U);
}

void emit_report(struct bus *b, const struct request *r)
{
    char place[ISOLATED_PLACE_SIZE];

    emit_place(planned(r), place, sizeof(place));
    source_error(r->source, "%s (unit %u), %s: %s", r->device->name, r->unit->id, place,
                 transport_fault(b->transport));
}
