/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/schedule.h"

#include <stdlib.h>

/* A binary heap, earliest first; `where` finds an item's place by its id. Ids are small numbers. */
struct item {
    int64_t next_us, period_us;
    uint32_t id;
};

struct schedule {
    size_t capacity, count;
    struct item *heap;
    uint32_t *where; /* by id: index into heap */
    size_t where_size;
};

enum gw_err schedule_create(struct schedule **out, size_t capacity)
{
    struct schedule *s = calloc(1, sizeof(*s));
    if (!s)
        return GW_ENOMEM;
    s->capacity = capacity;
    s->heap = calloc(capacity ? capacity : 1, sizeof(*s->heap));
    if (!s->heap) {
        free(s);
        return GW_ENOMEM;
    }
    *out = s;
    return GW_OK;
}

void schedule_destroy(struct schedule *s)
{
    if (!s)
        return;
    free(s->heap);
    free(s->where);
    free(s);
}

/* Ties go to the smaller id, so that the order is the same in every run. */
static int before(const struct item *a, const struct item *b)
{
    return a->next_us != b->next_us ? a->next_us < b->next_us : a->id < b->id;
}

static void put(struct schedule *s, size_t i, struct item item)
{
    s->heap[i] = item;
    s->where[item.id] = (uint32_t)i;
}

static void sift_up(struct schedule *s, size_t i)
{
    struct item item = s->heap[i];

    for (size_t up; i > 0 && before(&item, &s->heap[up = (i - 1) / 2]); i = up)
        put(s, i, s->heap[up]);
    put(s, i, item);
}

static void sift_down(struct schedule *s, size_t i)
{
    struct item item = s->heap[i];

    for (;;) {
        size_t down = 2 * i + 1;
        if (down >= s->count)
            break;
        if (down + 1 < s->count && before(&s->heap[down + 1], &s->heap[down]))
            down++;
        if (!before(&s->heap[down], &item))
            break;
        put(s, i, s->heap[down]);
        i = down;
    }
    put(s, i, item);
}

static enum gw_err know_id(struct schedule *s, uint32_t id)
{
    if (id < s->where_size)
        return GW_OK;
    size_t size = (size_t)id + 1 > 2 * s->where_size ? (size_t)id + 1 : 2 * s->where_size;
    uint32_t *grown = realloc(s->where, size * sizeof(*grown));
    if (!grown)
        return GW_ENOMEM;
    for (size_t i = s->where_size; i < size; i++)
        grown[i] = UINT32_MAX;
    s->where = grown;
    s->where_size = size;
    return GW_OK;
}

enum gw_err schedule_add(struct schedule *s, uint32_t id, int64_t first_us, int64_t period_us)
{
    if (s->count == s->capacity)
        return GW_EFULL;
    if (period_us <= 0)
        return GW_EINVAL;
    enum gw_err err = know_id(s, id);
    if (err != GW_OK)
        return err;
    if (s->where[id] != UINT32_MAX)
        return GW_EEXIST;
    put(s, s->count, (struct item){.next_us = first_us, .period_us = period_us, .id = id});
    sift_up(s, s->count++);
    return GW_OK;
}

int64_t schedule_next(const struct schedule *s)
{
    return s->count ? s->heap[0].next_us : INT64_MAX;
}

enum gw_err schedule_take(struct schedule *s, int64_t now_us, uint32_t *id, uint64_t *skipped)
{
    if (s->count == 0 || s->heap[0].next_us > now_us)
        return GW_ENOENT;
    struct item *first = &s->heap[0];
    uint64_t missed = (uint64_t)(now_us - first->next_us) / (uint64_t)first->period_us;
    *id = first->id;
    *skipped = missed;
    first->next_us += (int64_t)(missed + 1) * first->period_us;
    sift_down(s, 0);
    return GW_OK;
}

void schedule_defer(struct schedule *s, uint32_t id, int64_t next_us)
{
    if (id >= s->where_size || s->where[id] == UINT32_MAX)
        return;
    size_t i = s->where[id];
    s->heap[i].next_us = next_us;
    sift_up(s, i);
    sift_down(s, s->where[id]);
}
