/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/outbox.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#define COPY(to, from) snprintf(to, sizeof(to), "%s", from)

size_t outbox_room(const struct outbox *o)
{
    return OUTBOX_WINDOW - o->count;
}

struct outbox_entry *outbox_find(struct outbox *o, int64_t seq)
{
    for (size_t i = 0; i < o->count; i++) {
        if (o->entries[i].seq == seq)
            return &o->entries[i];
    }
    return NULL;
}

static void fill(struct outbox_entry *e, const struct outbox_row *row)
{
    *e = (struct outbox_entry){.state = OUTBOX_WAITING,
                               .seq = row->seq,
                               .alert_id = row->alert_id,
                               .value = row->value,
                               .limit = row->limit,
                               .time_us = row->time_us,
                               .since_us = row->since_us,
                               .until_us = row->until_us,
                               .repeat = row->repeat,
                               .is_undated = row->is_undated};
    COPY(e->reason, row->reason);
    COPY(e->who, row->who);
    COPY(e->comment, row->comment);
    COPY(e->instance, row->instance);
    COPY(e->sensor, row->sensor);
    COPY(e->rule, row->rule);
    COPY(e->unit, row->unit);
    COPY(e->severity, row->severity);
    COPY(e->alert_state, row->state);
}

bool outbox_take_one(void *entry, const struct outbox_row *row)
{
    fill(entry, row);
    return false;
}

void outbox_add(struct outbox *o, const struct outbox_row *row)
{
    assert(o->count < OUTBOX_WINDOW);
    fill(&o->entries[o->count++], row);
    o->last_seq = row->seq;
}

/* Is an earlier transition of the same alert topic still under way, or not yet sent? */
static bool is_behind(const struct outbox *o, size_t i)
{
    for (size_t k = 0; k < i; k++) {
        if (o->entries[k].state != OUTBOX_ANSWERED &&
            strcmp(o->entries[k].sensor, o->entries[i].sensor) == 0 &&
            strcmp(o->entries[k].rule, o->entries[i].rule) == 0)
            return true;
    }
    return false;
}

struct outbox_entry *outbox_next(struct outbox *o)
{
    size_t in_flight = 0;

    for (size_t i = 0; i < o->count; i++)
        in_flight += o->entries[i].state == OUTBOX_SENT;
    if (in_flight >= OUTBOX_IN_FLIGHT)
        return NULL;
    for (size_t i = 0; i < o->count; i++) {
        struct outbox_entry *e = &o->entries[i];
        /* One that may be the poison goes alone, so that it is found out. */
        if (e->state == OUTBOX_WAITING && e->lost > 0)
            return in_flight == 0 && !is_behind(o, i) ? e : NULL;
        if (e->state == OUTBOX_SENT && e->lost > 0)
            return NULL;
        if (e->state == OUTBOX_WAITING && !is_behind(o, i))
            return e;
    }
    return NULL;
}

bool outbox_suspects(const struct outbox *o)
{
    for (size_t i = 0; i < o->count; i++) {
        if (o->entries[i].lost > 0 && o->entries[i].state != OUTBOX_ANSWERED)
            return true;
    }
    return false;
}

void outbox_answer(struct outbox *o, int64_t seq, int reason)
{
    struct outbox_entry *e = outbox_find(o, seq);

    if (!e || e->state != OUTBOX_SENT)
        return;
    e->code = reason;
    if (reason >= 0 || reason == OUTBOX_UNSENDABLE)
        e->state = OUTBOX_ANSWERED;
    else
        e->state = ++e->lost >= OUTBOX_PATIENCE ? OUTBOX_ANSWERED : OUTBOX_WAITING;
}

struct outbox_entry *outbox_answered(struct outbox *o, struct outbox_result *result)
{
    for (size_t i = 0; i < o->count; i++) {
        struct outbox_entry *e = &o->entries[i];
        if (e->state != OUTBOX_ANSWERED)
            continue;
        *result = (struct outbox_result){
            .seq = e->seq, .delivered = e->code >= 0 && e->code < 0x80, .reason_code = e->code};
        return e;
    }
    return NULL;
}

void outbox_remove(struct outbox *o, struct outbox_entry *e)
{
    size_t i = (size_t)(e - o->entries);

    assert(i < o->count);
    memmove(e, e + 1, (o->count - i - 1) * sizeof(*e));
    o->count--;
}

struct alert_message outbox_message(const struct outbox_entry *e)
{
    return (struct alert_message){.state = e->alert_state,
                                  .severity = e->severity,
                                  .sensor = e->sensor,
                                  .unit = e->unit,
                                  .rule = e->rule,
                                  .value = e->value,
                                  .limit = e->limit,
                                  .since_us = e->since_us,
                                  .time_us = e->time_us,
                                  .reason = e->reason,
                                  .who = e->who,
                                  .comment = e->comment,
                                  .until_us = e->until_us,
                                  .repeat = e->repeat,
                                  .is_undated = e->is_undated,
                                  .instance = e->instance,
                                  .alert_id = e->alert_id,
                                  .seq = e->seq,
                                  .durable = true};
}
