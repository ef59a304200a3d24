/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/clock.h"
#include "gateway/core/heartbeat.h"
#include "gateway/core/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define NOW INT64_C(1000000000)

static int setup(void **state)
{
    (void)state;
    clock_fake(NOW, NOW);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    clock_fake_stop();
    return 0;
}

static void a_promise_holds_until_its_time(void **state)
{
    struct heartbeat a, b;
    struct heartbeat_view late[2];

    (void)state;
    heartbeat_add(&a, "a");
    heartbeat_add(&b, "b");
    assert_int_equal(heartbeat_late(NOW * 1000, late, 2), 0); /* at rest */
    heartbeat_promise(&a, 10);
    heartbeat_promise(&b, 20);
    assert_int_equal(heartbeat_late(NOW + 10, late, 2), 0);
    assert_int_equal(heartbeat_late(NOW + 11, late, 2), 1);
    assert_string_equal(late[0].name, "a");
    assert_int_equal(late[0].due_us, NOW + 10);
    assert_int_equal(heartbeat_late(NOW + 21, late, 2), 2);
    assert_int_equal(heartbeat_late(NOW + 21, late, 0), 2);
    clock_fake_advance(21);
    heartbeat_promise(&a, 10);
    assert_int_equal(heartbeat_late(NOW + 21, late, 2), 1);
    assert_string_equal(late[0].name, "b");
    heartbeat_rest(&b);
    assert_int_equal(heartbeat_late(NOW + 21, late, 2), 0);
    assert_int_equal(heartbeat_late(INT64_MAX, late, 2), 1);
    heartbeat_remove(&a);
    heartbeat_remove(&b);
    assert_int_equal(heartbeat_late(INT64_MAX, late, 2), 0);
    heartbeat_remove(&b); /* twice is nothing */
}

struct shared {
    struct stop_flag promised, go;
};

static void promise_and_wait(void *arg)
{
    struct shared *s = arg;

    thread_promise(50);
    stop_flag_raise(&s->promised);
    while (!stop_flag_wait(&s->go, US_PER_SECOND))
        ;
}

static void a_thread_promises_by_its_name_and_rests_when_it_ends(void **state)
{
    struct shared s;
    struct thread t = {0};
    struct heartbeat_view late[2];

    (void)state;
    stop_flag_init(&s.promised);
    stop_flag_init(&s.go);
    thread_promise(1); /* of this thread, which is none of ours: nothing */
    assert_int_equal(thread_start(&t, "sleeper", promise_and_wait, &s), GW_OK);
    while (!stop_flag_wait(&s.promised, US_PER_SECOND))
        ;
    assert_int_equal(heartbeat_late(NOW + 50, late, 2), 0);
    assert_int_equal(heartbeat_late(NOW + 51, late, 2), 1);
    assert_string_equal(late[0].name, "sleeper");
    stop_flag_raise(&s.go);
    thread_join(&t);
    assert_int_equal(heartbeat_late(INT64_MAX, late, 2), 0);
    stop_flag_fini(&s.promised);
    stop_flag_fini(&s.go);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_promise_holds_until_its_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_thread_promises_by_its_name_and_rests_when_it_ends, setup,
                                        teardown),
    };
    return cmocka_run_group_tests_name("core/heartbeat", tests, NULL, NULL);
}
