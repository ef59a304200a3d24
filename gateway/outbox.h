/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the outbox that is on its way: rows read from the database, sent in order for each
 * (sensor, rule), and reported when the broker has answered. No lock: the owner has one. Rows are
 * read forward only, so one that was answered is not sent again while the writer has not yet
 * committed that. */
#ifndef SENSORGW_GATEWAY_OUTBOX_H
#define SENSORGW_GATEWAY_OUTBOX_H

#include "gateway/core/record.h"
#include "gateway/core/sensor.h"
#include "gateway/message.h"
#include "storage/query.h"
#include "storage/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OUTBOX_WINDOW 64
#define OUTBOX_IN_FLIGHT 16
#define OUTBOX_PATIENCE 3 /* lost connections with the same row under way: it is the culprit */

/* Reasons of our own; stored in `alert_event.reason_code`. */
#define OUTBOX_LOST (-1)       /* the connection was lost each time it was under way */
#define OUTBOX_UNSENDABLE (-2) /* no broker would take its topic */

enum outbox_state { OUTBOX_FREE, OUTBOX_WAITING, OUTBOX_SENT, OUTBOX_ANSWERED };

struct outbox_entry {
    enum outbox_state state;
    int64_t seq, alert_id;
    char instance[20], sensor[SENSOR_NAME_MAX + 1], rule[RULE_NAME_MAX + 1], unit[64];
    char severity[16], alert_state[16];
    double value, limit;
    int64_t time_us, since_us, until_us;
    unsigned repeat;
    bool is_undated;
    char reason[16], who[ALERT_WHO_MAX + 1], comment[ALERT_COMMENT_MAX + 1];
    int lost; /* connections that ended while it was under way */
    int code; /* ANSWERED: the broker's, or OUTBOX_LOST, OUTBOX_UNSENDABLE */
};

struct outbox {
    struct outbox_entry entries[OUTBOX_WINDOW]; /* [0 … count) in order of seq */
    size_t count;
    int64_t last_seq; /* read so far */
};

/* Room for how many more rows. */
size_t outbox_room(const struct outbox *o);
/* The entry with that seq, or NULL. */
struct outbox_entry *outbox_find(struct outbox *o, int64_t seq);
/* For a query whose first row is wanted: copies it into a struct outbox_entry, which then is no
 * more OUTBOX_FREE. */
bool outbox_take_one(void *entry, const struct outbox_row *row);
/* Takes a copy of the next row; there must be room. */
void outbox_add(struct outbox *o, const struct outbox_row *row);

/* The next entry that may be sent now, or NULL: in order, one under way for each (sensor, rule),
 * OUTBOX_IN_FLIGHT in all. The caller marks it OUTBOX_SENT. */
struct outbox_entry *outbox_next(struct outbox *o);

/* Is there one without an answer that was under way when a connection ended? */
bool outbox_suspects(const struct outbox *o);

/* The broker's answer (OUTBOX_LOST: lost with the connection; OUTBOX_UNSENDABLE) to the entry with
 * that seq. Any entry that
 * was lost for the OUTBOX_PATIENCE-th time while alone in flight, or was refused (≥ 0x80), is
 * given up. */
void outbox_answer(struct outbox *o, int64_t seq, int reason);

/* An entry that is ANSWERED, or NULL; *result says how. */
struct outbox_entry *outbox_answered(struct outbox *o, struct outbox_result *result);
/* Its message; borrows from the entry. */
struct alert_message outbox_message(const struct outbox_entry *e);
/* Its result has been handed over. */
void outbox_remove(struct outbox *o, struct outbox_entry *e);

#endif
