/* SPDX-License-Identifier: Apache-2.0 */
/* One message under way to the broker, and its answer: the owner's thread sends it, any thread
 * brings the answer, the owner's thread takes that. */
#ifndef SENSORGW_GATEWAY_FLIGHT_H
#define SENSORGW_GATEWAY_FLIGHT_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

enum flight_state { FLIGHT_NONE, FLIGHT_SENT, FLIGHT_ANSWERED };

struct flight {
    pthread_mutex_t lock;
    /* guarded by lock */
    enum flight_state state;
    int reason;          /* when ANSWERED: the broker's code, or negative: lost */
    int64_t answered_us; /* when ANSWERED; monotonic */
};

void flight_init(struct flight *f);
void flight_destroy(struct flight *f);

/* Before it is handed over: the answer may come before that returns. */
void flight_begin(struct flight *f);
/* It was not sent after all, or its answer is dealt with. */
void flight_end(struct flight *f);

/* Any thread. Ignored unless one is under way. */
void flight_answer(struct flight *f, int reason);

enum flight_state flight_look(struct flight *f);

/* The broker's code of one that is ANSWERED, which ends it. *answered_us (NULL is ok): when. */
int flight_take(struct flight *f, int64_t *answered_us);

/* Is it a code for "taken"? */
static inline bool flight_is_success(int reason)
{
    return reason >= 0 && reason < 0x80;
}

#endif
