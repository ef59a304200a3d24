/* SPDX-License-Identifier: Apache-2.0 */
/* What people order for alerts, handed to the thread that has their state: a bounded list with any
 * number of givers and one taker. */
#ifndef SENSORGW_GATEWAY_ORDERS_H
#define SENSORGW_GATEWAY_ORDERS_H

#include "gateway/core/err.h"
#include "gateway/core/record.h"

#include <stdint.h>

enum alert_verb { ALERT_ACKNOWLEDGE, ALERT_SHELVE, ALERT_UNSHELVE };

#define ORDERS_MAX 64
#define ORDER_WHY_SIZE 160

struct order {
    enum alert_verb verb;
    uint32_t sensor;
    char rule[RULE_NAME_MAX + 1];
    char who[ALERT_WHO_MAX + 1];
    char comment[ALERT_COMMENT_MAX + 1];
    int64_t shelve_us; /* ALERT_SHELVE: for how long */
};

struct orders;

struct orders *orders_create(void); /* NULL: no memory */
void orders_destroy(struct orders *o);

/* Copies the order, and waits up to wait_us (0: not at all) for what became of it: the taker's
 * answer; GW_OK, with 0; GW_ETIMEDOUT: it will still be carried out; GW_EFULL, GW_ENOMEM: not
 * taken. `why` (may be NULL) gets the taker's words. Any thread. */
enum gw_err orders_give(struct orders *o, const struct order *order, int64_t wait_us,
                        char why[ORDER_WHY_SIZE]);

/* The next one, or NULL: there is none. Cheap when there is none. Borrowed until the answer. */
const struct order *orders_take(struct orders *o);
/* What became of the one that was taken; `why` is copied. */
void orders_answer(struct orders *o, enum gw_err result, const char *why);

#endif
