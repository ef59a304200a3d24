/* SPDX-License-Identifier: Apache-2.0 */
/* Which transitions of an alert subscribers are told of. All are stored; withheld are those of a
 * rule and sensor that is shelved, and raises beyond the rule's max_raises. An alert that was
 * withheld and is still active when the reason is over is told then; one that nobody acknowledges
 * is told again each `repeat`. Pure. */
#ifndef SENSORGW_GATEWAY_NOTICE_H
#define SENSORGW_GATEWAY_NOTICE_H

#include "config/config.h"
#include "gateway/core/record.h"

#include <stdbool.h>
#include <stdint.h>

/* One for each rule and sensor; all zero: nothing happened yet. Times are monotonic µs. */
struct notice {
    int64_t shelf_end_us; /* 0: not shelved */
    int64_t told_us;      /* when subscribers were last told of the present excursion */
    uint32_t repeats;
    bool told; /* they know of the present excursion */
    bool acknowledged;
    char who[ALERT_WHO_MAX + 1]; /* acknowledged it */
};

/* One for each rule, shared by all its sensors. */
struct notice_limit {
    int64_t since_us; /* start of the present max_per; 0: none yet */
    int64_t raised;   /* told in it */
    int64_t withheld;
    int64_t alert_id; /* the last one withheld, and its sensor: what the summary hangs on */
    uint32_t sensor;
};

/* Judges a transition that happens now, and notes it; a raise that is told uses up the limit. */
enum alert_withheld notice_judge(struct notice *n, const struct rule_config *rule,
                                 struct notice_limit *limit, enum alert_state state,
                                 int64_t now_us);

/* The same for the state that is, told anew. */
enum alert_withheld notice_tell(struct notice *n, const struct rule_config *rule,
                                struct notice_limit *limit, int64_t now_us);

/* What time alone brings. NOTICE_UNSHELVE: the shelf is over (its end is forgotten). NOTICE_TELL:
 * subscribers may know now of an active alert that was withheld. NOTICE_REMIND: `repeat` is over
 * (the reminder is counted). */
enum notice_due { NOTICE_NOTHING, NOTICE_UNSHELVE, NOTICE_TELL, NOTICE_REMIND };
enum notice_due notice_tick(struct notice *n, const struct rule_config *rule,
                            const struct notice_limit *limit, bool active, int64_t now_us);

/* The number withheld in a max_per that has ended, once; else 0. */
int64_t notice_limit_over(struct notice_limit *limit, const struct rule_config *rule,
                          int64_t now_us);

#endif
