/* SPDX-License-Identifier: Apache-2.0 */
/* When the figures are sent, to a broker that is played by the test. */
#include "drivers/mqtt/link.h"
#include "gateway/bulletin.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define LOST (-1)

static char prefix[] = "p", name[] = "g";
static const struct config config = {.gateway = {.name = name}, .mqtt = {.prefix = prefix}};

struct bench {
    struct ledger *ledger;
    struct bulletin *bulletin;
    int64_t now;
    int sent, complaints;
    bool is_full;
};

static bool take(void *arg, const char *topic, char *text)
{
    struct bench *b = arg;

    assert_string_equal(topic, "p/g/health");
    assert_non_null(strstr(text, "\"accepted\""));
    free(text);
    b->sent += !b->is_full;
    return !b->is_full;
}

static void on_line(void *arg, enum log_level level, const char *line)
{
    struct bench *b = arg;

    b->complaints += level == LOG_LEVEL_WARNING && strstr(line, "topic health") != NULL;
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    assert_int_equal(ledger_create(&b->ledger, 1), GW_OK);
    b->bulletin = bulletin_create(
        &(struct bulletin_options){.config = &config, .ledger = b->ledger, .send = take, .arg = b});
    assert_non_null(b->bulletin);
    b->now = US_PER_MINUTE;
    clock_fake(b->now, 0);
    log_set_sink(on_line, b);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    log_set_sink(NULL, NULL);
    clock_fake_stop();
    bulletin_destroy(b->bulletin);
    ledger_destroy(b->ledger);
    free(b);
    return 0;
}

static void pass(struct bench *b, int64_t us)
{
    b->now += us;
    clock_fake(b->now, 0);
}

/* How many are sent in that many minutes; each gets that answer after a second, and a connection
 * that was lost is back after another. */
static int sent_in(struct bench *b, int minutes, int reason)
{
    int before = b->sent;

    for (int64_t end = b->now + minutes * US_PER_MINUTE; b->now < end; pass(b, US_PER_SECOND)) {
        int sent = b->sent;
        bulletin_work(b->bulletin);
        if (b->sent == sent)
            continue;
        pass(b, US_PER_SECOND);
        bulletin_answer(b->bulletin, reason);
        if (reason >= 0)
            continue;
        pass(b, US_PER_SECOND);
        bulletin_greet(b->bulletin);
    }
    return b->sent - before;
}

static void they_come_each_half_minute(void **state)
{
    struct bench *b = *state;

    assert_in_range(sent_in(b, 10, 0), 18, 20);
    assert_int_equal(b->complaints, 0);
}

static void they_come_with_each_connection(void **state)
{
    struct bench *b = *state;

    bulletin_work(b->bulletin);
    bulletin_answer(b->bulletin, 0);
    pass(b, US_PER_SECOND);
    bulletin_work(b->bulletin);
    assert_int_equal(b->sent, 1);
    bulletin_greet(b->bulletin);
    bulletin_work(b->bulletin);
    assert_int_equal(b->sent, 2);
}

static void there_is_one_under_way_at_a_time(void **state)
{
    struct bench *b = *state;

    bulletin_work(b->bulletin);
    pass(b, US_PER_HOUR); /* a broker that hangs */
    bulletin_work(b->bulletin);
    assert_int_equal(b->sent, 1);
    bulletin_answer(b->bulletin, 0);
    bulletin_answer(b->bulletin, LOST); /* too late to mean this one */
    bulletin_work(b->bulletin);
    assert_int_equal(b->sent, 2);
}

static void a_client_that_takes_no_more_is_asked_again(void **state)
{
    struct bench *b = *state;

    b->is_full = true;
    bulletin_work(b->bulletin);
    b->is_full = false;
    bulletin_work(b->bulletin);
    assert_int_equal(b->sent, 1);
}

static void those_that_end_connections_come_less_and_less_often(void **state)
{
    struct bench *b = *state;

    assert_int_equal(sent_in(b, 60, LOST), 5); /* after 10 s, 1, 6, 36 minutes */
    assert_in_range(sent_in(b, 240, LOST), 3, 4);
    assert_int_equal(b->complaints, 1);
    pass(b, US_PER_HOUR);
    assert_in_range(sent_in(b, 10, 0), 18, 20); /* it takes them now */
}

/* The wait begins when the connection ends, not when the next one begins: back-off may be longer
 * than it. */
static void one_that_is_lost_with_an_outage_follows_at_once(void **state)
{
    struct bench *b = *state;

    bulletin_work(b->bulletin);
    bulletin_answer(b->bulletin, LOST);
    pass(b, US_PER_MINUTE);
    bulletin_greet(b->bulletin);
    bulletin_work(b->bulletin);
    assert_int_equal(b->sent, 2);
    assert_int_equal(b->complaints, 0);
}

static void those_that_are_refused_come_less_and_less_often_too(void **state)
{
    struct bench *b = *state;

    assert_int_equal(sent_in(b, 60, LINK_TOO_LARGE), 5);
    assert_int_equal(b->complaints, 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(they_come_each_half_minute),
        T(they_come_with_each_connection),
        T(there_is_one_under_way_at_a_time),
        T(a_client_that_takes_no_more_is_asked_again),
        T(those_that_end_connections_come_less_and_less_often),
        T(one_that_is_lost_with_an_outage_follows_at_once),
        T(those_that_are_refused_come_less_and_less_often_too),
    };

    log_configure(LOG_LEVEL_WARNING, LOG_FORMAT_TEXT);
    return cmocka_run_group_tests_name("gateway/bulletin", tests, NULL, NULL);
}
