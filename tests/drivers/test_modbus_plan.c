/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/plan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define FIELDS_MAX 40

static const struct plan_limits whole = {.max_registers = MODBUS_REGISTERS_MAX,
                                         .max_bits = MODBUS_BITS_MAX};

static struct plan_field holding(unsigned address, unsigned count, int64_t period_us)
{
    return (struct plan_field){.table = TABLE_HOLDING,
                               .address = (uint16_t)address,
                               .count = (uint16_t)count,
                               .period_us = period_us};
}

static const struct {
    const char *name;
    struct plan_field fields[4];
    size_t count;
    struct plan_limits limits;
    struct {
        uint16_t address, count;
    } want[4];
    size_t requests;
} cases[] = {
    {"neighbours merge",
     {{3, 10, 2, 0, 1, 0}, {3, 12, 1, 1, 1, 0}},
     2,
     {125, 2000, 0, 0},
     {{10, 3}},
     1},
    {"a hole is not read",
     {{3, 10, 1, 0, 1, 0}, {3, 12, 1, 1, 1, 0}},
     2,
     {125, 2000, 0, 0},
     {{10, 1}, {12, 1}},
     2},
    {"unless max_gap allows it",
     {{3, 10, 1, 0, 1, 0}, {3, 12, 1, 1, 1, 0}},
     2,
     {125, 2000, 1, 1},
     {{10, 3}},
     1},
    {"a nested field does not shorten the request",
     {{3, 10, 4, 0, 1, 0}, {3, 11, 1, 1, 1, 0}, {3, 14, 1, 2, 1, 0}},
     3,
     {125, 2000, 0, 0},
     {{10, 5}},
     1},
    {"tables stay apart",
     {{3, 10, 1, 0, 1, 0}, {4, 11, 1, 1, 1, 0}},
     2,
     {125, 2000, 0, 0},
     {{10, 1}, {11, 1}},
     2},
    {"the device's limit splits",
     {{3, 0, 2, 0, 1, 0}, {3, 2, 2, 1, 1, 0}, {3, 4, 2, 2, 1, 0}},
     3,
     {5, 2000, 0, 0},
     {{0, 4}, {4, 2}},
     2},
    {"bits have their own limit",
     {{1, 0, 1, 0, 1, 0}, {1, 1, 1, 1, 1, 0}, {1, 2, 1, 2, 1, 0}},
     3,
     {125, 2, 0, 0},
     {{0, 2}, {2, 1}},
     2},
    {"the last register",
     {{3, 65534, 2, 0, 1, 0}, {3, 65533, 1, 1, 1, 0}},
     2,
     {125, 2000, 5, 5},
     {{65533, 3}},
     1},
};

static void requests_are_as_expected(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct plan p;
        assert_int_equal(plan_create(&p, cases[i].fields, cases[i].count, &cases[i].limits), GW_OK);
        if (p.request_count != cases[i].requests)
            fail_msg("%s: %zu requests", cases[i].name, p.request_count);
        for (size_t k = 0; k < p.request_count; k++) {
            if (p.requests[k].address != cases[i].want[k].address ||
                p.requests[k].count != cases[i].want[k].count)
                fail_msg("%s: %u, %u", cases[i].name, p.requests[k].address, p.requests[k].count);
        }
        plan_free(&p);
    }
}

static void a_field_over_the_limit_is_refused(void **state)
{
    struct plan_limits one = {.max_registers = 1, .max_bits = 1};
    struct plan_field wide = holding(0, 2, 1);
    struct plan_field beyond = holding(65535, 2, 1);
    struct plan p;

    (void)state;
    assert_int_equal(plan_create(&p, &wide, 1, &one), GW_EINVAL);
    assert_int_equal(plan_create(&p, &beyond, 1, &whole), GW_EINVAL);
}

static void a_slower_field_rides_along_when_it_is_read_anyway(void **state)
{
    struct plan_field fields[] = {holding(0, 4, 1000), holding(1, 3, 10000), holding(4, 1, 10000),
                                  holding(2, 1, 1500)};
    struct plan p;

    (void)state;
    /* On its own, the slow field inside the fast request needs no request; every 10th turn is its.
     */
    assert_int_equal(plan_create(&p, fields, 2, &whole), GW_OK);
    assert_int_equal(p.request_count, 1);
    assert_int_equal(p.fields[0].every_nth, 1);
    assert_int_equal(p.fields[1].every_nth, 10);
    plan_free(&p);
    /* A slow request that is needed anyway keeps its fields; 1500 is no multiple of 1000. */
    assert_int_equal(plan_create(&p, fields, 4, &whole), GW_OK);
    assert_int_equal(p.request_count, 3);
    for (size_t i = 0; i < p.field_count; i++)
        assert_int_equal(p.fields[i].every_nth, 1);
    plan_free(&p);
}

static void both_parts_of_a_split_read_only_their_fields(void **state)
{
    struct plan_field fields[] = {holding(0, 2, 1), holding(1, 1, 1), holding(2, 4, 1),
                                  holding(6, 1, 1)};
    struct plan p;

    (void)state;
    assert_int_equal(plan_create(&p, fields, 4, &whole), GW_OK);
    assert_int_equal(p.request_count, 1);
    assert_int_equal(plan_split(&p, 0, 2), 1);
    assert_int_equal(p.requests[0].address, 0);
    assert_int_equal(p.requests[0].count, 2);
    assert_int_equal(p.requests[1].address, 2);
    assert_int_equal(p.requests[1].count, 5);
    assert_int_equal(p.requests[1].fields, 2);
    plan_free(&p);
}

/* --- random maps --- */

static uint32_t random_below(uint64_t *seed, uint32_t n)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return (uint32_t)(*seed >> 33) % n;
}

static size_t random_map(uint64_t *seed, struct plan_field fields[FIELDS_MAX], size_t most,
                         uint32_t space, uint32_t widest, uint32_t periods)
{
    size_t n = 1 + random_below(seed, (uint32_t)most);

    for (size_t i = 0; i < n; i++) {
        fields[i] = (struct plan_field){.table = (uint8_t)(1 + random_below(seed, 4)),
                                        .address = (uint16_t)random_below(seed, space),
                                        .count = (uint16_t)(1 + random_below(seed, widest)),
                                        .id = (uint32_t)i,
                                        .period_us = 1 + random_below(seed, periods)};
    }
    return n;
}

static void check_request(const struct plan *p, const struct plan_request *r,
                          const struct plan_limits *l, bool seen[FIELDS_MAX])
{
    bool bits = r->table <= TABLE_DISCRETE;
    uint32_t end = (uint32_t)r->address + r->count;

    assert_true(r->count >= 1 && r->count <= (bits ? l->max_bits : l->max_registers));
    for (size_t i = r->first; i < r->first + r->fields; i++) {
        const struct plan_field *f = &p->fields[i];
        assert_false(seen[f->id]);
        seen[f->id] = true;
        assert_int_equal(f->table, r->table);
        assert_true(f->address >= r->address && (uint32_t)f->address + f->count <= end);
    }
}

static void check_gaps(const struct plan *p, const struct plan_request *r, uint32_t max_gap)
{
    uint32_t end = r->address;

    for (size_t i = r->first; i < r->first + r->fields; i++) {
        const struct plan_field *f = &p->fields[i];
        assert_true(f->address <= end + (i == r->first ? 0 : max_gap));
        if ((uint32_t)f->address + f->count > end)
            end = (uint32_t)f->address + f->count;
    }
    assert_int_equal(end, r->address + r->count);
}

static void random_maps_are_covered_exactly_within_the_limits(void **state)
{
    uint64_t seed = 42;

    (void)state;
    for (int round = 0; round < 10000; round++) {
        uint16_t gap = (uint16_t)random_below(&seed, 4);
        struct plan_limits l = {.max_registers = (uint16_t)(4 + random_below(&seed, 122)),
                                .max_bits = (uint16_t)(4 + random_below(&seed, 1997)),
                                .max_gap_registers = gap,
                                .max_gap_bits = gap};
        struct plan_field fields[FIELDS_MAX];
        bool seen[FIELDS_MAX] = {false};
        size_t n = random_map(&seed, fields, FIELDS_MAX, 300, 4, 4);
        struct plan p;
        assert_int_equal(plan_create(&p, fields, n, &l), GW_OK);
        assert_int_equal(p.field_count, n);
        for (size_t i = 0; i < p.request_count; i++) {
            check_request(&p, &p.requests[i], &l, seen);
            check_gaps(&p, &p.requests[i], l.max_gap_registers);
        }
        for (size_t i = 0; i < n; i++) {
            const struct plan_field *f = &p.fields[i];
            assert_true(seen[i]);
            assert_int_equal(f->period_us * f->every_nth, fields[f->id].period_us);
        }
        plan_free(&p);
    }
}

/* The fewest requests by trying every way to put the fields from `at` on into groups. */
struct search {
    const struct plan_field *fields;
    size_t n, best;
    const struct plan_limits *limits;
    unsigned groups[8]; /* members of each, as bits */
};

static bool group_is_possible(const struct search *s, unsigned members)
{
    unsigned covered = 0; /* addresses below 16, as bits */

    for (size_t i = 0; i < s->n; i++) {
        if (members >> i & 1)
            covered |= ((1U << s->fields[i].count) - 1) << s->fields[i].address;
    }
    while (!(covered & 1))
        covered >>= 1;
    uint32_t length = 0;
    uint32_t gap = 0;
    for (; covered; covered >>= 1, length++) {
        gap = covered & 1 ? 0 : gap + 1;
        if (gap > s->limits->max_gap_registers)
            return false;
    }
    return length <= s->limits->max_registers;
}

static void search(struct search *s, size_t at, size_t used)
{
    if (used >= s->best)
        return;
    if (at == s->n) {
        for (size_t g = 0; g < used; g++) {
            if (!group_is_possible(s, s->groups[g]))
                return;
        }
        s->best = used;
        return;
    }
    for (size_t g = 0; g <= used && g < COUNT(s->groups); g++) {
        s->groups[g] |= 1U << at;
        search(s, at + 1, used + (g == used));
        s->groups[g] &= ~(1U << at);
    }
}

static void small_maps_need_no_more_requests_than_the_optimum(void **state)
{
    uint64_t seed = 7;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        uint16_t gap = (uint16_t)random_below(&seed, 3);
        struct plan_limits l = {.max_registers = (uint16_t)(4 + random_below(&seed, 5)),
                                .max_bits = 8,
                                .max_gap_registers = gap,
                                .max_gap_bits = gap};
        struct plan_field fields[FIELDS_MAX];
        size_t n = random_map(&seed, fields, 6, 16, 4, 1);
        for (size_t i = 0; i < n; i++)
            fields[i].table = TABLE_HOLDING;
        struct search s = {.fields = fields, .n = n, .best = n + 1, .limits = &l};
        search(&s, 0, 0);
        struct plan p;
        assert_int_equal(plan_create(&p, fields, n, &l), GW_OK);
        assert_true(p.request_count <= s.best);
        plan_free(&p);
    }
}

static void riding_along_never_adds_a_request(void **state)
{
    uint64_t seed = 11;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        uint16_t gap = (uint16_t)random_below(&seed, 2);
        struct plan_limits l = {.max_registers = (uint16_t)(4 + random_below(&seed, 9)),
                                .max_bits = 8,
                                .max_gap_registers = gap,
                                .max_gap_bits = gap};
        struct plan_field fields[FIELDS_MAX];
        size_t n = random_map(&seed, fields, 12, 20, 4, 4);
        size_t apart = 0;
        struct plan p;
        for (int64_t period = 1; period <= 4; period++) {
            struct plan_field same[FIELDS_MAX];
            size_t count = 0;
            for (size_t i = 0; i < n; i++) {
                if (fields[i].period_us == period)
                    same[count++] = fields[i];
            }
            assert_int_equal(plan_create(&p, same, count, &l), GW_OK);
            apart += p.request_count;
            plan_free(&p);
        }
        assert_int_equal(plan_create(&p, fields, n, &l), GW_OK);
        assert_true(p.request_count <= apart);
        plan_free(&p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_as_expected),
        cmocka_unit_test(a_field_over_the_limit_is_refused),
        cmocka_unit_test(a_slower_field_rides_along_when_it_is_read_anyway),
        cmocka_unit_test(both_parts_of_a_split_read_only_their_fields),
        cmocka_unit_test(random_maps_are_covered_exactly_within_the_limits),
        cmocka_unit_test(small_maps_need_no_more_requests_than_the_optimum),
        cmocka_unit_test(riding_along_never_adds_a_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
