/* SPDX-License-Identifier: Apache-2.0 */
/* Names that are looked up while the name server is up, down, or silent. The resolver is played by
 * the test. */
#include "drivers/resolve.h"
#include "gateway/core/clock.h"

#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);

static atomic_bool silent;  /* the name server: a question waits until it speaks again */
static atomic_bool unknown; /* it knows no name */
static atomic_uint questions;

/* Every name is this host, except when it is none. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    if (hints->ai_flags & AI_NUMERICHOST)
        return __real_getaddrinfo(host, service, hints, out);
    atomic_fetch_add(&questions, 1);
    while (atomic_load(&silent))
        clock_sleep_us(US_PER_MS);
    if (atomic_load(&unknown))
        return EAI_NONAME;
    return __real_getaddrinfo("127.0.0.1", service, hints, out);
}

static bool flag(void *arg)
{
    return arg && atomic_load((atomic_bool *)arg);
}

#define PATIENCE_US (60 * US_PER_SECOND)

static void an_address_in_numbers_asks_nobody(void **state)
{
    struct resolved r;

    (void)state;
    assert_int_equal(resolve_host("192.0.2.7", 0, flag, NULL, &r), GW_OK);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.addresses[0], "192.0.2.7");
    assert_int_equal(resolve_host("2001:db8::1", 0, flag, NULL, &r), GW_OK);
    assert_string_equal(r.addresses[0], "2001:db8::1");
    assert_int_equal(atomic_load(&questions), 0);
}

static void a_name_becomes_its_address(void **state)
{
    struct resolved r;

    (void)state;
    assert_int_equal(resolve_host("plc.example", PATIENCE_US, flag, NULL, &r), GW_OK);
    assert_int_equal(r.count, 1);
    assert_string_equal(r.addresses[0], "127.0.0.1");
}

static void an_unknown_name_is_said_to_be_unknown(void **state)
{
    struct resolved r;

    (void)state;
    atomic_store(&unknown, true);
    assert_int_equal(resolve_host("nobody.example", PATIENCE_US, flag, NULL, &r), GW_ENOENT);
    atomic_store(&unknown, false);
}

static void a_silent_name_server_costs_the_time_that_was_given_and_is_asked_once(void **state)
{
    struct resolved r;
    unsigned before = atomic_load(&questions);

    (void)state;
    atomic_store(&silent, true);
    for (int i = 0; i < 3; i++) {
        int64_t begin = clock_mono_us();
        assert_int_equal(resolve_host("hole.example", 50 * US_PER_MS, flag, NULL, &r),
                         GW_ETIMEDOUT);
        assert_true(clock_mono_us() - begin < 10 * US_PER_SECOND);
    }
    assert_true(atomic_load(&questions) <= before + 1); /* 0: its thread has not run yet */
    atomic_store(&silent, false);
    assert_int_equal(resolve_host("hole.example", PATIENCE_US, flag, NULL, &r), GW_OK);
}

static void what_a_name_meant_is_good_while_the_server_is_silent_or_at_a_loss(void **state)
{
    struct resolved r = {0};

    (void)state;
    assert_int_equal(resolve_host("known.example", PATIENCE_US, flag, NULL, &r), GW_OK);
    atomic_store(&silent, true);
    r.count = 0;
    assert_int_equal(resolve_host("known.example", 20 * US_PER_MS, flag, NULL, &r), GW_OK);
    assert_string_equal(r.addresses[0], "127.0.0.1");
    atomic_store(&unknown, true);
    atomic_store(&silent, false);
    assert_int_equal(resolve_host("known.example", PATIENCE_US, flag, NULL, &r), GW_OK);
    atomic_store(&unknown, false);
}

static void *stop_soon(void *arg)
{
    clock_sleep_us(50 * US_PER_MS);
    atomic_store((atomic_bool *)arg, true);
    return NULL;
}

static void whoever_must_stop_does_not_wait(void **state)
{
    atomic_bool stop = false;
    struct resolved r;
    pthread_t thread;

    (void)state;
    atomic_store(&silent, true);
    assert_int_equal(pthread_create(&thread, NULL, stop_soon, &stop), 0);
    int64_t begin = clock_mono_us();
    assert_int_equal(resolve_host("stop.example", 60 * US_PER_SECOND, flag, &stop, &r), GW_ECLOSED);
    assert_true(clock_mono_us() - begin < 20 * US_PER_SECOND);
    pthread_join(thread, NULL);
    atomic_store(&silent, false);
    assert_int_equal(resolve_host("stop.example", PATIENCE_US, flag, NULL, &r), GW_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_address_in_numbers_asks_nobody),
        cmocka_unit_test(a_name_becomes_its_address),
        cmocka_unit_test(an_unknown_name_is_said_to_be_unknown),
        cmocka_unit_test(a_silent_name_server_costs_the_time_that_was_given_and_is_asked_once),
        cmocka_unit_test(what_a_name_meant_is_good_while_the_server_is_silent_or_at_a_loss),
        cmocka_unit_test(whoever_must_stop_does_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
