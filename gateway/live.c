/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/live.h"

#include <pthread.h>
#include <stdlib.h>

struct live {
    size_t capacity; /* set once */

    pthread_mutex_t lock;
    struct reading *newest; /* guarded by lock; time_us 0: nothing yet */
};

enum gw_err live_create(struct live **out, size_t sensors)
{
    struct live *l = calloc(1, sizeof(*l));

    if (!l)
        return GW_ENOMEM;
    l->newest = calloc(sensors ? sensors : 1, sizeof(*l->newest));
    if (!l->newest) {
        free(l);
        return GW_ENOMEM;
    }
    l->capacity = sensors;
    pthread_mutex_init(&l->lock, NULL);
    *out = l;
    return GW_OK;
}

void live_destroy(struct live *l)
{
    if (!l)
        return;
    pthread_mutex_destroy(&l->lock);
    free(l->newest);
    free(l);
}

void live_update(struct live *l, const struct reading *readings, size_t n)
{
    pthread_mutex_lock(&l->lock);
    for (size_t i = 0; i < n; i++) {
        if (readings[i].sensor < l->capacity)
            l->newest[readings[i].sensor] = readings[i];
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
