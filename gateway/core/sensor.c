/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/sensor.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct entry {
    struct sensor sensor; /* first: who has the one has the other */
    /* guarded by the table's lock: a ring of all descriptions that the sensor ever had, for those
     * who still look at them. One that it has again is used again. */
    struct entry *next;
};

struct sensor_table {
    /* set once */
    size_t capacity;
    size_t bucket_mask;

    pthread_mutex_t lock;
    uint32_t *buckets; /* guarded by lock: open addressing, SENSOR_NONE is empty */

    /* atomic: an entry is published by its pointer and never changes afterwards */
    atomic_size_t count;
    _Atomic(struct sensor *) entries[];
};

static size_t power_of_two_from(size_t n)
{
    size_t p = 8;

    while (p < n)
        p *= 2;
    return p;
}

enum gw_err sensor_table_create(struct sensor_table **out, size_t capacity)
{
    struct sensor_table *t = calloc(1, sizeof(*t) + capacity * sizeof(t->entries[0]));
    if (!t)
        return GW_ENOMEM;
    size_t buckets = power_of_two_from(capacity * 2);
    t->buckets = malloc(buckets * sizeof(*t->buckets));
    if (!t->buckets) {
        free(t);
        return GW_ENOMEM;
    }
    memset(t->buckets, 0xff, buckets * sizeof(*t->buckets));
    t->bucket_mask = buckets - 1;
    t->capacity = capacity;
    pthread_mutex_init(&t->lock, NULL);
    *out = t;
    return GW_OK;
}

static void free_ring(struct entry *first)
{
    for (struct entry *e = first->next, *next; e != first; e = next) {
        next = e->next;
        free(e);
    }
    free(first);
}

void sensor_table_destroy(struct sensor_table *t)
{
    if (!t)
        return;
    for (size_t i = 0; i < sensor_table_count(t); i++)
        free_ring((struct entry *)atomic_load(&t->entries[i]));
    pthread_mutex_destroy(&t->lock);
    free(t->buckets);
    free(t);
}

/* FNV-1a, 32 bits. */
static uint32_t hash(const char *s)
{
    uint32_t h = 2166136261U;

    for (; *s; s++)
        h = (h ^ (unsigned char)*s) * 16777619U;
    return h;
}

/* The bucket that holds the name, or the empty one where it belongs. */
static uint32_t *bucket_locked(struct sensor_table *t, const char *name)
{
    size_t i = hash(name) & t->bucket_mask;

    while (t->buckets[i] != SENSOR_NONE) {
        const struct sensor *s = atomic_load(&t->entries[t->buckets[i]]);
        if (strcmp(s->name, name) == 0)
            break;
        i = (i + 1) & t->bucket_mask;
    }
    return &t->buckets[i];
}

/* The entry and its strings in one block, a ring of its own. */
static struct sensor *copy_sensor(const struct sensor *s)
{
    size_t name = strlen(s->name) + 1, unit = strlen(s->unit) + 1, device = strlen(s->device) + 1;
    struct entry *entry = malloc(sizeof(*entry) + name + unit + device);

    if (!entry)
        return NULL;
    char *text = (char *)(entry + 1);
    struct sensor *copy = &entry->sensor;
    *copy = *s;
    copy->name = memcpy(text, s->name, name);
    copy->unit = memcpy(text + name, s->unit, unit);
    copy->device = memcpy(text + name + unit, s->device, device);
    entry->next = entry;
    return copy;
}

static enum gw_err add_locked(struct sensor_table *t, const struct sensor *s, uint32_t *index)
{
    uint32_t *bucket = bucket_locked(t, s->name);
    if (*bucket != SENSOR_NONE) {
        *index = *bucket;
        return GW_EEXIST;
    }
    size_t count = atomic_load(&t->count);
    if (count == t->capacity)
        return GW_EFULL;
    struct sensor *copy = copy_sensor(s);
    if (!copy)
        return GW_ENOMEM;
    atomic_store(&t->entries[count], copy);
    *bucket = (uint32_t)count;
    *index = (uint32_t)count;
    atomic_store(&t->count, count + 1);
    return GW_OK;
}

enum gw_err sensor_table_add(struct sensor_table *t, const struct sensor *s, uint32_t *index)
{
    if (sensor_name_problem(s->name))
        return GW_EINVAL;
    pthread_mutex_lock(&t->lock);
    enum gw_err err = add_locked(t, s, index);
    pthread_mutex_unlock(&t->lock);
    return err;
}

static bool same_sensor(const struct sensor *a, const struct sensor *b)
{
    return a->source == b->source && a->every_us == b->every_us && a->gone == b->gone &&
           a->was_good == b->was_good && strcmp(a->unit, b->unit) == 0 &&
           strcmp(a->device, b->device) == 0;
}

static enum gw_err replace_locked(struct sensor_table *t, const struct sensor *s, uint32_t index)
{
    struct entry *now = (struct entry *)atomic_load(&t->entries[index]), *e = now;

    do {
        if (same_sensor(&e->sensor, s)) {
            atomic_store(&t->entries[index], &e->sensor);
            return GW_OK;
        }
        e = e->next;
    } while (e != now);
    e = (struct entry *)copy_sensor(s);
    if (!e)
        return GW_ENOMEM;
    e->next = now->next;
    now->next = e;
    atomic_store(&t->entries[index], &e->sensor);
    return GW_OK;
}

enum gw_err sensor_table_put(struct sensor_table *t, const struct sensor *s, uint32_t *index)
{
    if (sensor_name_problem(s->name))
        return GW_EINVAL;
    pthread_mutex_lock(&t->lock);
    enum gw_err err = add_locked(t, s, index);
    if (err == GW_EEXIST)
        err = replace_locked(t, s, *index);
    pthread_mutex_unlock(&t->lock);
    return err;
}

const struct sensor *sensor_table_get(const struct sensor_table *t, uint32_t index)
{
    if (index >= atomic_load(&t->count))
        return NULL;
    return atomic_load(&t->entries[index]);
}

uint32_t sensor_table_find(struct sensor_table *t, const char *name)
{
    pthread_mutex_lock(&t->lock);
    uint32_t index = *bucket_locked(t, name);
    pthread_mutex_unlock(&t->lock);
    return index;
}

size_t sensor_table_count(const struct sensor_table *t)
{
    return atomic_load(&t->count);
}

size_t sensor_table_capacity(const struct sensor_table *t)
{
    return t->capacity;
}
