/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the alert book share: alert.c binds and restores, alert_judge.c makes
 * transitions, alert_order.c carries out what people order, alert_rebind.c moves to another
 * configuration. Nobody else includes it. */
#ifndef SENSORGW_GATEWAY_ALERT_BOOK_H
#define SENSORGW_GATEWAY_ALERT_BOOK_H

#include "gateway/alert.h"
#include "gateway/notice.h"
#include "gateway/ruleset.h"
#include "gateway/watch.h"

#include <pthread.h>
#include <stdatomic.h>

struct lane {
    /* the worker's own */
    struct ruleset *rules;  /* those that it judges by, owned */
    struct watch **watches; /* by sensor index / lanes; NULL: not seen yet */

    struct orders *orders;
    uint64_t adopted; /* the number of `rules`; guarded by the book's lock */
};

/* Something of an earlier run whose sensor has not been seen in this one. */
struct restored {
    struct alert_change change;
    char *sensor_name;
    int64_t mono_us, wall_us; /* when that was */
    atomic_bool taken;        /* by the lane that has it now; or cleared */
};

struct alert_book {
    /* set once */
    struct sensor_table *sensors;
    size_t lane_count;
    size_t per_lane; /* sensors that a lane may have */
    int64_t start_mono_us;
    struct restored *restored; /* complete before the workers start */
    size_t restored_count;

    atomic_int_least64_t next_id;
    atomic_size_t active;

    pthread_mutex_t lock;
    pthread_cond_t adopted; /* on CLOCK_MONOTONIC: by one lane more */
    struct ruleset *newest; /* guarded by lock; owned; only who rebinds changes it */
    atomic_uint_least64_t newest_number;

    struct lane *lanes;
};

/* Transitions that are made one after the other. */
struct change_list {
    struct alert_change *first, **end;
};
#define CHANGE_LIST(l)                                                                             \
    {                                                                                              \
        NULL, &(l).first                                                                           \
    }

/* The sensor's watch, made at first sight; NULL without memory or for an unknown sensor. Only the
 * lane's worker, or before it starts. */
struct watch *book_watch(struct alert_book *b, size_t lane, uint32_t sensor);

/* Gives a new watch what the last run left for it. */
void book_restore_watch(struct alert_book *b, struct watch *w);
/* Does the rule watch a sensor of that name that there is, or that may come? */
bool book_may_watch(const struct alert_book *b, const struct config *config, const char *rule,
                    const char *sensor_name);

/* A transition of an active alert, not yet judged by notice_judge(); NULL without memory. */
struct alert_change *book_change(const struct watch *w, const struct watched *item,
                                 enum alert_state state, int64_t time_us);
/* Appends it, logs and counts it. */
void book_add(struct alert_book *b, struct change_list *list, struct alert_change *change);
/* The present state of an active alert once more: after a shelf, a limit, or as a reminder. */
void book_tell(struct alert_book *b, struct change_list *list, const struct watch *w,
               struct watched *item, int64_t now_mono_us, int64_t now_wall_us, bool is_reminder);

/* A rule's verdict: becomes a transition. */
void book_take_event(struct alert_book *b, struct change_list *list, const struct watch *w,
                     struct watched *item, const struct rule_event *e, int64_t now_mono_us);
/* An active alert that nothing watches any more ends, and its shelf with it. */
void book_clear(struct alert_book *b, struct change_list *list, const struct watch *w,
                struct watched *item, int64_t now_mono_us, int64_t now_wall_us);
void book_clear_restored(struct alert_book *b, struct change_list *list, const struct restored *r,
                         int64_t now_wall_us);
/* The shelf of a rule and sensor without an active alert is over. */
void book_end_shelf(struct alert_book *b, struct change_list *list, const struct watch *w,
                    const struct watched *item, int64_t now_wall_us);

/* Takes over the newest rules, when there are newer ones than the lane's. */
void book_adopt(struct alert_book *b, size_t lane, struct change_list *list, int64_t now_mono_us,
                int64_t now_wall_us);

/* Carries out all that is ordered of a lane. */
void book_carry_out(struct alert_book *b, size_t lane, struct change_list *list,
                    int64_t now_mono_us, int64_t now_wall_us);

#endif
