/* SPDX-License-Identifier: Apache-2.0 */
/* The client's messages on their way out: at most 64, sent in the order in which they came. Each
 * is answered exactly once: by the broker, or with -1 when nobody will answer any more. */
#ifndef SENSORGW_DRIVERS_MQTT_SLOTS_H
#define SENSORGW_DRIVERS_MQTT_SLOTS_H

#include "drivers/mqtt/client.h"
#include "drivers/mqtt/link.h"
#include "gateway/core/err.h"

#include <stdint.h>

struct slots;

/* `done` may be NULL; it is called without any lock. */
struct slots_message {
    struct link_message message; /* its topic and payload are copied */
    mqtt_published_fn *done;
    void *arg;
    int64_t cookie;
};

struct slots *slots_create(void); /* NULL: no memory */
void slots_destroy(struct slots *slots);

/* GW_EFULL when all are in use; GW_ECONN once closed. Any thread. */
enum gw_err slots_put(struct slots *slots, const struct slots_message *message);

/* Hands what waits to the link; the owner's thread. */
void slots_send(struct slots *slots, struct mqtt_link *link);

/* The answer to what slots_send() gave the link with `token`; a late one is ignored. Any thread. */
void slots_answer(struct slots *slots, uint64_t token, int reason);

/* Nobody will answer for these any more: all are answered with -1. */
void slots_fail(struct slots *slots);

/* From now on nothing more is taken. */
void slots_close(struct slots *slots);

#endif
