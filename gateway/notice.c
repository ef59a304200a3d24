/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/notice.h"

/* Until the summary of the last max_per is made, its count is kept and nothing new begins. */
static bool may_begin_anew(const struct notice_limit *l, const struct rule_config *rule,
                           int64_t now_us)
{
    return l->since_us == 0 || (now_us - l->since_us >= rule->max_per_us && l->withheld == 0);
}

/* Is there room for one more raise? */
static bool is_open(const struct notice_limit *l, const struct rule_config *rule, int64_t now_us)
{
    return rule->max_raises == 0 || l->raised < rule->max_raises || may_begin_anew(l, rule, now_us);
}

/* Takes the room for one, or counts it as withheld. */
static bool take_room(struct notice_limit *l, const struct rule_config *rule, int64_t now_us)
{
    bool room = is_open(l, rule, now_us);

    if (rule->max_raises == 0)
        return true;
    if (may_begin_anew(l, rule, now_us)) {
        l->since_us = now_us;
        l->raised = 0;
    }
    if (room)
        l->raised++;
    else
        l->withheld++;
    return room;
}

static enum alert_withheld tell(struct notice *n, int64_t now_us)
{
    n->told = true;
    n->told_us = now_us;
    return ALERT_TOLD;
}

enum alert_withheld notice_tell(struct notice *n, const struct rule_config *rule,
                                struct notice_limit *limit, int64_t now_us)
{
    if (n->shelf_end_us != 0)
        return ALERT_WITHHELD_SHELVED;
    if (!n->told && !take_room(limit, rule, now_us))
        return ALERT_WITHHELD_LIMITED;
    return tell(n, now_us);
}

enum alert_withheld notice_judge(struct notice *n, const struct rule_config *rule,
                                 struct notice_limit *limit, enum alert_state state, int64_t now_us)
{
    enum alert_withheld unknown = n->shelf_end_us ? ALERT_WITHHELD_SHELVED : ALERT_WITHHELD_LIMITED;
    bool told = n->told;

    if (state == ALERT_CLEARED || state == ALERT_ESCALATED) {
        n->acknowledged = false;
        n->who[0] = '\0';
        n->repeats = 0;
    }
    if (state == ALERT_CLEARED)
        n->told = false;
    if (state == ALERT_RAISED || state == ALERT_ESCALATED)
        return notice_tell(n, rule, limit, now_us);
    return told ? ALERT_TOLD : unknown; /* of what nobody heard, nobody need hear the end */
}

enum notice_due notice_tick(struct notice *n, const struct rule_config *rule,
                            const struct notice_limit *limit, bool active, int64_t now_us)
{
    if (n->shelf_end_us != 0) {
        if (now_us < n->shelf_end_us)
            return NOTICE_NOTHING;
        n->shelf_end_us = 0;
        return NOTICE_UNSHELVE;
    }
    if (!active)
        return NOTICE_NOTHING;
    if (!n->told)
        return is_open(limit, rule, now_us) ? NOTICE_TELL : NOTICE_NOTHING;
    if (rule->repeat_us == 0 || n->acknowledged || now_us - n->told_us < rule->repeat_us)
        return NOTICE_NOTHING;
    n->told_us = now_us;
    n->repeats++;
    return NOTICE_REMIND;
}

int64_t notice_limit_over(struct notice_limit *limit, const struct rule_config *rule,
                          int64_t now_us)
{
    int64_t withheld = limit->withheld;

    if (withheld == 0 || now_us - limit->since_us < rule->max_per_us)
        return 0;
    limit->since_us = limit->raised = limit->withheld = 0;
    return withheld;
}
