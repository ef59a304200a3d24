/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/heartbeat.h"

#include "gateway/core/clock.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static struct heartbeat *list; /* guarded by list_lock */

static void add(struct heartbeat *h, const char *name, bool is_vital)
{
    snprintf(h->name, sizeof(h->name), "%s", name);
    h->is_vital = is_vital;
    atomic_store(&h->due_us, INT64_MAX);
    pthread_mutex_lock(&list_lock);
    h->next = list;
    list = h;
    pthread_mutex_unlock(&list_lock);
}

void heartbeat_add(struct heartbeat *h, const char *name)
{
    add(h, name, true);
}

void heartbeat_add_minor(struct heartbeat *h, const char *name)
{
    add(h, name, false);
}

void heartbeat_remove(struct heartbeat *h)
{
    pthread_mutex_lock(&list_lock);
    for (struct heartbeat **i = &list; *i; i = &(*i)->next) {
        if (*i == h) {
            *i = h->next;
            break;
        }
    }
    pthread_mutex_unlock(&list_lock);
}

void heartbeat_promise(struct heartbeat *h, int64_t within_us)
{
    atomic_store_explicit(&h->due_us, clock_mono_us() + within_us, memory_order_relaxed);
}

void heartbeat_rest(struct heartbeat *h)
{
    atomic_store_explicit(&h->due_us, INT64_MAX, memory_order_relaxed);
}

size_t heartbeat_late(int64_t now_us, struct heartbeat_view *out, size_t max)
{
    size_t count = 0;

    pthread_mutex_lock(&list_lock);
    for (struct heartbeat *h = list; h; h = h->next) {
        int64_t due = atomic_load_explicit(&h->due_us, memory_order_relaxed);
        if (due >= now_us)
            continue;
        if (count < max) {
            out[count].due_us = due;
            out[count].is_vital = h->is_vital;
            memcpy(out[count].name, h->name, sizeof(h->name));
        }
        count++;
    }
    pthread_mutex_unlock(&list_lock);
    return count;
}

size_t heartbeat_late_vital(int64_t now_us)
{
    size_t count = 0;

    pthread_mutex_lock(&list_lock);
    for (struct heartbeat *h = list; h; h = h->next)
        count += h->is_vital && atomic_load_explicit(&h->due_us, memory_order_relaxed) < now_us;
    pthread_mutex_unlock(&list_lock);
    return count;
}
