/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/clock.h"
#include "gateway/core/heartbeat.h"
#include "gateway/core/log.h"
#include "gateway/watchdog.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define START INT64_C(5000000000)

static int fed;
static char log_text[1024];

static void feed(void)
{
    fed++;
}

static void keep_log(void *arg, enum log_level level, const char *line)
{
    size_t used = strlen(log_text);

    (void)arg;
    (void)level;
    snprintf(log_text + used, sizeof(log_text) - used, "%s", line);
}

struct bench {
    struct heartbeat worker, line;
    struct watchdog dog;
};

static int setup(void **state)
{
    static struct bench b;

    clock_fake(START, START);
    log_set_sink(keep_log, NULL);
    log_text[0] = '\0';
    fed = 0;
    heartbeat_add(&b.worker, "worker-0");
    heartbeat_add(&b.line, "rs485");
    watchdog_init(&b.dog, feed);
    *state = &b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    heartbeat_remove(&b->worker);
    heartbeat_remove(&b->line);
    log_set_sink(NULL, NULL);
    clock_fake_stop();
    return 0;
}

static void look_after(struct bench *b, int64_t us)
{
    clock_fake_advance(us);
    watchdog_look(&b->dog, clock_mono_us());
}

static void it_is_fed_while_all_keep_their_promises(void **state)
{
    struct bench *b = *state;

    look_after(b, 0); /* nobody has promised anything */
    for (int i = 0; i < 100; i++) {
        heartbeat_promise(&b->worker, 2 * US_PER_SECOND);
        if (i % 50 == 0) /* a slow look-up */
            heartbeat_promise(&b->line, 60 * US_PER_SECOND);
        look_after(b, US_PER_SECOND);
    }
    assert_int_equal(fed, 101);
    assert_string_equal(log_text, "");
}

static void it_starves_when_one_hangs(void **state)
{
    struct bench *b = *state;

    heartbeat_promise(&b->line, 10 * US_PER_SECOND);
    for (int i = 0; i < 60; i++) {
        heartbeat_promise(&b->worker, 2 * US_PER_SECOND);
        look_after(b, US_PER_SECOND);
    }
    assert_int_equal(fed, 10);
    assert_non_null(strstr(log_text, "thread rs485 hangs"));
    assert_null(strstr(log_text, "worker-0"));
    assert_null(strchr(strchr(log_text, '\n') + 1, '\n')); /* told once */
}

static void it_is_fed_again_when_the_thread_comes_back(void **state)
{
    struct bench *b = *state;

    heartbeat_promise(&b->line, US_PER_SECOND);
    look_after(b, 2 * US_PER_SECOND);
    look_after(b, US_PER_SECOND);
    assert_int_equal(fed, 0);
    heartbeat_promise(&b->line, US_PER_SECOND);
    look_after(b, US_PER_SECOND);
    assert_int_equal(fed, 1);
    assert_non_null(strstr(log_text, "no thread hangs any more"));
}

/* The whole process was halted (a debugger, a suspended container): all are late for one look. */
static void one_late_look_is_not_complained_about(void **state)
{
    struct bench *b = *state;

    heartbeat_promise(&b->worker, US_PER_SECOND);
    heartbeat_promise(&b->line, US_PER_SECOND);
    look_after(b, US_PER_HOUR);
    assert_int_equal(fed, 0);
    heartbeat_promise(&b->worker, US_PER_SECOND);
    heartbeat_promise(&b->line, US_PER_SECOND);
    look_after(b, US_PER_SECOND);
    assert_int_equal(fed, 1);
    assert_string_equal(log_text, "");
}

static void one_that_is_not_vital_is_told_and_no_reason_to_starve(void **state)
{
    struct bench *b = *state;
    struct heartbeat page;

    heartbeat_add_minor(&page, "http-0");
    heartbeat_promise(&page, US_PER_SECOND);
    for (int i = 0; i < 10; i++)
        look_after(b, US_PER_SECOND);
    assert_int_equal(fed, 10);
    assert_non_null(strstr(log_text, "thread http-0 hangs"));
    assert_non_null(strstr(log_text, "everything else goes on"));
    heartbeat_promise(&b->line, US_PER_SECOND); /* hangs too, later on */
    for (int i = 0; i < 10; i++)
        look_after(b, US_PER_SECOND);
    assert_int_equal(fed, 11);
    assert_non_null(strstr(log_text, "thread rs485 hangs"));
    heartbeat_remove(&page);
    heartbeat_rest(&b->line);
    look_after(b, US_PER_SECOND);
    assert_int_equal(fed, 12);
    assert_non_null(strstr(log_text, "no thread hangs any more"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(it_is_fed_while_all_keep_their_promises),
        T(it_starves_when_one_hangs),
        T(it_is_fed_again_when_the_thread_comes_back),
        T(one_that_is_not_vital_is_told_and_no_reason_to_starve),
        T(one_late_look_is_not_complained_about),
    };
    return cmocka_run_group_tests_name("gateway/watchdog", tests, NULL, NULL);
}
