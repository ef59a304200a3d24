/* SPDX-License-Identifier: Apache-2.0 */
/* Sets right what the broker keeps of an alert. When it refused the newest transition of a sensor
 * and rule, its retained message still tells of an older one, "raised" perhaps. So with each
 * connection, soon after a refusal, and each hour such transitions are sent again: in a brief form,
 * which is smaller and has no texts of people, and if that is refused too or has cost connections
 * again and again, as an empty message, which makes the broker forget the old one. One at a time;
 * one thread, but for amend_answer(). */
#ifndef SENSORGW_GATEWAY_AMEND_H
#define SENSORGW_GATEWAY_AMEND_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "storage/query.h"
#include "storage/store.h"

#include <stdbool.h>
#include <stdint.h>

struct amend;

/* What it needs of its owner, with `arg`. */
struct amend_link {
    /* Publishes, retained and with QoS 1; takes text. The answer goes to amend_answer(). False: not
     * now. */
    bool (*send)(void *arg, const char *topic, char *text, int64_t seq);
    /* Notes that the row was taken after all. GW_EFULL: not now. */
    enum gw_err (*done)(void *arg, const struct outbox_result *result);
    void *arg;
};

/* Borrows config; NULL: no memory. */
struct amend *amend_create(const struct config *config, const struct amend_link *link);
void amend_destroy(struct amend *a); /* NULL is ok */

/* A connection has begun. */
void amend_greet(struct amend *a, int64_t now_mono_us);
/* The transition with that seq was refused just now; the store will soon have that. */
void amend_soon(struct amend *a, int64_t seq, int64_t now_mono_us);
/* While connected: does what is due. */
void amend_work(struct amend *a, struct query *q, int64_t now_mono_us);
/* The broker's answer: its reason code, or negative: the connection was lost. Any thread. */
void amend_answer(struct amend *a, int reason);

#endif
