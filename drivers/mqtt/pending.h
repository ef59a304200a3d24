/* SPDX-License-Identifier: Apache-2.0 */
/* The requests to Paho that have no answer yet: what a callback is given, and what is left to free
 * when no callback can come any more. Functions may be called by any thread. */
#ifndef SENSORGW_DRIVERS_MQTT_PENDING_H
#define SENSORGW_DRIVERS_MQTT_PENDING_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct pending_request {
    struct pending_request *next, *previous;
    void *owner;    /* as given; for the callback */
    uint64_t token; /* as given */
    bool subscribe; /* as given: not a message but a subscription */
};

struct pending {
    pthread_mutex_t lock;
    struct pending_request *first; /* guarded by lock */
};

void pending_init(struct pending *p);
void pending_fini(struct pending *p); /* after pending_clear() */

/* NULL: no memory. Owned by the set until pending_remove(), which frees it. */
struct pending_request *pending_add(struct pending *p, void *owner, uint64_t token, bool subscribe);
void pending_remove(struct pending *p, struct pending_request *r);
/* Frees all of them; their callbacks must not come any more. */
void pending_clear(struct pending *p);

#endif
