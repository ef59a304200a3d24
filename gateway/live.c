/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/live.h"

#include <pthread.h>
#include <stdlib.h>

struct live {
    size_t capacity; /* set once */

    pthread_mutex_t lock;
    /* guarded by lock */
    struct reading *newest; /* time_us 0: nothing yet */
    uint64_t *versions;     /* of each sensor's newest reading */
    uint64_t version;
};

enum gw_err live_create(struct live **out, size_t sensors)
{
    struct live *l = calloc(1, sizeof(*l));

    if (!l)
        return GW_ENOMEM;
    l->newest = calloc(sensors ? sensors : 1, sizeof(*l->newest));
    l->versions = calloc(sensors ? sensors : 1, sizeof(*l->versions));
    l->capacity = sensors;
    pthread_mutex_init(&l->lock, NULL);
    if (!l->newest || !l->versions) {
        live_destroy(l);
        return GW_ENOMEM;
    }
    *out = l;
    return GW_OK;
}

void live_destroy(struct live *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l->newest);
    free(l->versions);
    free(l);
}

void live_update(struct live *l, const struct reading *readings, size_t n)
{
    pthread_mutex_lock(&l->lock);
    l->version++;
    for (size_t i = 0; i < n; i++) {
        if (readings[i].sensor >= l->capacity)
            continue;
        l->newest[readings[i].sensor] = readings[i];
        l->versions[readings[i].sensor] = l->version;
    }
    pthread_mutex_unlock(&l->lock);
}

bool live_get(struct live *l, uint32_t sensor, struct reading *out)
{
    bool seen = false;

    pthread_mutex_lock(&l->lock);
    if (sensor < l->capacity && l->newest[sensor].time_us != 0) {
        *out = l->newest[sensor];
        seen = true;
    }
    pthread_mutex_unlock(&l->lock);
    return seen;
}

uint64_t live_version(struct live *l)
{
    pthread_mutex_lock(&l->lock);
    uint64_t version = l->version;
    pthread_mutex_unlock(&l->lock);
    return version;
}

size_t live_since(struct live *l, uint64_t after, uint32_t *from, struct reading *out, size_t max)
{
    size_t n = 0, i = *from;

    pthread_mutex_lock(&l->lock);
    for (; i < l->capacity && n < max; i++) {
        if (l->versions[i] > after)
            out[n++] = l->newest[i];
    }
    *from = i < l->capacity ? (uint32_t)i : UINT32_MAX;
    pthread_mutex_unlock(&l->lock);
    return n;
}
