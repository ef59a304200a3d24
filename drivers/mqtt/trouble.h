/* SPDX-License-Identifier: Apache-2.0 */
/* What keeps the client from its broker: logged, and kept for health. Noted by the client's thread
 * alone; read by any. */
#ifndef SENSORGW_DRIVERS_MQTT_TROUBLE_H
#define SENSORGW_DRIVERS_MQTT_TROUBLE_H

#include "drivers/mqtt/diagnosis.h"
#include "drivers/mqtt/link.h"

#include <pthread.h>
#include <stdbool.h>

#define TROUBLE_LOSSES 3 /* connections that ended soon, one after the other: a pattern */

struct trouble {
    /* the client's thread's own */
    unsigned soon;               /* how many in a row ended soon, without a reason of ours */
    char logged[DIAGNOSIS_SIZE]; /* of no connection, since the last one */
    char before[DIAGNOSIS_SIZE]; /* the other one, where two take turns */

    pthread_mutex_t lock;
    struct diagnosis what; /* guarded by lock; text empty: nothing */
};

void trouble_init(struct trouble *t);
void trouble_fini(struct trouble *t);

/* No connection came about; reason: see LINK_REFUSED. Without a code of the broker's it looks
 * around for one, see diagnose(). Logged when it is none of the two that were logged last. */
void trouble_refused(struct trouble *t, struct mqtt_link *link, int reason,
                     bool (*stopping)(void *arg), void *arg);
/* A connection ended, `soon` after it began. Logged. */
void trouble_lost(struct trouble *t, struct mqtt_link *link, int reason, bool soon);
void trouble_connected(struct trouble *t); /* what is a pattern stays */
void trouble_settled(struct trouble *t);   /* the connection lasts: there is none any more */

/* False, and an empty text: none. */
bool trouble_read(struct trouble *t, struct diagnosis *out);

#endif
