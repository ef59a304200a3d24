/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/readers.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

struct readers {
    const char *database; /* borrowed */

    pthread_mutex_t lock;
    struct {
        struct query *query; /* NULL: not opened yet */
        bool taken;
    } places[READERS]; /* guarded by lock */
};

enum gw_err readers_create(struct readers **out, const char *database)
{
    struct readers *r = calloc(1, sizeof(*r));

    if (!r)
        return GW_ENOMEM;
    r->database = database;
    pthread_mutex_init(&r->lock, NULL);
    *out = r;
    return GW_OK;
}

void readers_destroy(struct readers *r)
{
    if (!r)
        return;
    for (size_t i = 0; i < READERS; i++)
        query_close(r->places[i].query);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* Takes a free place and what is there; one that is open is preferred. READERS: none is free. */
static size_t take_place(struct readers *r, struct query **q)
{
    size_t found = READERS;

    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < READERS; i++) {
        if (!r->places[i].taken && (found == READERS || r->places[i].query))
            found = i;
    }
    if (found < READERS) {
        r->places[found].taken = true;
        *q = r->places[found].query;
    }
    pthread_mutex_unlock(&r->lock);
    return found;
}

static void set_place(struct readers *r, size_t place, struct query *q)
{
    pthread_mutex_lock(&r->lock);
    r->places[place].query = q;
    r->places[place].taken = q != NULL;
    pthread_mutex_unlock(&r->lock);
}

enum gw_err readers_take(struct readers *r, struct query **q)
{
    struct query *opened = NULL;
    size_t place = take_place(r, q);

    if (place == READERS)
        return GW_EBUSY;
    if (!*q) {
        enum gw_err err = query_open(&opened, r->database);
        set_place(r, place, opened);
        if (err != GW_OK)
            return err;
        *q = opened;
    }
    query_limit(*q, READERS_BUDGET_US);
    return GW_OK;
}

void readers_give(struct readers *r, struct query *q)
{
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < READERS; i++) {
        if (r->places[i].query == q)
            r->places[i].taken = false;
    }
    pthread_mutex_unlock(&r->lock);
}
