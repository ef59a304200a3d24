/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/slots.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS 64

enum slot_state { SLOT_FREE, SLOT_QUEUED, SLOT_SENT };

/* The generation tells a late answer of Paho's from one for the slot's next message. */
struct slot {
    enum slot_state state;
    uint32_t generation;
    uint64_t order; /* QUEUED: position in the queue */
    char *topic;
    void *payload;
    struct slots_message content; /* topic and payload: those above */
};

struct slots {
    pthread_mutex_t lock;
    bool closed;
    uint64_t next_order;
    struct slot list[SLOTS];
};

struct slots *slots_create(void)
{
    struct slots *slots = calloc(1, sizeof(*slots));

    if (slots)
        pthread_mutex_init(&slots->lock, NULL);
    return slots;
}

void slots_destroy(struct slots *slots)
{
    if (!slots)
        return;
    slots_fail(slots);
    pthread_mutex_destroy(&slots->lock);
    free(slots);
}

static void empty(struct slot *s)
{
    free(s->topic);
    free(s->payload);
    s->topic = NULL;
    s->payload = NULL;
    s->state = SLOT_FREE;
    s->generation++;
}

static void finish(const struct slots_message *m, int reason)
{
    if (m->done)
        m->done(m->arg, m->cookie, reason);
}

static enum gw_err fill_one(struct slots *slots, const struct slot *filled)
{
    for (size_t i = 0; i < SLOTS; i++) {
        struct slot *s = &slots->list[i];
        if (s->state != SLOT_FREE)
            continue;
        uint32_t generation = s->generation;
        *s = *filled;
        s->state = SLOT_QUEUED;
        s->generation = generation;
        s->order = slots->next_order++;
        return GW_OK;
    }
    return GW_EFULL;
}

enum gw_err slots_put(struct slots *slots, const struct slots_message *message)
{
    const struct link_message *m = &message->message;
    struct slot filled = {.topic = strdup(m->topic),
                          .payload = malloc(m->length ? m->length : 1),
                          .content = *message};
    enum gw_err err = GW_ENOMEM;

    if (filled.topic && filled.payload) {
        memcpy(filled.payload, m->payload, m->length);
        pthread_mutex_lock(&slots->lock);
        err = slots->closed ? GW_ECONN : fill_one(slots, &filled);
        pthread_mutex_unlock(&slots->lock);
    }
    if (err != GW_OK) {
        free(filled.topic);
        free(filled.payload);
    }
    return err;
}

/* Marks the oldest queued message as sent; its index, or SLOTS when there is none. Its texts go to
 * the caller: slots_answer() may empty the slot as soon as Paho has the message. */
static size_t take_queued(struct slots *slots, struct slot *out)
{
    size_t found = SLOTS;

    pthread_mutex_lock(&slots->lock);
    for (size_t i = 0; i < SLOTS; i++) {
        const struct slot *s = &slots->list[i];
        if (s->state == SLOT_QUEUED && (found == SLOTS || s->order < slots->list[found].order))
            found = i;
    }
    if (found < SLOTS) {
        struct slot *s = &slots->list[found];
        *out = *s;
        s->state = SLOT_SENT;
        s->topic = NULL;
        s->payload = NULL;
    }
    pthread_mutex_unlock(&slots->lock);
    return found;
}

void slots_send(struct slots *slots, struct mqtt_link *link)
{
    struct slot s;
    size_t i;

    while ((i = take_queued(slots, &s)) < SLOTS) {
        uint64_t token = (uint64_t)s.generation * SLOTS + i;
        struct link_message message = s.content.message;
        message.topic = s.topic;
        message.payload = s.payload;
        enum gw_err err = link_send(link, &message, token);
        if (err != GW_OK)
            slots_answer(slots, token, err == GW_EREFUSED ? LINK_TOO_LARGE : -1);
        free(s.topic);
        free(s.payload);
    }
}

void slots_answer(struct slots *slots, uint64_t token, int reason)
{
    struct slot *s = &slots->list[token % SLOTS];
    struct slots_message answered;

    pthread_mutex_lock(&slots->lock);
    bool mine = s->state == SLOT_SENT && s->generation == (uint32_t)(token / SLOTS);
    if (mine) {
        answered = s->content;
        empty(s);
    }
    pthread_mutex_unlock(&slots->lock);
    if (mine)
        finish(&answered, reason);
}

void slots_fail(struct slots *slots)
{
    for (size_t i = 0; i < SLOTS; i++) {
        pthread_mutex_lock(&slots->lock);
        bool used = slots->list[i].state != SLOT_FREE;
        struct slots_message answered = slots->list[i].content;
        if (used)
            empty(&slots->list[i]);
        pthread_mutex_unlock(&slots->lock);
        if (used)
            finish(&answered, -1);
    }
}

void slots_close(struct slots *slots)
{
    pthread_mutex_lock(&slots->lock);
    slots->closed = true;
    pthread_mutex_unlock(&slots->lock);
}
