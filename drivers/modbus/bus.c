/* SPDX-License-Identifier: Apache-2.0 */
/* What is asked when. */
#include "drivers/modbus/bus.h"

#include "drivers/modbus/bus_parts.h"
#include "gateway/core/clock.h"
#include "gateway/core/metrics.h"

/* --- one exchange --- */

static struct frame_request frame_for(const struct request *r, const struct plan_request *part)
{
    return (struct frame_request){.unit = r->unit->id,
                                  .function = part->table,
                                  .address = part->address,
                                  .count = part->count};
}

static enum quality quality_of(enum exchange how)
{
    if (how == EXCHANGE_OK)
        return QUALITY_GOOD;
    if (how == EXCHANGE_EXCEPTION)
        return QUALITY_EXCEPTION;
    return how == EXCHANGE_BAD_FRAME ? QUALITY_CRC : QUALITY_TIMEOUT;
}

static void note(struct bus *b, size_t figures, enum exchange how, int64_t sent_us)
{
    metric_add(METRIC_SCANS, 1);
    if (how != EXCHANGE_STOPPED)
        figures_note(&b->source->figures, figures, quality_of(how), clock_mono_us() - sent_us);
}

enum exchange bus_exchange(struct bus *b, const struct request *r, const struct plan_request *part,
                           struct frame_reply *reply)
{
    struct frame_request q = frame_for(r, part);
    int64_t sent_us = clock_mono_us();
    enum exchange how = transport_exchange(b->transport, &q, reply);

    note(b, r->unit->figures, how, sent_us);
    return how;
}

static void given(struct bus *b, struct request *r, const struct frame_reply *reply,
                  int64_t sent_us)
{
    unit_answered(b, r->unit, sent_us);
    if (r->refused_us)
        heal_given(b, r);
    emit_values(b, r, planned(r), reply);
}

enum gw_err bus_settle(struct bus *b, struct request *r, enum exchange how, uint8_t exception,
                       int64_t sent_us)
{
    switch (how) {
    case EXCHANGE_EXCEPTION:
        if (exception == EXCEPTION_NO_PATH || exception == EXCEPTION_NO_TARGET) {
            unit_failed(b, r, sent_us, QUALITY_EXCEPTION);
            return GW_OK;
        }
        unit_answered(b, r->unit, sent_us);
        return heal_refused(b, r, exception);
    case EXCHANGE_BAD_FRAME:
        unit_failed(b, r, sent_us, QUALITY_CRC);
        return GW_OK;
    case EXCHANGE_TIMEOUT:
    case EXCHANGE_LOST:
        unit_failed(b, r, sent_us, QUALITY_TIMEOUT);
        return GW_OK;
    case EXCHANGE_GONE:
        emit_report(b, r);
        emit_bad(b, r, QUALITY_TIMEOUT);
        return GW_ECONN;
    case EXCHANGE_OK:
    case EXCHANGE_STOPPED:
        break;
    }
    return GW_OK;
}

static enum gw_err ask(struct bus *b, struct request *r)
{
    struct frame_reply reply;
    int64_t sent_us = clock_mono_us();
    enum exchange how = bus_exchange(b, r, planned(r), &reply);

    if (how != EXCHANGE_OK)
        return bus_settle(b, r, how, reply.exception, sent_us);
    given(b, r, &reply, sent_us);
    return GW_OK;
}

/* --- turns --- */

/* What is not asked now gets its bad readings, or is put off. True: ask. */
static bool may_ask(struct bus *b, struct request *r)
{
    int64_t now = clock_mono_us();

    if (r->unit->why != QUALITY_GOOD) {
        emit_bad(b, r, r->unit->why);
    } else if (now < r->refused_us) {
        emit_bad(b, r, QUALITY_EXCEPTION);
    } else if (now < b->hold_us[r->unit->id]) {
        schedule_defer(b->schedule, id_of(b, r), b->hold_us[r->unit->id]);
        return false;
    } else {
        return true;
    }
    r->turns++;
    return false;
}

static enum gw_err take_turn(struct bus *b, struct request *r)
{
    if (!may_ask(b, r))
        return GW_OK;
    enum gw_err err = ask(b, r);
    r->turns++;
    return err;
}

static enum gw_err probe(struct bus *b, const struct unit *u)
{
    return u->why == QUALITY_GOOD ? GW_OK : ask(b, &b->requests[u->failed]);
}

/* The next item that is due: a request or, from `capacity` on, a unit's probe. False: none. */
static bool next_due(struct bus *b, int64_t now_us, uint32_t *id)
{
    uint64_t skipped = 0;

    if (b->failed || source_stopping(b->source) ||
        schedule_take(b->schedule, now_us, id, &skipped) != GW_OK)
        return false;
    if (skipped > 0 && *id < b->capacity) {
        const struct request *r = &b->requests[*id];
        if (r->unit->why == QUALITY_GOOD) { /* what is not asked does not fall out */
            source_overrun(r->source, skipped);
            figures_overrun(&b->source->figures, r->unit->figures, skipped);
        }
    }
    return true;
}

/* --- several requests under way --- */

struct volley {
    struct bus *bus;
    int64_t sent_us;
    size_t count;
    struct request *requests[TRANSPORT_PIPELINE_MAX];
    struct frame_request frames[TRANSPORT_PIPELINE_MAX];
    enum exchange how[TRANSPORT_PIPELINE_MAX];
    uint8_t exception[TRANSPORT_PIPELINE_MAX];
};

/* Values are given away at once, since the reply does not last; the rest when all are told. */
static void one_done(void *arg, size_t i, enum exchange how, const struct frame_reply *reply)
{
    struct volley *v = arg;

    note(v->bus, v->requests[i]->unit->figures, how, v->sent_us);
    v->how[i] = how;
    if (how == EXCHANGE_OK)
        given(v->bus, v->requests[i], reply, v->sent_us);
    else if (how == EXCHANGE_EXCEPTION)
        v->exception[i] = reply->exception;
}

static enum gw_err fire(struct volley *v)
{
    enum gw_err err = GW_OK;

    v->sent_us = clock_mono_us();
    transport_exchange_many(v->bus->transport, v->frames, v->count, one_done, v);
    for (size_t i = 0; i < v->count; i++) {
        struct request *r = v->requests[i];
        enum gw_err one = GW_OK;
        if (v->how[i] != EXCHANGE_OK && r->unit->why != QUALITY_GOOD)
            emit_bad(v->bus, r, r->unit->why); /* the unit has failed in this volley already */
        else if (v->how[i] != EXCHANGE_OK)
            one = bus_settle(v->bus, r, v->how[i], v->exception[i], v->sent_us);
        r->turns++;
        err = err == GW_OK ? one : err;
    }
    return err;
}

/* Begins with item `id`, and takes what else is due. */
static enum gw_err run_volley(struct bus *b, int64_t now_us, uint32_t id)
{
    struct volley v = {.bus = b};
    const struct unit *probed = NULL;

    do {
        if (id >= b->capacity) {
            probed = &b->units[id - b->capacity];
        } else if (may_ask(b, &b->requests[id])) {
            struct request *r = &b->requests[id];
            v.frames[v.count] = frame_for(r, planned(r));
            v.requests[v.count++] = r;
        }
    } while (!probed && v.count < b->pipeline && next_due(b, now_us, &id));
    enum gw_err err = v.count > 0 ? fire(&v) : GW_OK;
    return err == GW_OK && probed ? probe(b, probed) : err;
}

/* --- polls --- */

static enum gw_err ask_what_is_due(struct bus *b, int64_t now_us)
{
    enum gw_err err = GW_OK;
    uint32_t id;

    while (err == GW_OK && next_due(b, now_us, &id)) {
        err = b->pipeline > 1    ? run_volley(b, now_us, id)
              : id < b->capacity ? take_turn(b, &b->requests[id])
                                 : probe(b, &b->units[id - b->capacity]);
        if (err == GW_OK)
            source_serve(b->source); /* what a person waits for goes before what is due */
    }
    return err;
}

enum gw_err bus_poll(struct bus *b, int64_t now_us, int64_t *next_us)
{
    b->failed = false;
    b->now_us = now_us;
    enum gw_err err = ask_what_is_due(b, now_us);
    heal_tell(b);
    *next_us = schedule_next(b->schedule);
    return err;
}

/* --- what people ask --- */

enum gw_err bus_ask(struct bus *b, struct frame_request *q, struct frame_reply *reply,
                    const char **why)
{
    *reply = (struct frame_reply){0};
    *why = "it owes an answer to an earlier request; try again in some seconds";
    if (unit_owes_answer(b, q->unit))
        return GW_EBUSY;
    int64_t sent_us = clock_mono_us();
    enum exchange how = transport_exchange(b->transport, q, reply);
    note(b, figures_unit(&b->source->figures, q->unit), how, sent_us);
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
