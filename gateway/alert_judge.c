/* SPDX-License-Identifier: Apache-2.0 */
/* From a rule's verdict to the transition that goes to the writer. */
#include "gateway/alert_book.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* --- transitions --- */

struct alert_change *book_change(const struct watch *w, const struct watched *item,
                                 enum alert_state state, int64_t time_us)
{
    struct alert_change *c = calloc(1, sizeof(*c));

    if (!c) {
        log_error("out of memory: an alert of rule %s is lost", item->rule->name);
        return NULL;
    }
    c->alert_id = item->state.alert_id;
    c->time_us = time_us;
    c->since_us = item->state.since_us;
    c->value = (double)NAN;
    c->limit = item->state.limit;
    c->sensor = w->sensor;
    c->state = (uint8_t)state;
    c->severity = item->state.severity;
    c->reason = item->state.reason;
    snprintf(c->rule, sizeof(c->rule), "%s", item->rule->name);
    return c;
}

static void describe(const struct alert_change *c, const struct sensor *s, char *out, size_t size)
{
    switch ((enum alert_reason)c->reason) {
    case REASON_SILENT:
        snprintf(out, size, "no good value for %g s", c->limit);
        break;
    case REASON_NEVER_SEEN:
        snprintf(out, size, "no good value ever, %g s after the start", c->limit);
        break;
    case REASON_QUALITY:
        snprintf(out, size, "only bad values for %g s", c->limit);
        break;
    case REASON_UNKNOWN:
    case REASON_HIGH:
    case REASON_LOW:
    case REASON_RATE:
    case REASON_EXPRESSION:
    case REASON_COUNT:
        if (isnan(c->limit)) {
            snprintf(out, size, "its expression is %s",
                     c->state == ALERT_CLEARED ? "false" : "true");
            break;
        }
        snprintf(out, size, "value %g%s%s, limit %g", c->value, s->unit[0] ? " " : "", s->unit,
                 c->limit);
    }
}

static void log_change(const struct alert_change *c, const struct sensor *s)
{
    char what[160], note[ALERT_WHO_MAX + 40] = "";
    enum log_level level = c->state == ALERT_RAISED || c->state == ALERT_ESCALATED
                               ? LOG_LEVEL_WARNING
                               : LOG_LEVEL_INFO;

    if (c->state == ALERT_LIMITED) {
        log_warning("alerts of %s: %g withheld, because there are more than %g", c->rule, c->value,
                    c->limit);
        return;
    }
    describe(c, s, what, sizeof(what));
    if (c->who[0])
        snprintf(note, sizeof(note), " by %s", c->who);
    else if (c->repeat > 0)
        snprintf(note, sizeof(note), " (reminder %u)", c->repeat);
    else if (c->comment[0])
        snprintf(note, sizeof(note), " (%.80s)", c->comment);
    else if (c->withheld)
        snprintf(note, sizeof(note), " (not published: %s)", alert_withheld_name(c->withheld));
    LOG_AT(level, "alert %s%s (%s): %s %s: %s", alert_state_name(c->state), note,
           severity_name(c->severity), s->name, c->rule, what);
}

static void count(struct alert_book *b, const struct alert_change *c)
{
    if (c->state == ALERT_RAISED && c->repeat == 0 && c->shelf == SHELF_KEEP) {
        atomic_fetch_add(&b->active, 1);
        metric_add(METRIC_ALERTS_RAISED, 1);
    } else if (c->state == ALERT_CLEARED) {
        atomic_fetch_sub(&b->active, 1);
        metric_add(METRIC_ALERTS_CLEARED, 1);
    }
    metric_set(METRIC_ALERTS_ACTIVE, (int64_t)alert_book_active(b));
}

static void append(struct change_list *list, struct alert_change *change)
{
    *list->end = change;
    list->end = &change->next;
}

void book_add(struct alert_book *b, struct change_list *list, struct alert_change *change)
{
    const struct sensor *s = sensor_table_get(b->sensors, change->sensor);

    append(list, change);
    if (change->alert_id == 0)
        return;
    if (s)
        log_change(change, s);
}

/* --- what subscribers are told --- */

static struct ruleset *rules_of(const struct alert_book *b, const struct watch *w)
{
    return b->lanes[w->sensor % b->lane_count].rules;
}

/* The first that a rule withholds makes subscribers know that something is kept from them. */
static void note_withheld(struct alert_book *b, struct change_list *list, const struct watch *w,
                          const struct watched *item, const struct notice_limit *limit,
                          int64_t time_us)
{
    if (limit->withheld != 1)
        return;
    struct alert_change *c = book_change(w, item, ALERT_LIMITED, time_us);
    if (!c)
        return;
    c->value = (double)limit->withheld;
    c->limit = (double)item->rule->max_raises;
    book_add(b, list, c);
}

static void tell(struct alert_book *b, struct change_list *list, const struct watch *w,
                 struct watched *item, struct alert_change *change, bool anew, int64_t now_mono_us)
{
    struct ruleset *rules = rules_of(b, w);
    struct notice_limit *limit = &rules->limits[item->index];

    pthread_mutex_lock(&rules->lock);
    change->withheld = (uint8_t)(anew ? notice_tell(&item->notice, item->rule, limit, now_mono_us)
                                      : notice_judge(&item->notice, item->rule, limit,
                                                     (enum alert_state)change->state, now_mono_us));
    bool limited = change->withheld == ALERT_WITHHELD_LIMITED && change->state != ALERT_CLEARED;
    if (limited) {
        limit->alert_id = change->alert_id;
        limit->sensor = change->sensor;
    }
    struct notice_limit copy = *limit;
    pthread_mutex_unlock(&rules->lock);
    book_add(b, list, change);
    if (limited)
        note_withheld(b, list, w, item, &copy, change->time_us);
}

void book_tell(struct alert_book *b, struct change_list *list, const struct watch *w,
               struct watched *item, int64_t now_mono_us, int64_t now_wall_us, bool is_reminder)
{
    const struct notice *n = &item->notice;
    enum alert_state state = n->acknowledged         ? ALERT_ACKNOWLEDGED
                             : item->state.escalated ? ALERT_ESCALATED
                                                     : ALERT_RAISED;
    struct alert_change *c = book_change(w, item, state, now_wall_us);

    if (!c)
        return;
    c->value = item->state.value;
    snprintf(c->who, sizeof(c->who), "%s", n->who);
    if (!is_reminder) {
        c->shelf = SHELF_DROP;
        tell(b, list, w, item, c, true, now_mono_us);
        return;
    }
    c->repeat = n->repeats;
    book_add(b, list, c);
}

void book_take_event(struct alert_book *b, struct change_list *list, const struct watch *w,
                     struct watched *item, const struct rule_event *e, int64_t now_mono_us)
{
    if (e->state == ALERT_RAISED)
        item->state.alert_id = atomic_fetch_add(&b->next_id, 1);
    struct alert_change *c = book_change(w, item, e->state, e->time_us);
    if (!c)
        return;
    c->value = item->state.value = e->value;
    c->limit = e->limit;
    c->severity = (uint8_t)e->severity;
    c->reason = (uint8_t)e->reason;
    count(b, c);
    tell(b, list, w, item, c, false, now_mono_us);
}

/* As the limits of the rule may be another rule's by now, they are not asked: an end uses none. */
void book_clear(struct alert_book *b, struct change_list *list, const struct watch *w,
                struct watched *item, int64_t now_mono_us, int64_t now_wall_us)
{
    struct notice_limit none = {0};
    struct alert_change *c = book_change(w, item, ALERT_CLEARED, now_wall_us);

    if (!c)
        return;
    c->value = item->state.value;
    c->shelf = item->notice.shelf_end_us != 0 ? SHELF_DROP : SHELF_KEEP;
    snprintf(c->comment, sizeof(c->comment), "%s", ALERT_UNWATCHED);
    count(b, c);
    c->withheld =
        (uint8_t)notice_judge(&item->notice, item->rule, &none, ALERT_CLEARED, now_mono_us);
    book_add(b, list, c);
}

void book_clear_restored(struct alert_book *b, struct change_list *list, const struct restored *r,
                         int64_t now_wall_us)
{
    struct alert_change *c = calloc(1, sizeof(*c));

    if (!c)
        return;
    *c = r->change;
    c->next = NULL;
    c->state = ALERT_CLEARED;
    c->time_us = now_wall_us;
    snprintf(c->comment, sizeof(c->comment), "%s", ALERT_UNWATCHED);
    count(b, c);
    log_info("alert cleared: %s %s: %s", r->sensor_name, c->rule, c->comment);
    book_add(b, list, c);
}

void book_end_shelf(struct alert_book *b, struct change_list *list, const struct watch *w,
                    const struct watched *item, int64_t now_wall_us)
{
    struct alert_change *c = book_change(w, item, ALERT_CLEARED, now_wall_us);

    if (!c)
        return;
    c->alert_id = 0;
    c->shelf = SHELF_DROP;
    book_add(b, list, c);
}

/* An expression is judged by the lane of the sensor that its alerts belong to, from the newest
 * values of all its inputs, whichever lanes these come by: at once for a reading of that sensor, in
 * the next tick for the others. */
static void judge_expression(struct alert_book *b, struct change_list *list, const struct watch *w,
                             struct watched *item, int64_t now_mono_us)
{
    struct rule_event event;
    struct reading r;

    switch (inputs_judge(rules_of(b, w)->inputs, item->index, now_mono_us, &item->judged, &r)) {
    case INPUTS_VERDICT:
        if (rule_eval(item->rule, &item->state, &r, now_mono_us, &event))
            book_take_event(b, list, w, item, &event, now_mono_us);
        break;
    case INPUTS_TOO_OLD:
        rule_forget_held(&item->state);
        break;
    case INPUTS_NOTHING_NEW:
        break;
    }
}

struct alert_change *alert_book_eval(struct alert_book *b, size_t lane, const struct reading *r,
                                     int64_t now_mono_us)
{
    struct watch *w = book_watch(b, lane, r->sensor);
    struct inputs *inputs = b->lanes[lane].rules->inputs;
    struct change_list list = CHANGE_LIST(list);
    struct rule_event event;

    if (inputs)
        inputs_note(inputs, r, now_mono_us);
    if (w)
        watch_note(w, r, now_mono_us);
    for (size_t i = 0; w && i < w->count; i++) {
        if (w->items[i].rule->kind == RULE_EXPRESSION)
            judge_expression(b, &list, w, &w->items[i], now_mono_us);
        else if (rule_eval(w->items[i].rule, &w->items[i].state, r, now_mono_us, &event))
            book_take_event(b, &list, w, &w->items[i], &event, now_mono_us);
    }
    return list.first;
}

/* --- time --- */

/* A shelf that ends says so to the store even when nothing is active. */
static void unshelve(struct alert_book *b, struct change_list *list, const struct watch *w,
                     struct watched *item, int64_t now_mono_us, int64_t now_wall_us)
{
    log_info("alerts of %s %s are not shelved any more",
             sensor_table_get(b->sensors, w->sensor)->name, item->rule->name);
    if (item->state.severity != SEVERITY_NONE) {
        book_tell(b, list, w, item, now_mono_us, now_wall_us, false);
        return;
    }
    book_end_shelf(b, list, w, item, now_wall_us);
}

static void tick_item(struct alert_book *b, struct change_list *list, const struct watch *w,
                      struct watched *item, int64_t now_mono_us, int64_t now_wall_us)
{
    struct rule_event event;

    if (item->rule->kind == RULE_EXPRESSION)
        judge_expression(b, list, w, item, now_mono_us);
    if (rule_tick(item->rule, &item->state, now_mono_us, now_wall_us, &event))
        book_take_event(b, list, w, item, &event, now_mono_us);
    struct notice_limit none = {0}, *limit = &none;
    struct ruleset *rules = rules_of(b, w);
    bool limited = item->rule->max_raises > 0;
    if (limited) {
        limit = &rules->limits[item->index];
        pthread_mutex_lock(&rules->lock);
    }
    enum notice_due due = notice_tick(&item->notice, item->rule, limit,
                                      item->state.severity != SEVERITY_NONE, now_mono_us);
    if (limited)
        pthread_mutex_unlock(&rules->lock);
    if (due == NOTICE_UNSHELVE)
        unshelve(b, list, w, item, now_mono_us, now_wall_us);
    else if (due != NOTICE_NOTHING)
        book_tell(b, list, w, item, now_mono_us, now_wall_us, due == NOTICE_REMIND);
}

/* How many alerts a rule withheld, when its max_per is over. */
static void tick_limit(struct alert_book *b, struct change_list *list, struct ruleset *rules,
                       size_t rule, int64_t now_mono_us, int64_t now_wall_us)
{
    const struct rule_config *config = &rules->config->rules[rule];

    if (config->max_raises == 0)
        return;
    pthread_mutex_lock(&rules->lock);
    struct notice_limit limit = rules->limits[rule];
    int64_t withheld = notice_limit_over(&rules->limits[rule], config, now_mono_us);
    pthread_mutex_unlock(&rules->lock);
    if (withheld < 2) /* the first was told of when it was withheld */
        return;
    struct alert_change *c = calloc(1, sizeof(*c));
    if (!c)
        return;
    *c = (struct alert_change){.alert_id = limit.alert_id,
                               .time_us = now_wall_us,
                               .since_us = now_wall_us,
                               .value = (double)withheld,
                               .limit = (double)config->max_raises,
                               .sensor = limit.sensor,
                               .state = ALERT_LIMITED};
    snprintf(c->rule, sizeof(c->rule), "%s", config->name);
    book_add(b, list, c);
}

struct alert_change *alert_book_tick(struct alert_book *b, size_t lane, int64_t now_mono_us,
                                     int64_t now_wall_us)
{
    struct change_list list = CHANGE_LIST(list);

    book_adopt(b, lane, &list, now_mono_us, now_wall_us);
    book_carry_out(b, lane, &list, now_mono_us, now_wall_us);
    struct ruleset *rules = b->lanes[lane].rules;
    for (size_t i = 0; lane == 0 && i < rules->config->rule_count; i++)
        tick_limit(b, &list, rules, i, now_mono_us, now_wall_us);
    for (size_t slot = 0; slot < b->per_lane; slot++) {
        struct watch *w = b->lanes[lane].watches[slot];
        for (size_t i = 0; w && i < w->count; i++)
            tick_item(b, &list, w, &w->items[i], now_mono_us, now_wall_us);
    }
    return list.first;
}
