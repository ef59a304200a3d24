/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/bus.h"

#include "drivers/backoff.h"
#include "drivers/convert.h"
#include "drivers/modbus/options.h"
#include "drivers/schedule.h"
#include "gateway/core/clock.h"
#include "gateway/core/metrics.h"

#include <stdlib.h>

#define BACKOFF_FIRST_US US_PER_SECOND
#define BACKOFF_CAP_US (30 * US_PER_SECOND)
/* How late a reply may come, on lines where it cannot be told from another: this, or as many
 * time-outs when that is longer. */
#define LATE_US (5 * US_PER_SECOND)
#define LATE_TIMEOUTS 5
#define UNIT_IDS 256
/* When the schedule entry of a healthy unit's probe is due: never, for practical purposes. */
#define NEVER_US (3650 * US_PER_DAY)

struct unit {
    uint8_t id;
    enum quality why;          /* QUALITY_GOOD: it answers */
    uint32_t failed;           /* why is not good: the request to repeat */
    int64_t first_us, last_us; /* the same: the first and the last try without an answer */
    struct backoff backoff;
};

struct request {
    struct source *source; /* the line's, or a member */
    const struct device_config *device;
    struct plan *plan;
    size_t index; /* in plan->requests */
    struct unit *unit;
    uint32_t turns;     /* how often it was due */
    int64_t refused_us; /* the device says the address is wrong: not asked before */
    struct backoff refusal;
};

struct bus {
    /* set once */
    struct source *source;
    struct transport *transport;
    enum framing framing;
    int64_t timeout_us, late_us;
    int64_t hold_us[UNIT_IDS]; /* a unit is asked nothing before */
    struct plan *plans;        /* one for each device */
    size_t plan_count;
    struct unit *units;
    size_t unit_count;

    struct request *requests; /* has room for `capacity`: every field on its own */
    size_t request_count, capacity;
    struct schedule *schedule; /* ids: requests, then from `capacity` on the units' probes */
    struct reading *batch;     /* of one request; room for `capacity` */
    bool failed;               /* an exchange of this poll has used up its time-out */
};

static struct backoff new_backoff(uint32_t seed)
{
    return (struct backoff){.first_us = BACKOFF_FIRST_US, .cap_us = BACKOFF_CAP_US, .seed = seed};
}

static const struct plan_request *planned(const struct request *r)
{
    return &r->plan->requests[r->index];
}

static const struct plan_field *field_of(const struct request *r, size_t i)
{
    return &r->plan->fields[planned(r)->first + i];
}

static const struct sensor_config *sensor_of(const struct request *r, const struct plan_field *f)
{
    return &r->device->sensors[f->id];
}

/* --- giving readings away --- */

/* A field with a longer period than its request has its turn now and then. */
static bool has_turn(const struct request *r, const struct plan_field *f)
{
    return r->turns % f->every_nth == 0;
}

static void emit_bad(struct bus *b, const struct request *r, enum quality why)
{
    int64_t now = clock_wall_us();
    size_t n = 0;

    for (size_t i = 0; i < planned(r)->fields; i++) {
        const struct plan_field *f = field_of(r, i);
        if (has_turn(r, f))
            b->batch[n++] = convert_bad(sensor_of(r, f)->index, now, why);
    }
    source_emit_batch(r->source, b->batch, n);
}

static struct reading reading_of(const struct request *r, const struct plan_field *f,
                                 const struct frame_reply *reply, int64_t time_us)
{
    const struct sensor_config *c = sensor_of(r, f);
    const struct modbus_sensor *o = c->options;
    size_t offset = (size_t)f->address - planned(r)->address;
    struct modbus_raw raw;

    if (f->table == TABLE_COIL || f->table == TABLE_DISCRETE) {
        raw = decode_bit(frame_bit(reply, offset));
        return decode_reading(c, &raw, 1, time_us);
    }
    uint16_t registers[MODBUS_FIELD_REGISTERS_MAX];
    for (size_t i = 0; i < f->count; i++)
        registers[i] = frame_register(reply, offset + i);
    raw = decode_registers(&o->field, registers);
    return decode_reading(c, &raw, decode_field_bits(&o->field), time_us);
}

static void emit_values(struct bus *b, const struct request *r, const struct frame_reply *reply)
{
    int64_t now = clock_wall_us();
    size_t n = 0;

    for (size_t i = 0; i < planned(r)->fields; i++) {
        const struct plan_field *f = field_of(r, i);
        if (has_turn(r, f))
            b->batch[n++] = reading_of(r, f, reply, now);
    }
    source_emit_batch(r->source, b->batch, n);
}

/* --- how units fare --- */

static uint32_t probe_id(const struct bus *b, const struct unit *u)
{
    return (uint32_t)(b->capacity + (size_t)(u - b->units));
}

static void report(struct bus *b, const struct request *r)
{
    static const char *const names[] = {[TABLE_COIL] = "coil",
                                        [TABLE_DISCRETE] = "discrete",
                                        [TABLE_HOLDING] = "holding",
                                        [TABLE_INPUT] = "input"};
    const struct plan_request *p = planned(r);

    source_error(r->source, "%s (unit %u), %s %u to %u: %s", r->device->name, r->unit->id,
                 names[p->table], p->address, p->address + p->count - 1U,
                 transport_fault(b->transport));
}

static void unit_failed(struct bus *b, struct request *r, int64_t sent_us, enum quality why)
{
    struct unit *u = r->unit;

    if (u->why == QUALITY_GOOD)
        u->first_us = sent_us;
    u->last_us = sent_us;
    u->why = why;
    u->failed = (uint32_t)(r - b->requests);
    schedule_defer(b->schedule, probe_id(b, u), clock_mono_us() + backoff_next(&u->backoff));
    b->failed = true;
    report(b, r);
    emit_bad(b, r, why);
}

/* If this was the answer to the first try, those to the later ones follow about as late, and at
 * most twice, say. */
static void unit_answered(struct bus *b, struct unit *u, int64_t sent_us)
{
    if (u->why == QUALITY_GOOD)
        return;
    if (b->framing == FRAMING_RTU && sent_us - u->last_us < b->late_us) {
        int64_t late = 2 * (sent_us - u->first_us);
        b->hold_us[u->id] =
            clock_mono_us() + b->timeout_us + (late < b->late_us ? late : b->late_us);
    }
    u->why = QUALITY_GOOD;
    backoff_reset(&u->backoff);
    schedule_defer(b->schedule, probe_id(b, u), clock_mono_us() + NEVER_US);
}

/* --- exceptions --- */

enum { ILLEGAL_FUNCTION = 1, ILLEGAL_ADDRESS = 2, ILLEGAL_VALUE = 3, NO_PATH = 10, NO_TARGET = 11 };

static bool is_refusal(uint8_t exception)
{
    return exception == ILLEGAL_FUNCTION || exception == ILLEGAL_ADDRESS ||
           exception == ILLEGAL_VALUE;
}

/* One address that the device does not have spoils the whole request: halves it, and asks both
 * halves at once, until only fields that are refused alone remain. */
static enum gw_err halve(struct bus *b, struct request *r)
{
    struct request *half = &b->requests[b->request_count];
    int64_t now = clock_mono_us();

    *half = *r;
    half->index = plan_split(r->plan, r->index);
    enum gw_err err =
        schedule_add(b->schedule, (uint32_t)b->request_count++, now, planned(half)->period_us);
    schedule_defer(b->schedule, (uint32_t)(r - b->requests), now);
    return err;
}

static enum gw_err refused(struct bus *b, struct request *r, uint8_t exception, int64_t sent_us)
{
    if (exception == NO_PATH || exception == NO_TARGET) {
        unit_failed(b, r, sent_us, QUALITY_EXCEPTION);
        return GW_OK;
    }
    unit_answered(b, r->unit, sent_us);
    if ((exception == ILLEGAL_ADDRESS || exception == ILLEGAL_VALUE) && planned(r)->fields > 1)
        return halve(b, r);
    if (is_refusal(exception))
        r->refused_us = clock_mono_us() + backoff_next(&r->refusal);
    report(b, r);
    emit_bad(b, r, QUALITY_EXCEPTION);
    return GW_OK;
}

/* --- asking --- */

static enum quality quality_of(enum exchange how)
{
    if (how == EXCHANGE_OK)
        return QUALITY_GOOD;
    if (how == EXCHANGE_EXCEPTION)
        return QUALITY_EXCEPTION;
    return how == EXCHANGE_BAD_FRAME ? QUALITY_CRC : QUALITY_TIMEOUT;
}

static enum exchange exchange(struct bus *b, struct frame_request *q, struct frame_reply *reply)
{
    int64_t begun = clock_mono_us();
    enum exchange how = transport_exchange(b->transport, q, reply);

    metric_add(METRIC_SCANS, 1);
    if (how != EXCHANGE_STOPPED)
        figures_note(&b->source->figures, figures_unit(&b->source->figures, q->unit),
                     quality_of(how), clock_mono_us() - begun);
    return how;
}

static enum gw_err ask(struct bus *b, struct request *r)
{
    const struct plan_request *p = planned(r);
    struct frame_request q = {
        .unit = r->unit->id, .function = p->table, .address = p->address, .count = p->count};
    struct frame_reply reply;
    int64_t sent_us = clock_mono_us();

    switch (exchange(b, &q, &reply)) {
    case EXCHANGE_OK:
        unit_answered(b, r->unit, sent_us);
        backoff_reset(&r->refusal);
        emit_values(b, r, &reply);
        return GW_OK;
    case EXCHANGE_EXCEPTION:
        return refused(b, r, reply.exception, sent_us);
    case EXCHANGE_BAD_FRAME:
        unit_failed(b, r, sent_us, QUALITY_CRC);
        return GW_OK;
    case EXCHANGE_TIMEOUT:
    case EXCHANGE_LOST:
        unit_failed(b, r, sent_us, QUALITY_TIMEOUT);
        return GW_OK;
    case EXCHANGE_GONE:
        report(b, r);
        emit_bad(b, r, QUALITY_TIMEOUT);
        return GW_ECONN;
    case EXCHANGE_STOPPED:
        break;
    }
    return GW_OK;
}

static enum gw_err take_turn(struct bus *b, struct request *r)
{
    enum gw_err err = GW_OK;
    int64_t now = clock_mono_us();

    if (r->unit->why != QUALITY_GOOD)
        emit_bad(b, r, r->unit->why);
    else if (now < r->refused_us)
        emit_bad(b, r, QUALITY_EXCEPTION);
    else if (now < b->hold_us[r->unit->id]) {
        schedule_defer(b->schedule, (uint32_t)(r - b->requests), b->hold_us[r->unit->id]);
        return GW_OK;
    } else
        err = ask(b, r);
    r->turns++;
    return err;
}

static enum gw_err run(struct bus *b, uint32_t id)
{
    if (id < b->capacity)
        return take_turn(b, &b->requests[id]);
    const struct unit *u = &b->units[id - b->capacity];
    return u->why == QUALITY_GOOD ? GW_OK : ask(b, &b->requests[u->failed]);
}

static struct unit *find_unit(const struct bus *b, uint8_t id)
{
    for (size_t i = 0; i < b->unit_count; i++) {
        if (b->units[i].id == id)
            return &b->units[i];
    }
    return NULL;
}

/* On an RTU line, a unit that owes an answer is asked nothing else. */
static bool owes_answer(const struct bus *b, uint8_t id)
{
    const struct unit *u = find_unit(b, id);

    return b->framing == FRAMING_RTU &&
           ((u && u->why != QUALITY_GOOD) || clock_mono_us() < b->hold_us[id]);
}

enum gw_err bus_ask(struct bus *b, struct frame_request *q, struct frame_reply *reply,
                    const char **why)
{
    *reply = (struct frame_reply){0};
    *why = "it owes an answer to an earlier request; try again in some seconds";
    if (owes_answer(b, q->unit))
        return GW_EBUSY;
    enum exchange how = exchange(b, q, reply);
    *why = transport_fault(b->transport);
    switch (how) {
    case EXCHANGE_OK:
        return GW_OK;
    case EXCHANGE_EXCEPTION:
        return GW_EREFUSED;
    case EXCHANGE_TIMEOUT:
    case EXCHANGE_BAD_FRAME:
        if (b->framing == FRAMING_RTU)
            b->hold_us[q->unit] = clock_mono_us() + b->late_us;
        return how == EXCHANGE_TIMEOUT ? GW_ETIMEDOUT : GW_EPROTO;
    case EXCHANGE_STOPPED:
        return GW_ECLOSED;
    case EXCHANGE_LOST:
    case EXCHANGE_GONE:
        break;
    }
    return GW_ECONN;
}

enum gw_err bus_poll(struct bus *b, int64_t now_us, int64_t *next_us)
{
    uint32_t id;
    uint64_t skipped = 0;

    b->failed = false;
    while (!b->failed && !source_stopping(b->source) &&
           schedule_take(b->schedule, now_us, &id, &skipped) == GW_OK) {
        metric_add(METRIC_SCANS_SKIPPED, (int64_t)skipped);
        skipped = 0;
        enum gw_err err = run(b, id);
        if (err != GW_OK)
            return err;
        source_serve(b->source); /* what a person waits for goes before what is due */
    }
    *next_us = schedule_next(b->schedule);
    return GW_OK;
}

/* --- construction --- */

/* Health belongs to the unit on the line, however many devices of the file share it. */
static struct unit *unit_for(struct bus *b, uint8_t id)
{
    struct unit *u = find_unit(b, id);

    if (u)
        return u;
    u = &b->units[b->unit_count++];
    *u = (struct unit){.id = id, .why = QUALITY_GOOD, .backoff = new_backoff(id)};
    return u;
}

static enum gw_err add_device(struct bus *b, struct source *s, const struct device_config *device,
                              int64_t now_us)
{
    const struct modbus_device *d = device->options;
    struct plan *plan = &b->plans[b->plan_count];
    enum gw_err err = modbus_plan_device(device, plan);

    if (err != GW_OK)
        return err;
    b->plan_count++;
    struct unit *u = unit_for(b, (uint8_t)d->unit_id);
    for (size_t i = 0; err == GW_OK && i < plan->request_count; i++) {
        uint32_t id = (uint32_t)b->request_count++;
        b->requests[id] = (struct request){.source = s,
                                           .device = device,
                                           .plan = plan,
                                           .index = i,
                                           .unit = u,
                                           .refusal = new_backoff(id)};
        err = schedule_add(b->schedule, id, now_us, plan->requests[i].period_us);
    }
    return err;
}

/* The source of the line, then its members. */
static struct source *next_source(const struct bus *b, const struct source *s)
{
    return s == b->source ? s->members : s->next_member;
}

static enum gw_err fill(struct bus *b, size_t devices)
{
    int64_t now = clock_mono_us();
    enum gw_err err = schedule_create(&b->schedule, b->capacity + devices);

    for (struct source *s = b->source; s; s = next_source(b, s)) {
        for (size_t i = 0; err == GW_OK && i < s->config->device_count; i++)
            err = add_device(b, s, &s->config->devices[i], now);
    }
    for (size_t i = 0; err == GW_OK && i < b->unit_count; i++)
        err = schedule_add(b->schedule, probe_id(b, &b->units[i]), now + NEVER_US, NEVER_US);
    return err;
}

enum gw_err bus_create(struct bus **out, struct source *s, struct transport *t)
{
    struct transport_options o = modbus_transport_options(s->config->options);
    struct bus *b = calloc(1, sizeof(*b));
    size_t devices = 0;

    if (!b)
        return GW_ENOMEM;
    b->source = s;
    b->framing = o.framing;
    b->timeout_us = o.timeout_us;
    b->late_us = LATE_TIMEOUTS * o.timeout_us > LATE_US ? LATE_TIMEOUTS * o.timeout_us : LATE_US;
    for (const struct source *i = s; i; i = next_source(b, i)) {
        devices += i->config->device_count;
        for (size_t k = 0; source_sensor(i->config, k); k++)
            b->capacity++;
    }
    b->plans = calloc(devices + 1, sizeof(*b->plans));
    b->units = calloc(devices + 1, sizeof(*b->units));
    b->requests = calloc(b->capacity + 1, sizeof(*b->requests));
    b->batch = calloc(b->capacity + 1, sizeof(*b->batch));
    enum gw_err err =
        b->plans && b->units && b->requests && b->batch ? fill(b, devices) : GW_ENOMEM;
    if (err != GW_OK) {
        bus_destroy(b);
        return err;
    }
    b->transport = t;
    *out = b;
    return GW_OK;
}

void bus_destroy(struct bus *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->plan_count; i++)
        plan_free(&b->plans[i]);
    transport_close(b->transport);
    schedule_destroy(b->schedule);
    free(b->plans);
    free(b->units);
    free(b->requests);
    free(b->batch);
    free(b);
}
