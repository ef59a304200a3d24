/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of one configuration, with what all sensors of a rule share. Each lane has the one that
 * it judges by; a reload makes another, which the lanes take over one after the other. */
#ifndef SENSORGW_GATEWAY_RULESET_H
#define SENSORGW_GATEWAY_RULESET_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/sensor.h"
#include "gateway/inputs.h"
#include "gateway/notice.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

struct ruleset {
    /* set once */
    const struct config *config; /* which it is an owner of */
    struct inputs *inputs;       /* of expressions; NULL: there are none */
    uint64_t number;             /* the first is 1 */

    atomic_uint owners;

    pthread_mutex_t lock;
    struct notice_limit *limits; /* by rule; guarded by lock */
};

/* Has one owner. before: whose limits and inputs go on, for rules and sensors of the same name;
 * NULL: none. GW_ENOMEM. Any thread. */
enum gw_err ruleset_create(struct ruleset **out, const struct config *config,
                           struct sensor_table *sensors, struct ruleset *before);
struct ruleset *ruleset_hold(struct ruleset *r);
void ruleset_release(struct ruleset *r); /* the last owner frees it; NULL is ok */

#endif
