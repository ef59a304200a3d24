/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the alert book share: alert.c binds and restores, alert_judge.c makes
 * transitions, alert_order.c carries out what people order. Nobody else includes it. */
#ifndef SENSORGW_GATEWAY_ALERT_BOOK_H
#define SENSORGW_GATEWAY_ALERT_BOOK_H

#include "gateway/alert.h"
#include "gateway/inputs.h"
#include "gateway/notice.h"
#include "gateway/watch.h"

#include <pthread.h>
#include <stdatomic.h>

struct lane {
    struct watch **watches; /* by sensor index / lanes; NULL: not seen yet */
    struct orders *orders;
};

/* Something of an earlier run whose sensor has not been seen in this one. */
struct restored {
    struct alert_change change;
    char *sensor_name;
    int64_t mono_us, wall_us; /* when that was */
};

struct alert_book {
    /* set once */
    const struct config *config;
    struct sensor_table *sensors;
    size_t lane_count;
    size_t per_lane; /* sensors that a lane may have */
    int64_t start_mono_us;
    struct restored *restored; /* complete before the workers start */
    size_t restored_count;

    atomic_int_least64_t next_id;
    atomic_size_t active;

    pthread_mutex_t limits_lock;
    struct notice_limit *limits; /* by rule; guarded by limits_lock */

    struct inputs *inputs; /* of expressions; NULL: there are none */

    struct lane *lanes; /* each the worker's own */
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

/* A transition of an active alert, not yet judged by notice_judge(); NULL without memory. */
struct alert_change *book_change(const struct watch *w, const struct watched *item,
                                 enum alert_state state, int64_t time_us);
/* Appends it, logs and counts it. */
void book_add(struct alert_book *b, struct change_list *list, struct alert_change *change);
/* The present state of an active alert once more: after a shelf, a limit, or as a reminder. */
void book_tell(struct alert_book *b, struct change_list *list, const struct watch *w,
               struct watched *item, int64_t now_mono_us, int64_t now_wall_us, bool is_reminder);

/* Carries out all that is ordered of a lane. */
void book_carry_out(struct alert_book *b, size_t lane, struct change_list *list,
                    int64_t now_mono_us, int64_t now_wall_us);

#endif
