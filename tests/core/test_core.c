/* SPDX-License-Identifier: Apache-2.0 */
/* The small modules of the core: err, clock, reading, record, metrics, ledger, thread. */
#include "gateway/core/clock.h"
#include "gateway/core/err.h"
#include "gateway/core/histogram.h"
#include "gateway/core/ledger.h"
#include "gateway/core/metrics.h"
#include "gateway/core/process.h"
#include "gateway/core/reading.h"
#include "gateway/core/record.h"
#include "gateway/core/thread.h"

#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

static void every_error_has_a_text(void **state)
{
    (void)state;
    for (int err = 0; err < GW_ERR_COUNT; err++)
        assert_non_null(gw_strerror((enum gw_err)err));
    assert_string_equal(gw_strerror(GW_EFULL), "full");
    assert_string_equal(gw_strerror((enum gw_err)GW_ERR_COUNT), "unknown error");
}

static void times_are_written_as_rfc3339(void **state)
{
    static const struct {
        int64_t us;
        int digits;
        const char *text;
    } cases[] = {
        {0, 0, "1970-01-01T00:00:00Z"},
        {1, 6, "1970-01-01T00:00:00.000001Z"},
        {INT64_C(1700000000123456), 3, "2023-11-14T22:13:20.123Z"},
        {INT64_C(1709210096999999), 6, "2024-02-29T12:34:56.999999Z"},
        {INT64_C(2147483648000000), 0, "2038-01-19T03:14:08Z"}, /* more than 31 bits of seconds */
        {INT64_C(4102444800000000), 0, "2100-01-01T00:00:00Z"},
        {-1, 6, "1969-12-31T23:59:59.999999Z"},
    };
    char buf[CLOCK_UTC_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(clock_format_utc(cases[i].us, cases[i].digits, buf), cases[i].text);
}

static void the_fake_clock_moves_only_when_told(void **state)
{
    (void)state;
    clock_fake(100, 2000);
    assert_int_equal(clock_mono_us(), 100);
    clock_fake_advance(5);
    assert_int_equal(clock_mono_us(), 105);
    assert_int_equal(clock_wall_us(), 2005);
    clock_fake_stop();
    assert_true(clock_wall_us() > INT64_C(1700000000) * US_PER_SECOND);
}

static void only_good_readings_have_a_number(void **state)
{
    struct reading r = {.value = 3.5, .quality = QUALITY_GOOD};

    (void)state;
    assert_true(reading_number(&r) == 3.5);
    r.quality = QUALITY_CRC;
    assert_true(isnan(reading_number(&r)));
    r = (struct reading){.integer = 7, .flags = READING_INTEGER};
    assert_true(reading_number(&r) == 7.0);
    assert_int_equal(sizeof(struct reading), 24);
    assert_string_equal(quality_name(QUALITY_OUT_OF_RANGE), "out_of_range");
    assert_string_equal(quality_name(1000), "unknown");
}

static void alert_names_are_the_documented_ones(void **state)
{
    (void)state;
    assert_string_equal(alert_state_name(ALERT_RAISED), "raised");
    assert_string_equal(alert_state_name(ALERT_ESCALATED), "escalated");
    assert_string_equal(alert_state_name(ALERT_CLEARED), "cleared");
    assert_string_equal(alert_state_name(ALERT_ACKNOWLEDGED), "acknowledged");
    assert_string_equal(alert_state_name(77), "unknown");
    assert_string_equal(severity_name(SEVERITY_CRITICAL), "critical");
    assert_string_equal(severity_name(77), "unknown");
    struct alert_change *list = calloc(1, sizeof(*list));
    list->next = calloc(1, sizeof(*list));
    alert_change_free(list);
}

static void histograms_count_by_length(void **state)
{
    struct histogram_counts c;

    (void)state;
    histogram_note(HISTOGRAM_COMMIT, 0);
    histogram_note(HISTOGRAM_COMMIT, 1000);
    histogram_note(HISTOGRAM_COMMIT, 1001);
    histogram_note(HISTOGRAM_COMMIT, 60000000);
    c = histogram_get(HISTOGRAM_COMMIT);
    assert_int_equal(c.up_to[0], 2); /* at most 1 ms, its end included */
    assert_int_equal(c.up_to[1], 3);
    assert_int_equal(c.up_to[HISTOGRAM_BOUNDS - 1], 3);
    assert_int_equal(c.count, 4);
    assert_int_equal(c.sum_us, 60002001);
}

static void the_kernel_says_how_we_do(void **state)
{
    struct process_figures p;

    (void)state;
    process_figures_get(&p);
    assert_true(p.open_fds >= 3 && p.open_fds <= p.max_fds);
    if (getenv("SENSORGW_EMULATED"))
        return; /* qemu-user makes /proc/self/stat up, and fills in little of it */
    assert_true(p.resident_bytes > 500000 && p.resident_bytes < 1000000000);
    assert_true(p.start_us <= clock_wall_us() + US_PER_SECOND);
    assert_true(p.start_us > clock_wall_us() - US_PER_HOUR);
    assert_true(p.threads >= 1); /* a sanitizer may have one of its own */
}

static void metrics_count_and_keep_the_largest(void **state)
{
    (void)state;
    metric_add(METRIC_COMMITS, 2);
    metric_add(METRIC_COMMITS, 3);
    assert_int_equal(metric_get(METRIC_COMMITS), 5);
    metric_max(METRIC_COMMIT_US_MAX, 10);
    metric_max(METRIC_COMMIT_US_MAX, 4);
    assert_int_equal(metric_get(METRIC_COMMIT_US_MAX), 10);
    for (int m = 0; m < METRIC_COUNT; m++) {
        const struct metric_info *info = metric_info((enum metric)m);
        assert_memory_equal(info->name, "sensorgw_", 9);
        assert_true(strlen(info->help) > 5);
        size_t length = strlen(info->name);
        int total = length > 6 && strcmp(info->name + length - 6, "_total") == 0;
        assert_int_equal(total,
                         info->kind == METRIC_KIND_COUNTER || info->kind == METRIC_KIND_COUNTER_US);
    }
}

static void the_books_balance(void **state)
{
    struct ledger *l;

    (void)state;
    assert_int_equal(ledger_create(&l, 2), GW_OK);
    ledger_accept(l, 0, 10);
    ledger_commit(l, 0, 6);
    ledger_drop(l, 0, DROP_QUEUE_FULL, 1);
    ledger_drop(l, 0, DROP_DUPLICATE, 2);
    ledger_accept(l, 1, 5);
    struct ledger_entry e = ledger_get(l, 0);
    assert_int_equal(ledger_dropped(&e), 3);
    assert_int_equal(ledger_in_flight(&e), 1);
    e = ledger_total(l);
    assert_int_equal(e.accepted, 15);
    assert_int_equal(ledger_in_flight(&e), 6);
    assert_string_equal(drop_reason_name(DROP_QUEUE_FULL), "queue_full");
    assert_string_equal(drop_reason_name(DROP_REASON_COUNT), "unknown");
    ledger_destroy(l);
}

struct seen {
    char name[16];
    _Atomic int blocked;
};

static void look_around(void *arg)
{
    struct seen *seen = arg;
    sigset_t set;

    pthread_getname_np(pthread_self(), seen->name, sizeof(seen->name));
    pthread_sigmask(SIG_SETMASK, NULL, &set);
    seen->blocked = sigismember(&set, SIGTERM) && sigismember(&set, SIGHUP);
}

static void threads_are_named_and_take_no_signals(void **state)
{
    struct thread t = {0};
    struct seen seen = {0};
    sigset_t mine;

    (void)state;
    assert_int_equal(thread_start(&t, "a-name-that-is-too-long", look_around, &seen), GW_OK);
    thread_join(&t);
    thread_join(&t);
    assert_string_equal(seen.name, "a-name-that-is-");
    assert_true(seen.blocked);
    pthread_sigmask(SIG_SETMASK, NULL, &mine);
    assert_false(sigismember(&mine, SIGTERM));
}

static void sleep_long(void *arg)
{
    stop_flag_wait(arg, 3600 * US_PER_SECOND);
}

static void a_raised_flag_ends_a_long_sleep(void **state)
{
    struct stop_flag flag;
    struct thread t = {0};

    (void)state;
    stop_flag_init(&flag);
    assert_false(stop_flag_raised(&flag));
    assert_false(stop_flag_wait(&flag, 1000));
    assert_int_equal(thread_start(&t, "sleeper", sleep_long, &flag), GW_OK);
    stop_flag_raise(&flag);
    thread_join(&t);
    assert_true(stop_flag_wait(&flag, 3600 * US_PER_SECOND));
    stop_flag_fini(&flag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_error_has_a_text),
        cmocka_unit_test(times_are_written_as_rfc3339),
        cmocka_unit_test(the_fake_clock_moves_only_when_told),
        cmocka_unit_test(only_good_readings_have_a_number),
        cmocka_unit_test(alert_names_are_the_documented_ones),
        cmocka_unit_test(histograms_count_by_length),
        cmocka_unit_test(the_kernel_says_how_we_do),
        cmocka_unit_test(metrics_count_and_keep_the_largest),
        cmocka_unit_test(the_books_balance),
        cmocka_unit_test(threads_are_named_and_take_no_signals),
        cmocka_unit_test(a_raised_flag_ends_a_long_sleep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
