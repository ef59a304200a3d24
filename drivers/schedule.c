/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/schedule.h"

#include "gateway/core/clock.h"

#include <stdbool.h>
#include <stdlib.h>

#define PHASE_MOST_US (5 * US_PER_SECOND)

struct item {
    int64_t key; /* what its heap is ordered by */
    int64_t next_us, period_us;
    uint32_t id;
};

/* A binary heap, smallest key first. */
struct heap {
    struct item *items;
    size_t count;
};

enum { WAITING, READY, HEAPS };

struct place {
    uint32_t index;
    uint8_t heap; /* HEAPS: unknown id */
};

struct schedule {
    size_t capacity;
    struct heap heaps[HEAPS]; /* not due yet, by next time; due, by deadline */
    struct place *places;     /* by id; ids are small numbers */
    size_t places_size;
};

enum gw_err schedule_create(struct schedule **out, size_t capacity)
{
    struct schedule *s = calloc(1, sizeof(*s));
    if (!s)
        return GW_ENOMEM;
    s->capacity = capacity;
    for (int h = 0; h < HEAPS; h++) {
        s->heaps[h].items = calloc(capacity ? capacity : 1, sizeof(struct item));
        if (!s->heaps[h].items) {
            schedule_destroy(s);
            return GW_ENOMEM;
        }
    }
    *out = s;
    return GW_OK;
}

void schedule_destroy(struct schedule *s)
{
    if (!s)
        return;
    for (int h = 0; h < HEAPS; h++)
        free(s->heaps[h].items);
    free(s->places);
    free(s);
}

/* --- the heaps --- */

/* Ties go to the smaller id, so that the order is the same in every run. */
static bool before(const struct item *a, const struct item *b)
{
    return a->key != b->key ? a->key < b->key : a->id < b->id;
}

static void put(struct schedule *s, int heap, size_t i, struct item item)
{
    s->heaps[heap].items[i] = item;
    s->places[item.id] = (struct place){.index = (uint32_t)i, .heap = (uint8_t)heap};
}

static void sift_up(struct schedule *s, int heap, size_t i)
{
    struct item *items = s->heaps[heap].items;
    struct item item = items[i];

    for (size_t up; i > 0 && before(&item, &items[up = (i - 1) / 2]); i = up)
        put(s, heap, i, items[up]);
    put(s, heap, i, item);
}

static void sift_down(struct schedule *s, int heap, size_t i)
{
    struct heap *h = &s->heaps[heap];
    struct item item = h->items[i];

    for (;;) {
        size_t down = 2 * i + 1;
        if (down >= h->count)
            break;
        if (down + 1 < h->count && before(&h->items[down + 1], &h->items[down]))
            down++;
        if (!before(&h->items[down], &item))
            break;
        put(s, heap, i, h->items[down]);
        i = down;
    }
    put(s, heap, i, item);
}

static void insert(struct schedule *s, int heap, struct item item)
{
    item.key = heap == WAITING ? item.next_us : item.next_us + item.period_us;
    put(s, heap, s->heaps[heap].count, item);
    sift_up(s, heap, s->heaps[heap].count++);
}

static struct item take(struct schedule *s, int heap, size_t i)
{
    struct heap *h = &s->heaps[heap];
    struct item item = h->items[i];

    s->places[item.id].heap = HEAPS;
    if (i != --h->count) {
        uint32_t id = h->items[h->count].id;
        put(s, heap, i, h->items[h->count]);
        sift_up(s, heap, i);
        sift_down(s, heap, s->places[id].index);
    }
    return item;
}

/* --- the schedule --- */

static enum gw_err know_id(struct schedule *s, uint32_t id)
{
    if (id < s->places_size)
        return GW_OK;
    size_t size = (size_t)id + 1 > 2 * s->places_size ? (size_t)id + 1 : 2 * s->places_size;
    struct place *grown = realloc(s->places, size * sizeof(*grown));
    if (!grown)
        return GW_ENOMEM;
    for (size_t i = s->places_size; i < size; i++)
        grown[i] = (struct place){.heap = HEAPS};
    s->places = grown;
    s->places_size = size;
    return GW_OK;
}

enum gw_err schedule_add(struct schedule *s, uint32_t id, int64_t first_us, int64_t period_us)
{
    if (s->heaps[WAITING].count + s->heaps[READY].count == s->capacity)
        return GW_EFULL;
    if (period_us <= 0)
        return GW_EINVAL;
    enum gw_err err = know_id(s, id);
    if (err != GW_OK)
        return err;
    if (s->places[id].heap != HEAPS)
        return GW_EEXIST;
    insert(s, WAITING, (struct item){.next_us = first_us, .period_us = period_us, .id = id});
    return GW_OK;
}

int64_t schedule_next(const struct schedule *s)
{
    if (s->heaps[READY].count)
        return s->heaps[READY].items[0].next_us;
    return s->heaps[WAITING].count ? s->heaps[WAITING].items[0].next_us : INT64_MAX;
}

enum gw_err schedule_take(struct schedule *s, int64_t now_us, uint32_t *id, uint64_t *skipped)
{
    while (s->heaps[WAITING].count && s->heaps[WAITING].items[0].next_us <= now_us)
        insert(s, READY, take(s, WAITING, 0));
    if (!s->heaps[READY].count)
        return GW_ENOENT;
    struct item item = take(s, READY, 0);
    uint64_t missed = (uint64_t)(now_us - item.next_us) / (uint64_t)item.period_us;
    *id = item.id;
    *skipped = missed;
    item.next_us += (int64_t)(missed + 1) * item.period_us;
    insert(s, WAITING, item);
    return GW_OK;
}

void schedule_defer(struct schedule *s, uint32_t id, int64_t next_us)
{
    if (id >= s->places_size || s->places[id].heap == HEAPS)
        return;
    struct item item = take(s, s->places[id].heap, s->places[id].index);
    item.next_us = next_us;
    insert(s, WAITING, item);
}

/* Multiples of the golden ratio, modulo 1, are spread as evenly as can be for any count. */
int64_t schedule_phase(size_t n, int64_t period_us)
{
    const uint32_t golden = 0x9e3779b9; /* 2^32 / 1.618… */
    int64_t most = period_us < PHASE_MOST_US ? period_us : PHASE_MOST_US;

    return (int64_t)((uint64_t)((uint32_t)n * golden) * (uint64_t)most >> 32);
}
