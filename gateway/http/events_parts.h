/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the event streams share: events.c has the thread, events_client.c tells each
 * client what it does not know, events_ring.c has the alert transitions. */
#ifndef SENSORGW_GATEWAY_HTTP_EVENTS_PARTS_H
#define SENSORGW_GATEWAY_HTTP_EVENTS_PARTS_H

#include "gateway/core/thread.h"
#include "gateway/http/events.h"

#include <microhttpd.h>

struct query;

struct events_client {
    struct events *hub;
    struct MHD_Connection *connection;
    struct events_client *next; /* guarded by the hub's lock */
    bool suspended;             /* guarded by the hub's lock */

    /* what it has been told */
    bool greeted;
    uint64_t alerts, beats;
    uint64_t version;  /* of the live values */
    uint64_t target;   /* that it will have when the pass over the sensors is through */
    uint32_t position; /* of the pass: next sensor; UINT32_MAX: none is under way */

    /* being sent */
    char *text;
    size_t length, sent;
};

struct events {
    struct http_options options; /* set once */
    struct thread thread;

    /* the thread's own */
    struct query *query;
    int64_t last_seq;

    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* guarded by lock */
    bool closing, stored; /* stored: there are transitions to read */
    struct events_client *clients;
    size_t count;
    uint64_t version; /* of the live values, as of the last tick */
    uint64_t beats;
    int64_t next_beat_us;
    char *ring[EVENTS_RING]; /* transitions as JSON; [n % EVENTS_RING] is the n-th */
    uint64_t alerts;         /* so far */
};

/* Whether there is anything to tell it. Its hub's lock is held. */
bool events_has_news_locked(const struct events_client *c);

/* Appends what was stored since the last call; only for the hub's thread. False: it could not be
 * read now. */
bool events_read_stored(struct events *e);

#endif
