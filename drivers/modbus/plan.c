/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/plan.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ADDRESS_SPACE 65536U

static uint32_t end_of(uint32_t address, uint32_t count)
{
    return address + count;
}

static uint32_t limit_of(const struct plan_limits *l, uint8_t table)
{
    return table == TABLE_COIL || table == TABLE_DISCRETE ? l->max_bits : l->max_registers;
}

static uint32_t gap_of(const struct plan_limits *l, uint8_t table)
{
    return table == TABLE_COIL || table == TABLE_DISCRETE ? l->max_gap_bits : l->max_gap_registers;
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return (a > b) - (a < b);
}

/* By table, period and place; the caller's order decides between equals. */
static int by_place(const void *a, const void *b)
{
    const struct plan_field *x = a;
    const struct plan_field *y = b;
    int order = compare_u64(x->table, y->table);

    if (order == 0)
        order = compare_u64((uint64_t)x->period_us, (uint64_t)y->period_us);
    if (order == 0)
        order = compare_u64(x->address, y->address);
    if (order == 0)
        order = compare_u64(x->count, y->count);
    return order ? order : compare_u64(x->id, y->id);
}

static bool fits(const struct plan_request *r, const struct plan_field *f,
                 const struct plan_limits *l)
{
    uint32_t end = end_of(r->address, r->count);

    return f->table == r->table && f->period_us == r->period_us &&
           f->address <= end + gap_of(l, r->table) &&
           end_of(f->address, f->count) - r->address <= limit_of(l, r->table);
}

static bool reads(const struct plan_request *r, const struct plan_field *f)
{
    return f->table == r->table && f->address >= r->address &&
           end_of(f->address, f->count) <= end_of(r->address, r->count);
}

/* The request takes the field in: its end is the larger of both, for the field may be nested. */
static void take(struct plan_request *r, const struct plan_field *f)
{
    uint32_t end = end_of(r->address, r->count);
    uint32_t field_end = end_of(f->address, f->count);

    r->count = (uint16_t)((field_end > end ? field_end : end) - r->address);
    r->fields++;
}

/* Over fields sorted by address, beginning a request where the last one cannot be extended is
 * optimal: every later field that would still fit the old request fits the new one too. */
static void merge(struct plan *p, const struct plan_limits *limits)
{
    struct plan_request *r = NULL;

    p->request_count = 0;
    for (size_t i = 0; i < p->field_count; i++) {
        const struct plan_field *f = &p->fields[i];
        if (!r || !fits(r, f, limits)) {
            r = &p->requests[p->request_count++];
            *r = (struct plan_request){
                .table = f->table, .address = f->address, .period_us = f->period_us, .first = i};
        }
        take(r, f);
    }
}

/* The fastest request before `before` that reads the field often enough; NULL: none. */
static const struct plan_request *faster(const struct plan *p, const struct plan_field *f,
                                         size_t before)
{
    for (size_t i = 0; i < before; i++) {
        const struct plan_request *r = &p->requests[i];
        if (r->fields > 0 && r->period_us > 0 && r->period_us < f->period_us &&
            f->period_us % r->period_us == 0 && reads(r, f))
            return r;
    }
    return NULL;
}

/* Dissolves the request into faster ones, when they read all of its fields anyway. One that would
 * lose only some stays whole: a hole in its middle could make it two. */
static bool dissolve(struct plan *p, size_t request)
{
    struct plan_request *r = &p->requests[request];

    for (size_t i = r->first; i < r->first + r->fields; i++) {
        if (!faster(p, &p->fields[i], request))
            return false;
    }
    for (size_t i = r->first; i < r->first + r->fields; i++) {
        struct plan_field *f = &p->fields[i];
        const struct plan_request *host = faster(p, f, request);
        f->every_nth = (uint32_t)(f->period_us / host->period_us);
        f->period_us = host->period_us;
    }
    r->fields = 0;
    return true;
}

/* Fast requests come first, so a request is only ever dissolved into one that stays. */
static bool ride_along(struct plan *p)
{
    bool changed = false;

    for (size_t i = 0; i < p->request_count; i++)
        changed = dissolve(p, i) || changed;
    return changed;
}

static void sort(struct plan *p)
{
    qsort(p->fields, p->field_count, sizeof(*p->fields), by_place);
}

static bool field_is_valid(const struct plan_field *f, const struct plan_limits *l)
{
    return f->count > 0 && f->count <= limit_of(l, f->table) &&
           end_of(f->address, f->count) <= ADDRESS_SPACE;
}

enum gw_err plan_create(struct plan *out, const struct plan_field *fields, size_t count,
                        const struct plan_limits *limits)
{
    struct plan p = {.field_count = count};

    for (size_t i = 0; i < count; i++) {
        if (!field_is_valid(&fields[i], limits))
            return GW_EINVAL;
    }
    p.fields = calloc(count ? count : 1, sizeof(*p.fields));
    p.requests = calloc(count ? count : 1, sizeof(*p.requests));
    if (!p.fields || !p.requests) {
        plan_free(&p);
        return GW_ENOMEM;
    }
    for (size_t i = 0; i < count; i++) {
        p.fields[i] = fields[i];
        p.fields[i].every_nth = 1;
    }
    sort(&p);
    merge(&p, limits);
    if (ride_along(&p)) {
        sort(&p);
        merge(&p, limits);
    }
    *out = p;
    return GW_OK;
}

void plan_free(struct plan *p)
{
    free(p->fields);
    free(p->requests);
    memset(p, 0, sizeof(*p));
}

struct plan_request plan_part(const struct plan *p, size_t request, size_t first, size_t n)
{
    struct plan_request part = p->requests[request];

    assert(n > 0 && first + n <= part.fields);
    part.first += first;
    part.fields = 0;
    part.address = p->fields[part.first].address;
    part.count = 0;
    for (size_t i = part.first; i < part.first + n; i++)
        take(&part, &p->fields[i]);
    return part;
}

size_t plan_split(struct plan *p, size_t request, size_t at)
{
    size_t n = p->requests[request].fields;

    assert(at > 0 && at < n && p->request_count < p->field_count);
    p->requests[p->request_count] = plan_part(p, request, at, n - at);
    p->requests[request] = plan_part(p, request, 0, at);
    return p->request_count++;
}
