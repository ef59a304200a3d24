/* SPDX-License-Identifier: Apache-2.0 */
/* Which units answer. Health belongs to the unit on this line, however many devices of the file
 * share it, and whatever has the same id on another line. */
#include "drivers/modbus/bus_parts.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#define BACKOFF_FIRST_US US_PER_SECOND
#define BACKOFF_CAP_US (30 * US_PER_SECOND)
/* When a healthy unit's probe is due: never, for practical purposes. */
#define NEVER_US (3650 * US_PER_DAY)
/* A probe is as urgent as a poll of that period: what is polled more often goes first, and what is
 * polled less often has time. A line that is always busy is still left some time for probes. */
#define PROBE_US (10 * US_PER_SECOND)
/* Shorter silences are in the figures only. */
#define WORTH_A_LINE_US (10 * US_PER_SECOND)

uint32_t unit_probe(const struct bus *b, const struct unit *u)
{
    return (uint32_t)(b->capacity + (size_t)(u - b->units));
}

struct unit *unit_find(const struct bus *b, uint8_t id)
{
    for (size_t i = 0; i < b->unit_count; i++) {
        if (b->units[i].id == id)
            return &b->units[i];
    }
    return NULL;
}

void unit_init(struct bus *b, struct unit *u, uint8_t id)
{
    *u = (struct unit){
        .id = id,
        .figures = figures_unit(&b->source->figures, id),
        .why = QUALITY_GOOD,
        .backoff = {.first_us = BACKOFF_FIRST_US, .cap_us = BACKOFF_CAP_US, .seed = id}};
    schedule_add(b->schedule, unit_probe(b, u), clock_mono_us() + NEVER_US, PROBE_US);
}

void unit_failed(struct bus *b, struct request *r, int64_t sent_us, enum quality why)
{
    struct unit *u = r->unit;

    if (u->why == QUALITY_GOOD) {
        u->first_us = sent_us;
        figures_probing(&b->source->figures, u->figures, sent_us);
    }
    u->last_us = sent_us;
    u->why = why;
    u->failed = id_of(b, r);
    schedule_defer(b->schedule, unit_probe(b, u), clock_mono_us() + backoff_next(&u->backoff));
    b->failed = true;
    emit_report(b, r);
    emit_bad(b, r, why);
}

/* It may be another device now, or the same with another set-up. */
static void ask_again_for_what_it_refused(struct bus *b, const struct unit *u)
{
    for (size_t i = 0; i < b->request_count; i++) {
        if (b->requests[i].unit == u && b->requests[i].refused_us)
            b->requests[i].refused_us = 1;
    }
}

/* If this was the answer to the first try, those to the later ones follow about as late, and at
 * most twice, say. */
void unit_answered(struct bus *b, struct unit *u, int64_t sent_us)
{
    int64_t now = clock_mono_us();

    if (u->why == QUALITY_GOOD)
        return;
    if (b->framing == FRAMING_RTU && sent_us - u->last_us < b->late_us) {
        int64_t late = 2 * (now - u->first_us);
        b->hold_us[u->id] = now + b->timeout_us + (late < b->late_us ? late : b->late_us);
    }
    u->why = QUALITY_GOOD;
    backoff_reset(&u->backoff);
    schedule_defer(b->schedule, unit_probe(b, u), now + NEVER_US);
    figures_probing(&b->source->figures, u->figures, 0);
    ask_again_for_what_it_refused(b, u);
    if (now - u->first_us > WORTH_A_LINE_US)
        log_info("source %s: unit %u answers again after %lld s", b->source->config->name, u->id,
                 (long long)((now - u->first_us) / US_PER_SECOND));
}

bool unit_owes_answer(const struct bus *b, uint8_t id)
{
    const struct unit *u = unit_find(b, id);

    return b->framing == FRAMING_RTU &&
           ((u && u->why != QUALITY_GOOD) || clock_mono_us() < b->hold_us[id]);
}
