/* SPDX-License-Identifier: Apache-2.0 */
/* What is to be done about a request that the device refuses.
 *
 * One address that it does not have spoils the whole request. So the fields are asked for in ever
 * smaller pieces, the front half of what is in doubt each time, which finds the first bad one among
 * n with log2(n) requests (7 of 125) and one to make sure. It becomes a request of its own, asked
 * for once an hour; those before it have been read on the way, those behind it come with the next
 * cycle, where the next bad one may show up. Bad ones often stand side by side, so the neighbour is
 * looked at first: each further one in a row takes two requests.
 *
 * Every piece may also be given though the whole was not: the device gives no more than so many at
 * a time, or refuses an unused address in between. Then the request is cut in two where it failed.
 */
#include "drivers/modbus/bus_parts.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <stdio.h>

#define RETRY_US (3600 * US_PER_SECOND)
#define SOON_US US_PER_SECOND

/* Of the request's fields, counted from its first: those before `good` are given, and one of those
 * before `bad` is refused. */
struct search {
    size_t good, bad;
    size_t cut; /* a piece was refused as a whole, whose front, up to here, is given; 0: none */
    bool quick; /* the first place was the bad one, as expected */
    uint8_t exception; /* of the last refusal */
};

/* --- cutting requests --- */

/* Puts the fields from number `at` on into a request of their own, next due at due_us. */
static struct request *cut(struct bus *b, const struct request *r, size_t at, int64_t due_us)
{
    struct request *rest = &b->requests[b->request_count];

    *rest = *r;
    rest->index = plan_split(r->plan, r->index, at);
    schedule_add(b->schedule, (uint32_t)b->request_count++, due_us, planned(rest)->period_us);
    return rest;
}

/* The next cycle, which for what is asked seldom is soon. */
static int64_t next_cycle(const struct request *r)
{
    int64_t period = planned(r)->period_us;

    return clock_mono_us() + (period < SOON_US ? period : SOON_US);
}

/* --- isolating --- */

void heal_tell(struct bus *b)
{
    const struct request *r = b->news.first;
    char place[ISOLATED_PLACE_SIZE];

    if (!r)
        return;
    emit_place(&b->news.range, place, sizeof(place));
    source_error(r->source,
                 "%s (unit %u) refuses %s, %s%s: %s; it is left out of other requests and tried "
                 "again once an hour",
                 r->device->name, r->unit->id, place, emit_sensor(r, planned(r)->first)->name,
                 b->news.range.count > planned(r)->count ? " and its neighbours" : "",
                 frame_exception_text(b->news.exception));
    b->news.first = NULL;
}

static void remember(struct bus *b, const struct request *r, uint8_t exception)
{
    const struct plan_request *p = planned(r);
    struct refusals *news = &b->news;

    if (news->first && news->first->plan == r->plan && news->range.table == p->table &&
        news->exception == exception && news->range.address + news->range.count == p->address) {
        news->range.count = (uint16_t)(news->range.count + p->count);
        return;
    }
    heal_tell(b);
    *news = (struct refusals){.first = r, .range = *p, .exception = exception};
}

static void isolate(struct bus *b, struct request *r, uint8_t exception)
{
    const struct plan_request *p = planned(r);
    struct isolated_place i = {.unit = r->unit->id,
                               .sensor = emit_sensor(r, p->first)->index,
                               .exception = exception,
                               .since_us = clock_wall_us(),
                               .next_try_us = clock_mono_us() + RETRY_US};

    emit_place(p, i.place, sizeof(i.place));
    if (r->refused_us == 0)
        remember(b, r, exception);
    r->refused_us = i.next_try_us;
    figures_isolate(&b->source->figures, &i);
    emit_bad(b, r, QUALITY_EXCEPTION);
}

void heal_given(struct bus *b, struct request *r)
{
    const struct sensor_config *c = emit_sensor(r, planned(r)->first);

    r->refused_us = 0;
    if (figures_rejoin(&b->source->figures, r->unit->id, c->index))
        log_info("source %s: unit %u gives %s now", r->source->config->name, r->unit->id, c->name);
}

/* Fields from s->good up to s->bad are one place, and refused. Those behind it come at once when
 * that was quickly found. */
static void isolate_found(struct bus *b, struct request *r, const struct search *s)
{
    struct request *found = r;
    size_t n = s->bad - s->good;

    if (s->good > 0)
        found = cut(b, r, s->good, clock_mono_us() + planned(r)->period_us);
    if (n < planned(found)->fields)
        cut(b, found, n, s->quick ? b->now_us : next_cycle(found))->after_bad = true;
    isolate(b, found, s->exception);
    if (found != r)
        found->turns++; /* r's are counted by who asked for it */
}

/* --- searching --- */

/* Sensors may share a place, as sixteen bits share a register; the plan has them side by side. */
static bool same_place(const struct request *r, size_t field)
{
    const struct plan_field *f = &r->plan->fields[planned(r)->first + field];

    return f[-1].address == f->address && f[-1].count == f->count;
}

/* The end of the place that field number `at` belongs to. */
static size_t place_end(const struct request *r, size_t at, size_t most)
{
    for (at++; at < most && same_place(r, at);)
        at++;
    return at;
}

/* Where to part what is in doubt: about the middle, between two places. 0: it is one place. */
static size_t middle(const struct request *r, const struct search *s)
{
    size_t at = s->good + (s->bad - s->good) / 2;

    while (at > s->good && same_place(r, at))
        at--;
    if (at > s->good)
        return at;
    at = place_end(r, s->good, s->bad);
    return at < s->bad ? at : 0;
}

enum verdict { GIVEN, REFUSED, UNCLEAR };

/* Asks for fields from `first` up to `end`. *err: UNCLEAR, and the line must be opened again. */
static enum verdict try_part(struct bus *b, struct request *r, size_t first, size_t end,
                             struct search *s, enum gw_err *err)
{
    struct plan_request part = plan_part(r->plan, r->index, first, end - first);
    struct frame_reply reply;
    int64_t sent_us = clock_mono_us();
    enum exchange how = bus_exchange(b, r, &part, &reply);

    if (how == EXCHANGE_OK) {
        emit_values(b, r, &part, &reply);
        return GIVEN;
    }
    if (how == EXCHANGE_EXCEPTION &&
        (reply.exception == EXCEPTION_ADDRESS || reply.exception == EXCEPTION_VALUE)) {
        s->exception = reply.exception;
        return REFUSED;
    }
    *err = bus_settle(b, r, how, reply.exception, sent_us);
    return UNCLEAR;
}

/* Where to look next; 0: only one place is left. */
static size_t next_cut(const struct request *r, const struct search *s)
{
    size_t end = place_end(r, 0, s->bad);

    return r->after_bad && s->good == 0 && end < s->bad ? end : middle(r, s);
}

/* False: something else came between, which has been dealt with. */
static bool narrow_down(struct bus *b, struct request *r, struct search *s, enum gw_err *err)
{
    for (size_t at; (at = next_cut(r, s)) != 0;) {
        enum verdict v = try_part(b, r, s->good, at, s, err);
        if (v == UNCLEAR)
            return false;
        if (v == GIVEN) {
            s->cut = s->cut ? s->cut : at;
            s->good = at;
        } else {
            s->cut = 0;
            s->bad = at;
            s->quick = r->after_bad && s->good == 0;
        }
    }
    if (s->cut == 0) /* the piece that is left has been refused on its own */
        return true;
    enum verdict v = try_part(b, r, s->good, s->bad, s, err);
    s->cut = v == REFUSED ? 0 : s->cut;
    return v != UNCLEAR;
}

static enum gw_err search(struct bus *b, struct request *r, uint8_t exception)
{
    struct search s = {.bad = planned(r)->fields, .exception = exception};
    enum gw_err err = GW_OK;
    char whole[ISOLATED_PLACE_SIZE];

    if (!narrow_down(b, r, &s, &err))
        return err;
    if (s.cut == 0) {
        isolate_found(b, r, &s);
        return GW_OK;
    }
    emit_place(planned(r), whole, sizeof(whole));
    const struct request *rest = cut(b, r, s.cut, next_cycle(r));
    source_error(r->source,
                 "%s (unit %u) gives %s in parts, but not at once: it is asked for in two requests "
                 "now, the second from %u on; max_registers or max_gap of the device says so from "
                 "the start",
                 r->device->name, r->unit->id, whole, planned(rest)->address);
    return GW_OK;
}

enum gw_err heal_refused(struct bus *b, struct request *r, uint8_t exception)
{
    if (exception != EXCEPTION_FUNCTION && exception != EXCEPTION_ADDRESS &&
        exception != EXCEPTION_VALUE) { /* busy, failed …: it may do better next time */
        emit_report(b, r);
        emit_bad(b, r, QUALITY_EXCEPTION);
        return GW_OK;
    }
    if (unit_owes_answer(b, r->unit->id)) { /* not now: the pieces' answers could be mistaken */
        emit_bad(b, r, QUALITY_EXCEPTION);
        return GW_OK;
    }
    if (exception != EXCEPTION_FUNCTION && r->refused_us == 0)
        return search(b, r, exception);
    isolate(b, r, exception);
    return GW_OK;
}
