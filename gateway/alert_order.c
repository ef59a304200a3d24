/* SPDX-License-Identifier: Apache-2.0 */
/* Acknowledge, shelve, unshelve: from any thread to the worker that has the state. */
#include "gateway/alert_book.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/utf8.h"

#include <stdio.h>
#include <string.h>

struct order_context {
    struct alert_book *book;
    struct change_list *list;
    const struct order *order;
    const struct watch *watch;
    struct watched *item;
    int64_t now_mono_us, now_wall_us;
    const char *why; /* it fails; static */
};

static struct alert_change *new_change(const struct order_context *c, enum alert_state state)
{
    struct alert_change *change = book_change(c->watch, c->item, state, c->now_wall_us);

    if (!change)
        return NULL;
    change->value = c->item->state.value;
    snprintf(change->who, sizeof(change->who), "%s", c->order->who);
    snprintf(change->comment, sizeof(change->comment), "%s", c->order->comment);
    return change;
}

/* Told only when subscribers know of the alert; done in any case. */
static enum gw_err add(struct order_context *c, struct alert_change *change)
{
    if (!change)
        return GW_ENOMEM;
    change->withheld = !c->item->notice.told ? ALERT_WITHHELD_SHELVED : ALERT_TOLD;
    book_add(c->book, c->list, change);
    return GW_OK;
}

static enum gw_err acknowledge(struct order_context *c)
{
    struct notice *n = &c->item->notice;

    if (c->item->state.severity == SEVERITY_NONE) {
        c->why = "there is no active alert to acknowledge";
        return GW_ENOENT;
    }
    if (n->acknowledged)
        return GW_OK;
    n->acknowledged = true;
    snprintf(n->who, sizeof(n->who), "%s", c->order->who);
    return add(c, new_change(c, ALERT_ACKNOWLEDGED));
}

/* Without an active alert only the shelf is stored: alert_id is 0. */
static enum gw_err shelve(struct order_context *c)
{
    struct alert_change *change = new_change(c, ALERT_SHELVED);

    if (!change)
        return GW_ENOMEM;
    if (c->item->state.severity == SEVERITY_NONE)
        change->alert_id = 0;
    c->item->notice.shelf_end_us = c->now_mono_us + c->order->shelve_us;
    change->shelf = SHELF_PUT;
    change->until_us = c->now_wall_us + c->order->shelve_us;
    return add(c, change);
}

/* Its end is now, and the tick does the rest. */
static enum gw_err unshelve(struct order_context *c)
{
    if (c->item->notice.shelf_end_us == 0) {
        c->why = "it is not shelved";
        return GW_ENOENT;
    }
    c->item->notice.shelf_end_us = c->now_mono_us;
    return GW_OK;
}

static enum gw_err carry_out(struct order_context *c)
{
    static enum gw_err (*const verbs[])(struct order_context *) = {
        [ALERT_ACKNOWLEDGE] = acknowledge, [ALERT_SHELVE] = shelve, [ALERT_UNSHELVE] = unshelve};

    if (!c->item) {
        c->why = "no such rule watches it any more";
        return GW_ENOENT;
    }
    return verbs[c->order->verb](c);
}

void book_carry_out(struct alert_book *b, size_t lane, struct change_list *list,
                    int64_t now_mono_us, int64_t now_wall_us)
{
    const struct order *order;

    while ((order = orders_take(b->lanes[lane].orders))) {
        struct watch *w = book_watch(b, lane, order->sensor);
        struct order_context c = {.book = b,
                                  .list = list,
                                  .order = order,
                                  .watch = w,
                                  .item = w ? watch_find(w, order->rule) : NULL,
                                  .now_mono_us = now_mono_us,
                                  .now_wall_us = now_wall_us,
                                  .why = ""};
        enum gw_err err = carry_out(&c);
        if (err != GW_OK)
            log_warning("alert %s %s: %s: %s", sensor_table_get(b->sensors, order->sensor)->name,
                        order->rule,
                        order->verb == ALERT_ACKNOWLEDGE ? "not acknowledged" : "not done",
                        *c.why ? c.why : gw_strerror(err));
        orders_answer(b->lanes[lane].orders, err, *c.why ? c.why : gw_strerror(err));
    }
}

/* --- any thread --- */

static enum gw_err check(struct alert_book *b, const struct alert_command *c, uint32_t sensor,
                         char *why)
{
    if (sensor == SENSOR_NONE) {
        snprintf(why, ORDER_WHY_SIZE, "there is no sensor of that name");
        return GW_ENOENT;
    }
    pthread_mutex_lock(&b->lock);
    bool watched = watch_rule(b->newest->config, c->rule, c->sensor);
    pthread_mutex_unlock(&b->lock);
    if (!watched) {
        snprintf(why, ORDER_WHY_SIZE, "no rule \"%.64s\" watches that sensor", c->rule);
        return GW_ENOENT;
    }
    if (c->verb == ALERT_SHELVE && (c->shelve_us <= 0 || c->shelve_us > ALERT_SHELVE_MAX_US)) {
        snprintf(why, ORDER_WHY_SIZE, "it can be shelved for a time such as 30m or 2h, at most 1y");
        return GW_EINVAL;
    }
    return GW_OK;
}

enum gw_err alert_book_command(struct alert_book *b, const struct alert_command *c, int64_t wait_us,
                               char why[ORDER_WHY_SIZE])
{
    char unused[ORDER_WHY_SIZE];
    uint32_t sensor = sensor_table_find(b->sensors, c->sensor);

    why = why ? why : unused;
    why[0] = '\0';
    enum gw_err err = check(b, c, sensor, why);
    if (err != GW_OK)
        return err;
    struct order order = {.verb = c->verb, .sensor = sensor, .shelve_us = c->shelve_us};
    snprintf(order.rule, sizeof(order.rule), "%s", c->rule);
    utf8_copy(order.who, sizeof(order.who), c->who ? c->who : "");
    utf8_copy(order.comment, sizeof(order.comment), c->comment ? c->comment : "");
    err = orders_give(b->lanes[sensor % b->lane_count].orders, &order, wait_us, why);
    if (err == GW_EFULL || err == GW_ENOMEM)
        snprintf(why, ORDER_WHY_SIZE, "too many at once; try again");
    else if (err == GW_ETIMEDOUT)
        snprintf(why, ORDER_WHY_SIZE, "it is ordered, but the gateway is too busy to confirm it");
    return err;
}
