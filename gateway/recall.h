/* SPDX-License-Identifier: Apache-2.0 */
/* Tells again what a broker has forgotten. One that was restarted without persistence has no
 * retained messages any more, so that who subscribes then would not learn of alerts that are
 * active. A connection that finds no session of ours there is the sign: the last transition of each
 * active alert that was delivered is published once more, as it was, with its seq. What is in the
 * outbox still, or was refused, is not its business. One at a time; one thread, but for
 * recall_answer(). */
#ifndef SENSORGW_GATEWAY_RECALL_H
#define SENSORGW_GATEWAY_RECALL_H

#include "config/config.h"
#include "gateway/outbox.h"
#include "storage/query.h"

#include <stdbool.h>
#include <stdint.h>

struct recall;

/* Publishes, retained and with QoS 1; takes text. The answer goes to recall_answer(). False: not
 * now. */
typedef bool recall_send_fn(void *arg, const char *topic, char *text, int64_t seq);

/* Borrows config; NULL: no memory. */
struct recall *recall_create(const struct config *config, recall_send_fn *send, void *arg);
void recall_destroy(struct recall *r); /* NULL is ok */

/* What the connection sends in any case, though it may have been delivered when it is looked for:
 * transitions after `until`, and those in `open`. */
struct recall_limits {
    int64_t until;
    int64_t open[OUTBOX_WINDOW];
    size_t count;
};

/* A connection has begun, and the broker had no session. */
void recall_begin(struct recall *r, const struct recall_limits *limits, int64_t now_mono_us);
/* A connection has begun, and the broker had one: what was told again in part goes on. */
void recall_go_on(struct recall *r, int64_t now_mono_us);
/* While connected: does what is due. */
void recall_work(struct recall *r, struct query *q, int64_t now_mono_us);
/* The broker's answer: its reason code, or negative: the connection was lost. Any thread. */
void recall_answer(struct recall *r, int reason);

#endif
