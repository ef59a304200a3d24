/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/rule.h"

#include "gateway/core/clock.h"

#include <math.h>
#include <string.h>

/* What one reading says about one limit, rate or level. */
struct judgement {
    bool crossed[3]; /* by enum severity */
    double limit[3];
    enum alert_reason reason[3];
    double value; /* what was compared: the reading, or its rate of change */
    bool left;    /* well inside all limits: an excursion is over */
};

static enum alert_reason beyond(double high, double low, double value, double hysteresis,
                                double *limit)
{
    if (!isnan(high) && value > high - hysteresis) {
        *limit = high;
        return REASON_HIGH;
    }
    if (!isnan(low) && value < low + hysteresis) {
        *limit = low;
        return REASON_LOW;
    }
    return REASON_UNKNOWN;
}

static void judge_level(const struct rule_config *rule, double value, struct judgement *j)
{
    double limit;

    j->value = value;
    j->left = true;
    for (int s = SEVERITY_WARNING; s <= SEVERITY_CRITICAL; s++) {
        j->reason[s] = beyond(rule->high[s], rule->low[s], value, 0, &j->limit[s]);
        j->crossed[s] = j->reason[s] != REASON_UNKNOWN;
        if (beyond(rule->high[s], rule->low[s], value, rule->hysteresis, &limit))
            j->left = false;
    }
}

/* Largest change either way, scaled to `per`. False: there is no earlier reading to compare with.
 */
static bool judge_rate(const struct rule_config *rule, struct rule_state *state,
                       const struct reading *r, struct judgement *j)
{
    double value = reading_number(r);
    int64_t passed = r->time_us - state->last_us;
    bool comparable = state->has_last && passed > 0;
    double change = value - state->last;

    state->last = value;
    state->last_us = r->time_us;
    state->has_last = true;
    if (!comparable)
        return false;
    j->value = fabs(change) * (double)rule->per_us / (double)passed;
    j->left = true;
    for (int s = SEVERITY_WARNING; s <= SEVERITY_CRITICAL; s++) {
        j->crossed[s] = beyond(rule->rate[s], (double)NAN, j->value, 0, &j->limit[s]);
        j->reason[s] = REASON_RATE;
        if (j->crossed[s])
            j->left = false;
    }
    return true;
}

/* Bad readings are the crossing, a good one is well inside. */
static void judge_quality(const struct rule_config *rule, const struct reading *r,
                          struct judgement *j)
{
    j->left = r->quality == QUALITY_GOOD;
    j->value = (double)NAN;
    j->crossed[rule->severity] = !j->left;
    j->limit[rule->severity] = (double)rule->bad_for_us / (double)US_PER_SECOND;
    j->reason[rule->severity] = REASON_QUALITY;
}

/* The result of an expression: true, or a number with limits. */
static void judge_expression(const struct rule_config *rule, double result, struct judgement *j)
{
    if (!rule->expr->is_truth) {
        judge_level(rule, result, j);
    } else {
        j->left = result == 0;
        j->value = (double)NAN;
        j->crossed[rule->severity] = !j->left;
        j->limit[rule->severity] = (double)NAN;
    }
    j->reason[SEVERITY_WARNING] = j->reason[SEVERITY_CRITICAL] = REASON_EXPRESSION;
}

static void note_held(struct rule_state *state, const struct judgement *j, int64_t now_mono_us)
{
    for (int s = SEVERITY_WARNING; s <= SEVERITY_CRITICAL; s++) {
        struct rule_held *held = &state->held[s];
        if (!j->crossed[s])
            held->held = false;
        if (!j->crossed[s])
            continue;
        if (!held->held) {
            held->held = true;
            held->since_mono_us = now_mono_us;
        }
        held->value = j->value;
        held->limit = j->limit[s];
        held->reason = (uint8_t)j->reason[s];
    }
}

/* Raises or escalates to `target` if that is worse than what is. */
static bool worsen(struct rule_state *state, enum severity target, int64_t time_us,
                   struct rule_event *out)
{
    if (target <= state->severity)
        return false;
    out->state = state->severity == SEVERITY_NONE ? ALERT_RAISED : ALERT_ESCALATED;
    if (out->state == ALERT_RAISED)
        state->since_us = time_us;
    state->escalated = out->state == ALERT_ESCALATED;
    state->severity = (uint8_t)target;
    state->limit = state->held[target].limit;
    state->reason = state->held[target].reason;
    out->severity = target;
    out->reason = (enum alert_reason)state->reason;
    out->value = state->held[target].value;
    out->limit = state->limit;
    out->time_us = time_us;
    return true;
}

static bool clear(struct rule_state *state, double value, int64_t time_us, struct rule_event *out)
{
    *out = (struct rule_event){.state = ALERT_CLEARED,
                               .severity = (enum severity)state->severity,
                               .reason = (enum alert_reason)state->reason,
                               .value = value,
                               .limit = state->limit,
                               .time_us = time_us};
    state->severity = SEVERITY_NONE;
    state->escalated = false;
    memset(state->held, 0, sizeof(state->held));
    return true;
}

static enum severity held_since(const struct rule_state *state, int64_t now_mono_us, int64_t for_us)
{
    for (int s = SEVERITY_CRITICAL; s >= SEVERITY_WARNING; s--) {
        if (state->held[s].held && now_mono_us - state->held[s].since_mono_us >= for_us)
            return (enum severity)s;
    }
    return SEVERITY_NONE;
}

static bool eval_stale(const struct rule_config *rule, struct rule_state *state,
                       const struct reading *r, struct rule_event *out)
{
    if (state->severity == SEVERITY_NONE)
        return false;
    state->limit = (double)rule->stale_us / (double)US_PER_SECOND;
    return clear(state, reading_number(r), r->time_us, out);
}

/* False: the reading says nothing yet. */
static bool judge(const struct rule_config *rule, struct rule_state *state, const struct reading *r,
                  struct judgement *j)
{
    switch (rule->kind) {
    case RULE_LEVEL:
        judge_level(rule, reading_number(r), j);
        return true;
    case RULE_RATE:
        return judge_rate(rule, state, r, j);
    case RULE_QUALITY:
        judge_quality(rule, r, j);
        return true;
    case RULE_EXPRESSION:
        judge_expression(rule, reading_number(r), j);
        return true;
    case RULE_STALE:
        break;
    }
    return false;
}

bool rule_eval(const struct rule_config *rule, struct rule_state *state, const struct reading *r,
               int64_t now_mono_us, struct rule_event *out)
{
    struct judgement j = {0};
    bool good = r->quality == QUALITY_GOOD;

    if ((r->flags & READING_RETAINED) || (!good && rule->kind != RULE_QUALITY))
        return false;
    if (good) {
        state->seen_mono_us = now_mono_us;
        state->seen = true;
    }
    if (rule->kind == RULE_STALE)
        return eval_stale(rule, state, r, out);
    if (!judge(rule, state, r, &j))
        return false;
    note_held(state, &j, now_mono_us);
    if (state->severity != SEVERITY_NONE && j.left)
        return clear(state, rule->kind == RULE_QUALITY ? reading_number(r) : j.value, r->time_us,
                     out);
    return worsen(state, held_since(state, now_mono_us, rule->for_us), r->time_us, out);
}

static bool tick_stale(const struct rule_config *rule, struct rule_state *state,
                       int64_t now_mono_us, int64_t now_wall_us, struct rule_event *out)
{
    if (state->severity != SEVERITY_NONE || now_mono_us - state->seen_mono_us < rule->stale_us)
        return false;
    if (!state->seen && rule->never_seen == NEVER_SEEN_IGNORE)
        return false;
    state->held[rule->severity].value = (double)NAN;
    state->held[rule->severity].limit = (double)rule->stale_us / (double)US_PER_SECOND;
    state->held[rule->severity].reason = state->seen ? REASON_SILENT : REASON_NEVER_SEEN;
    return worsen(state, (enum severity)rule->severity, now_wall_us, out);
}

bool rule_tick(const struct rule_config *rule, struct rule_state *state, int64_t now_mono_us,
               int64_t now_wall_us, struct rule_event *out)
{
    if (rule->kind == RULE_STALE)
        return tick_stale(rule, state, now_mono_us, now_wall_us, out);
    if (rule->kind == RULE_RATE || rule->for_us == 0)
        return false; /* a rate needs two readings, so time alone tells nothing of it */
    for (int s = SEVERITY_CRITICAL; s > state->severity; s--) {
        const struct rule_held *held = &state->held[s];
        if (held->held && now_mono_us - held->since_mono_us >= rule->for_us)
            return worsen(state, (enum severity)s, now_wall_us, out);
    }
    return false;
}

void rule_forget_held(struct rule_state *state)
{
    memset(state->held, 0, sizeof(state->held));
}

static bool same_numbers(const double a[3], const double b[3])
{
    for (int s = SEVERITY_WARNING; s <= SEVERITY_CRITICAL; s++) {
        if (a[s] != b[s] && !(isnan(a[s]) && isnan(b[s])))
            return false;
    }
    return true;
}

static bool same_limits(const struct rule_config *a, const struct rule_config *b)
{
    bool same_text = a->kind != RULE_EXPRESSION || strcmp(a->expression, b->expression) == 0;

    return same_text && same_numbers(a->high, b->high) && same_numbers(a->low, b->low) &&
           same_numbers(a->rate, b->rate) && a->per_us == b->per_us && a->severity == b->severity;
}

void rule_take_over(const struct rule_config *rule, const struct rule_config *before,
                    struct rule_state *state)
{
    if (!same_limits(rule, before))
        rule_forget_held(state);
}

/* Not stale, by the limit that it has now. */
static bool review_stale(const struct rule_config *rule, struct rule_state *state,
                         int64_t now_mono_us, int64_t now_wall_us, struct rule_event *out)
{
    bool ignored = state->reason == REASON_NEVER_SEEN && rule->never_seen == NEVER_SEEN_IGNORE;

    if (state->severity == SEVERITY_NONE ||
        (!ignored && now_mono_us - state->seen_mono_us >= rule->stale_us))
        return false;
    return clear(state, (double)NAN, now_wall_us, out);
}

bool rule_review(const struct rule_config *rule, struct rule_state *state,
                 const struct reading *last, int64_t now_mono_us, int64_t now_wall_us,
                 struct rule_event *out)
{
    if (rule->kind == RULE_STALE)
        return review_stale(rule, state, now_mono_us, now_wall_us, out);
    if (rule->kind != RULE_LEVEL || !last)
        return false;
    struct reading now = *last;
    now.time_us = now_wall_us;
    return rule_eval(rule, state, &now, now_mono_us, out);
}
