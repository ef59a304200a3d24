/* SPDX-License-Identifier: Apache-2.0 */
/* The schedule and the back-off. */
#include "drivers/backoff.h"
#include "drivers/schedule.h"

#include <setjmp.h>
#include <stdarg.h>
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

/* Against the plainest way to do it: look at all. */
static void it_agrees_with_a_list_under_random_moves(void **state)
{
    enum { N = 50 };
    struct schedule *s;
    int64_t next[N], period[N], now = 0;

    (void)state;
    srand(7);
    assert_int_equal(schedule_create(&s, N), GW_OK);
    for (uint32_t i = 0; i < N; i++) {
        next[i] = rand() % 1000;
        period[i] = 1 + rand() % 500;
        assert_int_equal(schedule_add(s, i, next[i], period[i]), GW_OK);
    }
    for (int step = 0; step < 20000; step++) {
        uint32_t id, first = 0;
        uint64_t skipped;
        for (uint32_t i = 1; i < N; i++)
            first = next[i] < next[first] ? i : first;
        assert_int_equal(schedule_next(s), next[first]);
        if (rand() % 3 == 0) {
            id = (uint32_t)(rand() % N);
            next[id] = now + rand() % 2000;
            schedule_defer(s, id, next[id]);
            continue;
        }
        now = next[first] + rand() % 100;
        assert_int_equal(schedule_take(s, now, &id, &skipped), GW_OK);
        assert_int_equal(id, first);
        assert_int_equal(skipped, (now - next[first]) / period[first]);
        next[first] += (int64_t)(skipped + 1) * period[first];
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
        cmocka_unit_test(it_agrees_with_a_list_under_random_moves),
        cmocka_unit_test(waits_double_up_to_the_cap_and_vary),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
