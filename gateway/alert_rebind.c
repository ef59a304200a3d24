/* SPDX-License-Identifier: Apache-2.0 */
/* A reload's rules take the place of those in force. Each lane does it for its own sensors, in its
 * own thread: states of rules that are the same go on, those of changed ones as far as they still
 * mean something, and alerts that nothing watches any more are cleared. */
#include "gateway/alert_book.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <stdlib.h>
#include <string.h>

/* One lane's move. */
struct move {
    struct alert_book *book;
    struct change_list *list;
    int64_t now_mono_us, now_wall_us;
};

/* --- one sensor --- */

/* The last value by a rule that was not there before, or not like this. */
static void review(const struct move *m, struct watch *w, struct watched *item)
{
    struct rule_event event;

    if (rule_review(item->rule, &item->state, w->has_last ? &w->last : NULL, m->now_mono_us,
                    m->now_wall_us, &event))
        book_take_event(m->book, m->list, w, item, &event, m->now_mono_us);
}

static void take_item(const struct move *m, struct watch *w, struct watched *to,
                      const struct watched *from)
{
    to->state = from->state;
    to->notice = from->notice;
    rule_take_over(to->rule, from->rule, &to->state);
    if (!config_rule_equal(to->rule, from->rule))
        review(m, w, to);
}

/* Its alert and its shelf end with it. */
static void end_item(const struct move *m, const struct watch *w, struct watched *item)
{
    if (item->state.severity != SEVERITY_NONE)
        book_clear(m->book, m->list, w, item, m->now_mono_us, m->now_wall_us);
    else if (item->notice.shelf_end_us != 0)
        book_end_shelf(m->book, m->list, w, item, m->now_wall_us);
}

/* What the rule of that name is on the other side; NULL if there is none, or one of another kind.
 */
static struct watched *counterpart(struct watch *w, const struct watched *item)
{
    struct watched *same = w ? watch_find(w, item->rule->name) : NULL;

    return same && same->rule->kind == item->rule->kind ? same : NULL;
}

static void begin_item(const struct move *m, struct watch *w, struct watched *item)
{
    item->state.seen = w->seen;
    item->state.seen_mono_us = w->seen_mono_us;
    review(m, w, item);
}

static void move_watch(const struct move *m, struct watch *to, struct watch *from)
{
    for (size_t i = 0; from && i < from->count; i++) {
        if (!counterpart(to, &from->items[i]))
            end_item(m, from, &from->items[i]);
    }
    if (!from || !to)
        return;
    to->seen = from->seen;
    to->seen_mono_us = from->seen_mono_us;
    to->has_last = from->has_last;
    to->last = from->last;
    for (size_t i = 0; i < to->count; i++) {
        struct watched *item = &to->items[i], *before = counterpart(from, item);
        if (before)
            take_item(m, to, item, before);
        else
            begin_item(m, to, item);
    }
}

/* --- one lane --- */

/* Watches for all sensors of the lane that are in the configuration. NULL without memory. */
static struct watch **make_watches(const struct alert_book *b, const struct ruleset *rules,
                                   size_t lane, int64_t now_mono_us)
{
    struct watch **all = calloc(b->per_lane, sizeof(struct watch *));

    for (size_t slot = 0; all && slot < b->per_lane; slot++) {
        uint32_t sensor = (uint32_t)(slot * b->lane_count + lane);
        const struct sensor *s = sensor_table_get(b->sensors, sensor);
        if (!s || s->gone)
            continue;
        all[slot] = watch_create(rules->config, sensor, s->name, now_mono_us);
        if (all[slot] && s->was_good)
            watch_note_seen(all[slot]);
        if (all[slot])
            continue;
        for (size_t i = 0; i < slot; i++)
            free(all[i]);
        free(all);
        return NULL;
    }
    return all;
}

/* Alerts of an earlier run whose sensors have not come: now they never will, or unwatched. */
static void clear_restored(const struct move *m, const struct config *config)
{
    struct alert_book *b = m->book;

    for (size_t i = 0; i < b->restored_count; i++) {
        struct restored *r = &b->restored[i];
        if (r->change.alert_id == 0 || book_may_watch(b, config, r->change.rule, r->sensor_name) ||
            atomic_exchange(&r->taken, true))
            continue;
        book_clear_restored(b, m->list, r, m->now_wall_us);
    }
}

static bool move_lane(const struct move *m, size_t lane, struct ruleset *next)
{
    struct alert_book *b = m->book;
    struct lane *l = &b->lanes[lane];
    struct watch **fresh = make_watches(b, next, lane, m->now_mono_us);

    if (!fresh)
        return false;
    if (next->inputs && l->rules->inputs)
        inputs_take(next->inputs, l->rules->inputs, lane, b->lane_count);
    struct watch **former = l->watches;
    struct ruleset *before = l->rules;
    l->watches = fresh;
    l->rules = next;
    for (size_t slot = 0; slot < b->per_lane; slot++) {
        if (!former[slot] && fresh[slot])
            book_restore_watch(b, fresh[slot]);
        move_watch(m, fresh[slot], former[slot]);
        free(former[slot]);
    }
    free(former);
    ruleset_release(before);
    if (lane == 0)
        clear_restored(m, next->config);
    return true;
}

bool alert_book_rebinds(const struct alert_book *b, size_t lane)
{
    return atomic_load(&b->newest_number) != b->lanes[lane].rules->number;
}

void book_adopt(struct alert_book *b, size_t lane, struct change_list *list, int64_t now_mono_us,
                int64_t now_wall_us)
{
    const struct move m = {b, list, now_mono_us, now_wall_us};

    if (!alert_book_rebinds(b, lane))
        return;
    pthread_mutex_lock(&b->lock);
    struct ruleset *next = ruleset_hold(b->newest);
    pthread_mutex_unlock(&b->lock);
    if (!move_lane(&m, lane, next)) {
        ruleset_release(next); /* the next tick tries again */
        return;
    }
    pthread_mutex_lock(&b->lock);
    b->lanes[lane].adopted = next->number;
    pthread_cond_broadcast(&b->adopted);
    pthread_mutex_unlock(&b->lock);
}

/* --- any thread --- */

static bool all_adopted_locked(const struct alert_book *b)
{
    for (size_t i = 0; i < b->lane_count; i++) {
        if (b->lanes[i].adopted != b->newest->number)
            return false;
    }
    return true;
}

enum gw_err alert_book_rebind(struct alert_book *b, const struct config *config, int64_t wait_us)
{
    struct timespec deadline = clock_deadline(wait_us);
    struct ruleset *next;
    enum gw_err err = ruleset_create(&next, config, b->sensors, b->newest);

    if (err != GW_OK)
        return err;
    pthread_mutex_lock(&b->lock);
    struct ruleset *before = b->newest;
    b->newest = next;
    atomic_store(&b->newest_number, next->number);
    bool waits = wait_us > 0;
    while (!all_adopted_locked(b) && waits)
        waits = pthread_cond_timedwait(&b->adopted, &b->lock, &deadline) == 0;
    bool done = all_adopted_locked(b);
    pthread_mutex_unlock(&b->lock);
    ruleset_release(before);
    return done ? GW_OK : GW_ETIMEDOUT;
}
