/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/pending.h"

#include <stdlib.h>

void pending_init(struct pending *p)
{
    pthread_mutex_init(&p->lock, NULL);
    p->first = NULL;
}

void pending_fini(struct pending *p)
{
    pthread_mutex_destroy(&p->lock);
}

struct pending_request *pending_add(struct pending *p, void *owner, uint64_t token, bool subscribe)
{
    struct pending_request *r = calloc(1, sizeof(*r));

    if (!r)
        return NULL;
    *r = (struct pending_request){.owner = owner, .token = token, .subscribe = subscribe};
    pthread_mutex_lock(&p->lock);
    r->next = p->first;
    if (r->next)
        r->next->previous = r;
    p->first = r;
    pthread_mutex_unlock(&p->lock);
    return r;
}

void pending_remove(struct pending *p, struct pending_request *r)
{
    pthread_mutex_lock(&p->lock);
    if (r->next)
        r->next->previous = r->previous;
    if (r->previous)
        r->previous->next = r->next;
    else
        p->first = r->next;
    pthread_mutex_unlock(&p->lock);
    free(r);
}

void pending_clear(struct pending *p)
{
    pthread_mutex_lock(&p->lock);
    struct pending_request *r = p->first;
    p->first = NULL;
    pthread_mutex_unlock(&p->lock);
    for (struct pending_request *next; r; r = next) {
        next = r->next;
        free(r);
    }
}
