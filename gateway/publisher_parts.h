/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the publisher share: publisher.c, the thread, and publisher_outbox.c, the rows
 * of the outbox on their way. */
#ifndef SENSORGW_GATEWAY_PUBLISHER_PARTS_H
#define SENSORGW_GATEWAY_PUBLISHER_PARTS_H

#include "gateway/amend.h"
#include "gateway/bulletin.h"
#include "gateway/core/thread.h"
#include "gateway/feed.h"
#include "gateway/outbox.h"
#include "gateway/publisher.h"
#include "gateway/recall.h"
#include "gateway/urgent.h"
#include "gateway/withdraw.h"
#include "storage/query.h"

#include <pthread.h>

struct publisher {
    struct publisher_options options;
    struct feed *feed;
    struct bulletin *bulletin;
    struct urgent *urgent;
    struct amend *amend;
    struct recall *recall;
    struct withdraw *withdraw; /* NULL once stopped */
    struct thread thread;

    pthread_mutex_t lock;
    pthread_cond_t wake; /* on CLOCK_MONOTONIC */
    /* guarded by lock */
    bool stop, stopped, work, connected, greet, follow;
    int64_t wait_us;
    struct outbox outbox;

    /* the thread's own */
    struct query *query;
    int64_t reread_us;
    bool crowded;    /* the client took no more */
    bool is_greeted; /* by a connection that `recall` has not been told of */
};

/* publisher.c; in the publisher's thread. False when the client takes no more now. QoS 1 with
 * `done`, which Paho's threads call with p and the cookie, else `qos`. Takes text. */
bool publisher_send(struct publisher *p, const char *topic, char *text, int qos,
                    mqtt_published_fn *done, int64_t cookie);

/* publisher_outbox.c; in the publisher's thread. */
/* Fills the outbox from the database; opens it if need be, closes it when it fails. */
void rows_read(struct publisher *p);
void rows_look_back(struct publisher *p);
void rows_send(struct publisher *p);
/* Does a row wait, or is it under way, that was under way when a connection ended? It may be the
 * reason, and goes alone to find out. */
bool rows_suspect(struct publisher *p);
/* Those that the connection which has begun just now sends anyway. False: not known now. */
bool rows_open(struct publisher *p, struct recall_limits *out);
/* False: the writer takes no more now. */
bool rows_report(struct publisher *p);
/* Is anything sent or answered, or may it still be? */
bool rows_under_way(struct publisher *p);

#endif
