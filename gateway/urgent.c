/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/urgent.h"

#include <pthread.h>
#include <stdlib.h>

struct urgent {
    pthread_mutex_t lock;
    struct alert_change items[URGENT_MAX]; /* guarded by lock */
    size_t first, count;                   /* guarded by lock */
};

struct urgent *urgent_create(void)
{
    struct urgent *u = calloc(1, sizeof(*u));

    if (u)
        pthread_mutex_init(&u->lock, NULL);
    return u;
}

void urgent_destroy(struct urgent *u)
{
    if (!u)
        return;
    pthread_mutex_destroy(&u->lock);
    free(u);
}

static void drop_locked(struct urgent *u)
{
    if (u->count == 0)
        return;
    u->first = (u->first + 1) % URGENT_MAX;
    u->count--;
}

bool urgent_add(struct urgent *u, const struct alert_change *change)
{
    if (change->withheld || change->alert_id == 0)
        return true;
    pthread_mutex_lock(&u->lock);
    bool full = u->count == URGENT_MAX;
    if (full)
        drop_locked(u);
    u->items[(u->first + u->count++) % URGENT_MAX] = *change;
    pthread_mutex_unlock(&u->lock);
    return !full;
}

bool urgent_peek(struct urgent *u, struct alert_change *out)
{
    pthread_mutex_lock(&u->lock);
    bool any = u->count > 0;
    if (any)
        *out = u->items[u->first];
    pthread_mutex_unlock(&u->lock);
    return any;
}

void urgent_drop(struct urgent *u)
{
    pthread_mutex_lock(&u->lock);
    drop_locked(u);
    pthread_mutex_unlock(&u->lock);
}

struct alert_message urgent_message(const struct alert_change *change, const struct sensor *s,
                                    const char *instance)
{
    return (struct alert_message){.state = alert_state_name(change->state),
                                  .severity = severity_name(change->severity),
                                  .sensor = s->name,
                                  .unit = s->unit,
                                  .rule = change->rule,
                                  .value = change->value,
                                  .limit = change->limit,
                                  .since_us = change->since_us,
                                  .time_us = change->time_us,
                                  .reason = alert_reason_name(change->reason),
                                  .who = change->who,
                                  .comment = change->comment,
                                  .until_us = change->until_us,
                                  .repeat = change->repeat,
                                  .instance = instance,
                                  .alert_id = change->alert_id};
}
