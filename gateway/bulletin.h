/* SPDX-License-Identifier: Apache-2.0 */
/* The gateway's own figures on topic health, every 30 s and with each connection. They are the
 * largest of its messages, so a broker may refuse them, or hang up on them: then they come less and
 * less often, up to once an hour. One thread, but for bulletin_answer(). */
#ifndef SENSORGW_GATEWAY_BULLETIN_H
#define SENSORGW_GATEWAY_BULLETIN_H

#include "config/config.h"
#include "gateway/alert_counts.h"
#include "gateway/core/ledger.h"
#include "gateway/plant.h"

#include <stdbool.h>
#include <stdint.h>

struct bulletin;

/* All borrowed; must outlive the bulletin. */
struct bulletin_options {
    const struct config *config;
    struct ledger *ledger;
    struct plants *plants; /* the sources to tell of; NULL: none */
    /* Counts the alerts; false: they are not known now. NULL: never. */
    bool (*count_alerts)(void *arg, struct alert_counts *out);
    /* Publishes `text`, which it takes, retained and with QoS 1; the answer goes to
     * bulletin_answer(). False: not now. */
    bool (*send)(void *arg, const char *topic, char *text);
    void *arg;
};

struct bulletin *bulletin_create(const struct bulletin_options *options); /* NULL: no memory */
void bulletin_destroy(struct bulletin *b);                                /* NULL is ok */

/* A new connection, or another configuration: they are sent at once, unless they went badly before.
 */
void bulletin_greet(struct bulletin *b);

/* The broker's answer to what was sent last: its reason code, or negative: the connection was lost.
 * Any thread. */
void bulletin_answer(struct bulletin *b, int reason);

/* While connected: sends them when they are due. */
void bulletin_work(struct bulletin *b);

#endif
