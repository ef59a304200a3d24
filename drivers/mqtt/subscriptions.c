/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/subscriptions.h"

#include "drivers/mqtt/link.h"
#include "drivers/mqtt/topic.h"
#include "gateway/core/log.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct subscription {
    struct subscription *next;
    unsigned id;
    char *filter;
    int qos;
    mqtt_message_fn *fn;
    void *arg;
    bool waiting;     /* to be sent */
    int refused;      /* the broker's reason, not yet logged; 0: none */
    int last_refused; /* logged; the same again is not */
};

struct subscriptions {
    /* Held while callbacks run, so that remove() can promise that none does: they only try-push.
     * Never held over a call into Paho, which holds its own lock when it calls us. */
    pthread_mutex_t lock;
    struct subscription *first;
    struct subscription *removed; /* still known to the broker */
    bool tidy;                    /* it shall forget them */
    unsigned next_id;
};

struct subscriptions *subscriptions_create(void)
{
    struct subscriptions *s = calloc(1, sizeof(*s));

    if (s)
        pthread_mutex_init(&s->lock, NULL);
    return s;
}

static void free_one(struct subscription *x)
{
    free(x->filter);
    free(x);
}

static void free_list(struct subscription *x)
{
    for (struct subscription *next; x; x = next) {
        next = x->next;
        free_one(x);
    }
}

void subscriptions_destroy(struct subscriptions *s)
{
    if (!s)
        return;
    free_list(s->first);
    free_list(s->removed);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

enum gw_err subscriptions_add(struct subscriptions *s, const char *filter, int qos,
                              mqtt_message_fn *fn, void *arg, unsigned *id)
{
    struct subscription *x = calloc(1, sizeof(*x));
    char *copy = strdup(filter);

    if (!x || !copy) {
        free(x);
        free(copy);
        return GW_ENOMEM;
    }
    *x = (struct subscription){.filter = copy, .qos = qos, .fn = fn, .arg = arg, .waiting = true};
    pthread_mutex_lock(&s->lock);
    x->id = s->next_id++;
    *id = x->id;
    struct subscription **end = &s->first;
    while (*end)
        end = &(*end)->next;
    *end = x;
    pthread_mutex_unlock(&s->lock);
    return GW_OK;
}

void subscriptions_remove(struct subscriptions *s, unsigned id)
{
    pthread_mutex_lock(&s->lock);
    for (struct subscription **x = &s->first; *x; x = &(*x)->next) {
        struct subscription *gone = *x;
        if (gone->id != id)
            continue;
        *x = gone->next;
        gone->next = s->removed;
        s->removed = gone;
        break;
    }
    pthread_mutex_unlock(&s->lock);
}

void subscriptions_tidy(struct subscriptions *s)
{
    pthread_mutex_lock(&s->lock);
    s->tidy = true;
    pthread_mutex_unlock(&s->lock);
}

static bool has_filter_locked(const struct subscriptions *s, const char *filter)
{
    for (const struct subscription *x = s->first; x; x = x->next) {
        if (strcmp(x->filter, filter) == 0)
            return true;
    }
    return false;
}

/* One that the broker shall forget, owned; NULL: none. */
static struct subscription *take_removed(struct subscriptions *s)
{
    struct subscription *x;

    pthread_mutex_lock(&s->lock);
    while ((x = s->tidy ? s->removed : NULL)) {
        s->removed = x->next;
        if (!has_filter_locked(s, x->filter))
            break;
        free_one(x);
    }
    s->tidy = s->tidy && x;
    pthread_mutex_unlock(&s->lock);
    return x;
}

void subscriptions_renew(struct subscriptions *s)
{
    pthread_mutex_lock(&s->lock);
    for (struct subscription *x = s->first; x; x = x->next)
        x->waiting = true;
    pthread_mutex_unlock(&s->lock);
}

/* A copy of the next one that waits, which then waits no more; NULL: none. */
static char *take_waiting(struct subscriptions *s, int *qos, unsigned *id)
{
    char *filter = NULL;

    pthread_mutex_lock(&s->lock);
    for (struct subscription *x = s->first; x && !filter; x = x->next) {
        if (!x->waiting)
            continue;
        filter = strdup(x->filter);
        *qos = x->qos;
        *id = x->id;
        x->waiting = false;
    }
    pthread_mutex_unlock(&s->lock);
    return filter;
}

void subscriptions_send(struct subscriptions *s, struct mqtt_link *link)
{
    struct subscription *gone;
    char *filter;
    unsigned id;
    int qos;

    while ((gone = take_removed(s))) {
        link_unsubscribe(link, gone->filter);
        free_one(gone);
    }
    while ((filter = take_waiting(s, &qos, &id))) {
        if (link_subscribe(link, filter, qos, id) != GW_OK)
            subscriptions_answered(s, id, -1);
        free(filter);
    }
}

void subscriptions_answered(struct subscriptions *s, unsigned id, int reason)
{
    bool refused = reason < 0 || reason >= 0x80;

    pthread_mutex_lock(&s->lock);
    for (struct subscription *x = s->first; x; x = x->next) {
        if (x->id != id)
            continue;
        if (!refused)
            x->last_refused = 0;
        else if (reason != x->last_refused)
            x->refused = reason;
    }
    pthread_mutex_unlock(&s->lock);
}

/* One that must be logged, as a copy of its filter; NULL: none. */
static char *take_refused(struct subscriptions *s, int *reason)
{
    char *filter = NULL;

    pthread_mutex_lock(&s->lock);
    for (struct subscription *x = s->first; x && !filter; x = x->next) {
        if (x->refused == 0)
            continue;
        filter = strdup(x->filter);
        *reason = x->refused;
        x->last_refused = x->refused;
        x->refused = 0;
    }
    pthread_mutex_unlock(&s->lock);
    return filter;
}

void subscriptions_complain(struct subscriptions *s)
{
    char *filter;
    int reason;

    while ((filter = take_refused(s, &reason))) {
        log_error("mqtt: the broker refuses the subscription to %s: %s", filter,
                  link_reason(reason));
        free(filter);
    }
}

size_t subscriptions_refused(struct subscriptions *s, char *filter, size_t size)
{
    size_t n = 0;

    pthread_mutex_lock(&s->lock);
    for (const struct subscription *x = s->first; x; x = x->next) {
        if (x->refused == 0 && x->last_refused == 0)
            continue;
        if (n++ == 0)
            snprintf(filter, size, "%s", x->filter);
    }
    pthread_mutex_unlock(&s->lock);
    return n;
}

void subscriptions_give(struct subscriptions *s, const struct mqtt_message *message)
{
    pthread_mutex_lock(&s->lock);
    for (struct subscription *x = s->first; x; x = x->next) {
        if (topic_match(x->filter, message->topic, NULL))
            x->fn(x->arg, message);
    }
    pthread_mutex_unlock(&s->lock);
}
