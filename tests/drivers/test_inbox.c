/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks from other threads: done in the owner's thread, in order, or given back. */
#include "drivers/inbox.h"
#include "gateway/core/clock.h"
#include "gateway/core/thread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define CALLERS 4
#define CALLS 2000
#define LONG_US (30 * US_PER_SECOND)

struct sum {
    struct task task; /* first */
    long *total;      /* the owner's alone: no lock */
    pthread_t *ran_in;
};

static void add(struct task *t)
{
    struct sum *s = (struct sum *)t;

    ++*s->total;
    *s->ran_in = pthread_self();
}

struct owner {
    struct inbox inbox;
    long total;
    pthread_t ran_in;
};

static void own(void *arg)
{
    struct owner *o = arg;

    while (!inbox_wait(&o->inbox, LONG_US))
        inbox_run(&o->inbox);
}

static void call_often(void *arg)
{
    struct owner *o = arg;
    struct sum s = {.task = {.run = add}, .total = &o->total, .ran_in = &o->ran_in};

    for (int i = 0; i < CALLS; i++)
        inbox_call(&o->inbox, &s.task, LONG_US);
}

static void every_task_runs_once_in_the_owners_thread(void **state)
{
    struct owner o = {0};
    struct thread owner = {0}, callers[CALLERS] = {0};

    (void)state;
    inbox_init(&o.inbox);
    assert_int_equal(thread_start(&owner, "owner", own, &o), GW_OK);
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(thread_start(&callers[i], "caller", call_often, &o), GW_OK);
    for (int i = 0; i < CALLERS; i++)
        thread_join(&callers[i]);
    assert_int_equal(o.total, CALLERS * CALLS);
    assert_true(pthread_equal(o.ran_in, owner.id));
    inbox_close(&o.inbox);
    thread_join(&owner);
    inbox_fini(&o.inbox);
}

static void a_task_that_nobody_gets_to_is_given_back(void **state)
{
    struct owner o = {0};
    struct sum s = {.task = {.run = add}, .total = &o.total, .ran_in = &o.ran_in};

    (void)state;
    inbox_init(&o.inbox);
    assert_int_equal(inbox_call(&o.inbox, &s.task, 20 * US_PER_MS), GW_ETIMEDOUT);
    inbox_run(&o.inbox);
    assert_int_equal(o.total, 0);
    inbox_close(&o.inbox);
    assert_int_equal(inbox_call(&o.inbox, &s.task, LONG_US), GW_ECLOSED);
    inbox_fini(&o.inbox);
}

static void call_once(void *arg)
{
    struct owner *o = arg;
    struct sum s = {.task = {.run = add}, .total = &o->total, .ran_in = &o->ran_in};

    if (inbox_call(&o->inbox, &s.task, LONG_US) == GW_ECLOSED)
        o->total = -1;
}

static void closing_lets_go_who_waits(void **state)
{
    struct owner o = {0};
    struct thread caller = {0};

    (void)state;
    inbox_init(&o.inbox);
    assert_int_equal(thread_start(&caller, "caller", call_once, &o), GW_OK);
    assert_false(inbox_wait(&o.inbox, LONG_US)); /* woken by the task */
    inbox_close(&o.inbox);
    thread_join(&caller);
    inbox_run(&o.inbox);
    assert_int_equal(o.total, -1);
    inbox_fini(&o.inbox);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_task_runs_once_in_the_owners_thread),
        cmocka_unit_test(a_task_that_nobody_gets_to_is_given_back),
        cmocka_unit_test(closing_lets_go_who_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
