/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/watch.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool watch_takes(const struct rule_config *rule, const char *sensor_name)
{
    if (rule->kind == RULE_EXPRESSION)
        return strcmp(rule->sensor, sensor_name) == 0;
    return fnmatch(rule->sensor, sensor_name, 0) == 0;
}

const struct rule_config *watch_rule(const struct config *config, const char *rule,
                                     const char *sensor_name)
{
    const struct rule_config *found = config_find_rule(config, rule);

    return found && watch_takes(found, sensor_name) ? found : NULL;
}

struct watch *watch_create(const struct config *config, uint32_t sensor, const char *sensor_name,
                           int64_t since_mono_us)
{
    size_t count = 0;

    for (size_t i = 0; i < config->rule_count; i++)
        count += watch_takes(&config->rules[i], sensor_name);
    struct watch *w = calloc(1, sizeof(*w) + count * sizeof(w->items[0]));
    if (!w)
        return NULL;
    w->sensor = sensor;
    w->seen_mono_us = since_mono_us;
    for (size_t i = 0; i < config->rule_count; i++) {
        if (!watch_takes(&config->rules[i], sensor_name))
            continue;
        struct watched *item = &w->items[w->count++];
        item->rule = &config->rules[i];
        item->index = i;
        item->state.seen_mono_us = since_mono_us;
    }
    return w;
}

void watch_note_seen(struct watch *w)
{
    w->seen = true;
    for (size_t i = 0; i < w->count; i++)
        w->items[i].state.seen = true;
}

void watch_note(struct watch *w, const struct reading *r, int64_t now_mono_us)
{
    if (r->flags & READING_RETAINED)
        return;
    w->last = *r;
    w->has_last = true;
    if (r->quality != QUALITY_GOOD)
        return;
    w->seen = true;
    w->seen_mono_us = now_mono_us;
}

struct watched *watch_find(struct watch *w, const char *rule)
{
    for (size_t i = 0; i < w->count; i++) {
        if (strcmp(w->items[i].rule->name, rule) == 0)
            return &w->items[i];
    }
    return NULL;
}

void watch_restore(struct watched *item, const struct alert_change *change, int64_t now_mono_us,
                   int64_t now_wall_us)
{
    struct rule_state *state = &item->state;
    struct notice *n = &item->notice;

    if (change->shelf == SHELF_PUT) {
        /* One that is over ends at the first tick, which tells what is. A clock that is not set yet
         * makes none longer than it was. */
        int64_t left = change->until_us - now_wall_us, whole = change->until_us - change->time_us;
        left = left < whole ? left : whole;
        n->shelf_end_us = now_mono_us + (left > 0 ? left : 1);
        return;
    }
    state->alert_id = change->alert_id;
    state->since_us = change->since_us;
    state->severity = change->severity;
    state->escalated = change->state == ALERT_ESCALATED;
    state->value = change->value;
    state->limit = change->limit;
    state->reason = change->reason;
    state->seen = change->reason != REASON_NEVER_SEEN;
    n->acknowledged = change->state == ALERT_ACKNOWLEDGED;
    n->told = change->time_us != 0;
    /* A wall clock that was set back since must not put a reminder off for ever. */
    int64_t ago = now_wall_us - change->time_us;
    n->told_us = now_mono_us - (ago > 0 ? ago : 0);
    n->repeats = change->repeat;
    snprintf(n->who, sizeof(n->who), "%s", change->who);
}
