/* SPDX-License-Identifier: Apache-2.0 */
/* The schedule and the back-off. */
#include "drivers/backoff.h"
#include "drivers/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static void the_earliest_comes_first_and_keeps_its_pace(void **state)
{
    struct schedule *s;
    uint32_t id;
    uint64_t skipped;
    unsigned taken[3] = {0};

    (void)state;
    assert_int_equal(schedule_create(&s, 3), GW_OK);
    assert_true(schedule_next(s) == INT64_MAX);
    assert_int_equal(schedule_add(s, 0, 0, 100), GW_OK);
    assert_int_equal(schedule_add(s, 1, 5, 250), GW_OK);
    assert_int_equal(schedule_add(s, 2, 7, 1000), GW_OK);
    assert_int_equal(schedule_add(s, 3, 0, 100), GW_EFULL);
    for (int64_t now = 0; now < 10000; now = schedule_next(s)) {
        assert_int_equal(schedule_take(s, now, &id, &skipped), GW_OK);
        assert_int_equal(skipped, 0);
        taken[id]++;
    }
    assert_int_equal(taken[0], 100);
    assert_int_equal(taken[1], 40);
    assert_int_equal(taken[2], 10);
    schedule_destroy(s);
}

static void what_was_missed_is_skipped_not_caught_up(void **state)
{
    struct schedule *s;
    uint32_t id;
    uint64_t skipped;

    (void)state;
    assert_int_equal(schedule_create(&s, 1), GW_OK);
    assert_int_equal(schedule_add(s, 7, 1000, 100), GW_OK);
    assert_int_equal(schedule_take(s, 999, &id, &skipped), GW_ENOENT);
    assert_int_equal(schedule_take(s, 1350, &id, &skipped), GW_OK);
    assert_int_equal(id, 7);
    assert_int_equal(skipped, 3);
    assert_int_equal(schedule_next(s), 1400); /* on its grid again */
    assert_int_equal(schedule_take(s, 1350, &id, &skipped), GW_ENOENT);
    schedule_destroy(s);
}

static void refused_are_strange_periods_and_ids_that_are_taken(void **state)
{
    struct schedule *s;

    (void)state;
    assert_int_equal(schedule_create(&s, 2), GW_OK);
    assert_int_equal(schedule_add(s, 0, 0, 0), GW_EINVAL);
    assert_int_equal(schedule_add(s, 0, 0, 5), GW_OK);
    assert_int_equal(schedule_add(s, 0, 0, 5), GW_EEXIST);
    schedule_defer(s, 99, 0); /* nobody */
    schedule_destroy(s);
}

static void of_what_is_due_the_earliest_deadline_comes_first(void **state)
{
    struct schedule *s;
    uint32_t id;
    uint64_t skipped;

    (void)state;
    assert_int_equal(schedule_create(&s, 3), GW_OK);
    assert_int_equal(schedule_add(s, 0, 0, 60000), GW_OK);
    assert_int_equal(schedule_add(s, 1, 500, 1000), GW_OK);
    assert_int_equal(schedule_add(s, 2, 501, 10), GW_OK);
    assert_int_equal(schedule_take(s, 500, &id, &skipped), GW_OK);
    assert_int_equal(id, 1); /* it must be done by 1500, the other by 60000 */
    assert_int_equal(schedule_take(s, 505, &id, &skipped), GW_OK);
    assert_int_equal(id, 2);
    assert_int_equal(schedule_take(s, 505, &id, &skipped), GW_OK);
    assert_int_equal(id, 0);
    assert_int_equal(skipped, 0);
    schedule_destroy(s);
}

static void first_times_are_spread_over_the_period(void **state)
{
    enum { N = 100 };
    unsigned tenths[10] = {0};

    (void)state;
    assert_int_equal(schedule_phase(0, 1000000), 0);
    for (size_t i = 0; i < N; i++) {
        int64_t phase = schedule_phase(i, 1000000);
        assert_true(phase >= 0 && phase < 1000000);
        tenths[phase / 100000]++;
        assert_true(schedule_phase(i, 3600000000) < 5000000);
    }
    for (size_t i = 0; i < 10; i++)
        assert_true(tenths[i] >= 9 && tenths[i] <= 11);
}

/* The plainest way to do it: look at all. */
enum { ITEMS = 50 };
struct list {
    int64_t next[ITEMS], period[ITEMS];
    bool ready[ITEMS];
};

static uint32_t first_of(const struct list *l)
{
    uint32_t best = ITEMS;

    for (int ready = 1; ready >= 0 && best == ITEMS; ready--) {
        int64_t least = INT64_MAX;
        for (uint32_t i = 0; i < ITEMS; i++) {
            int64_t key = l->next[i] + (ready ? l->period[i] : 0);
            if (l->ready[i] == ready && key < least) {
                least = key;
                best = i;
            }
        }
    }
    return best;
}

static void it_agrees_with_a_list_under_random_moves(void **state)
{
    struct schedule *s;
    struct list l = {0};
    int64_t now = 0;

    (void)state;
    srand(7);
    assert_int_equal(schedule_create(&s, ITEMS), GW_OK);
    for (uint32_t i = 0; i < ITEMS; i++) {
        l.next[i] = rand() % 1000;
        l.period[i] = 1 + rand() % 500;
        assert_int_equal(schedule_add(s, i, l.next[i], l.period[i]), GW_OK);
    }
    for (int step = 0; step < 20000; step++) {
        uint32_t id, first = first_of(&l);
        uint64_t skipped;
        assert_int_equal(schedule_next(s), l.next[first]);
        if (rand() % 3 == 0) {
            id = (uint32_t)(rand() % ITEMS);
            l.next[id] = now + rand() % 2000;
            l.ready[id] = false;
            schedule_defer(s, id, l.next[id]);
            continue;
        }
        int64_t later = l.next[first] + rand() % 100;
        now = later > now ? later : now;
        for (uint32_t i = 0; i < ITEMS; i++)
            l.ready[i] = l.next[i] <= now;
        first = first_of(&l);
        if (!l.ready[first]) {
            assert_int_equal(schedule_take(s, now, &id, &skipped), GW_ENOENT);
            continue;
        }
        assert_int_equal(schedule_take(s, now, &id, &skipped), GW_OK);
        assert_int_equal(id, first);
        assert_int_equal(skipped, (now - l.next[first]) / l.period[first]);
        l.next[first] += (int64_t)(skipped + 1) * l.period[first];
        l.ready[first] = false;
    }
    schedule_destroy(s);
}

static void waits_double_up_to_the_cap_and_vary(void **state)
{
    struct backoff b = {.first_us = 1000, .cap_us = 30000, .seed = 3};
    int64_t base = 1000, sum = 0;

    (void)state;
    for (int i = 0; i < 12; i++) {
        int64_t wait = backoff_next(&b);
        assert_true(wait <= base && wait >= base - base / 4);
        sum += base - wait;
        base = base * 2 > 30000 ? 30000 : base * 2;
    }
    assert_true(sum > 0);
    backoff_reset(&b);
    assert_true(backoff_next(&b) <= 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_earliest_comes_first_and_keeps_its_pace),
        cmocka_unit_test(what_was_missed_is_skipped_not_caught_up),
        cmocka_unit_test(refused_are_strange_periods_and_ids_that_are_taken),
        cmocka_unit_test(of_what_is_due_the_earliest_deadline_comes_first),
        cmocka_unit_test(first_times_are_spread_over_the_period),
        cmocka_unit_test(it_agrees_with_a_list_under_random_moves),
        cmocka_unit_test(waits_double_up_to_the_cap_and_vary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
