/* SPDX-License-Identifier: Apache-2.0 */
/* Transitions that could not be stored and are to be published at once: a bounded list that drops
 * its oldest. Any thread. */
#ifndef SENSORGW_GATEWAY_URGENT_H
#define SENSORGW_GATEWAY_URGENT_H

#include "gateway/core/record.h"
#include "gateway/core/sensor.h"
#include "gateway/message.h"

#include <stdbool.h>

#define URGENT_MAX 256

struct urgent;

struct urgent *urgent_create(void);    /* NULL: no memory */
void urgent_destroy(struct urgent *u); /* NULL is ok */

/* Copies; one that is withheld from subscribers is left out. False: the oldest made room for it. */
bool urgent_add(struct urgent *u, const struct alert_change *change);
/* A copy of the oldest; false: there is none. */
bool urgent_peek(struct urgent *u, struct alert_change *out);
void urgent_drop(struct urgent *u); /* the oldest */

/* Its message, "durable": false. Borrows all. */
struct alert_message urgent_message(const struct alert_change *change, const struct sensor *s,
                                    const char *instance);

#endif
