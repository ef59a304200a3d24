/* SPDX-License-Identifier: Apache-2.0 */
/* The whole gateway in this process: start, run, stop, and starts that fail half-way. */
#include "drivers/driver.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/thread.h"
#include "gateway/gateway.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define PATIENCE_US (120 * US_PER_SECOND)

struct bench {
    char folder[64], value[96], database[96];
    struct config *config;
};

static char log_text[4096];

static void keep_log(void *arg, enum log_level level, const char *line)
{
    size_t used = strlen(log_text);

    (void)arg;
    if (level <= LOG_LEVEL_WARNING)
        snprintf(log_text + used, sizeof(log_text) - used, "%s\n", line);
}

static size_t entries(const char *path)
{
    DIR *d = opendir(path);
    size_t n = 0;

    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* A joined thread may still be listed for a moment. */
static void assert_threads(size_t expected)
{
    for (int i = 0; i < 30000 && entries("/proc/self/task") != expected; i++)
        clock_sleep_us(US_PER_MS);
    assert_int_equal(entries("/proc/self/task"), expected);
}

/* A gateway that reads one file; `extra` is added to its configuration. */
static void load(struct bench *b, const char *database, const char *extra)
{
    char text[1024];
    struct config_errors errors = {0};
    size_t count;
    const struct driver_schema *const *schemas = driver_schemas(&count);

    int n = snprintf(text, sizeof(text),
                     "gateway: {name: test}\nhttp: off\nstorage: {path: %s, flush: 100ms}\n"
                     "sources: [{name: pi, driver: file, every: 10ms,"
                     " sensors: [{name: t, path: %s, scale: 0.5}]}]\n"
                     "rules: [{name: hot, sensor: pi/t, high: {warning: 10}}]\n%s",
                     database, b->value, extra);
    if (config_parse("test.yaml", text, (size_t)n, schemas, count, &b->config, &errors) != GW_OK) {
        config_errors_print(&errors, "test.yaml", stderr);
        fail();
    }
    config_errors_free(&errors);
}

/* At once: the gateway may read it at any moment. */
static void set_value(const struct bench *b, const char *text)
{
    char other[104];

    snprintf(other, sizeof(other), "%s.new", b->value);
    FILE *f = fopen(other, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    assert_int_equal(rename(other, b->value), 0);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));

    assert_non_null(b);
    log_text[0] = '\0';
    strcpy(b->folder, "/tmp/sensorgw-gateway-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    snprintf(b->value, sizeof(b->value), "%s/value", b->folder);
    snprintf(b->database, sizeof(b->database), "%s/test.db", b->folder);
    set_value(b, "8\n");
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    char command[128];

    config_free(b->config);
    snprintf(command, sizeof(command), "rm -rf %s", b->folder);
    int status = system(command);
    free(b);
    return status;
}

static struct gateway_status wait_for(struct gateway *g, uint64_t committed, size_t alerts)
{
    struct gateway_status status;
    int64_t end = clock_mono_us() + PATIENCE_US;

    do {
        gateway_status(g, &status);
        if (status.total.committed >= committed && status.alerts == alerts)
            return status;
        clock_sleep_us(5 * US_PER_MS);
    } while (clock_mono_us() < end);
    fail_msg("%d readings and %d alerts came in vain", (int)status.total.committed,
             (int)status.alerts);
    return status;
}

static void it_reads_judges_stores_and_keeps_its_books(void **state)
{
    struct bench *b = *state;
    struct gateway *g;
    struct gateway_summary summary;
    size_t threads = entries("/proc/self/task"), files = entries("/proc/self/fd");

    load(b, b->database, "");
    assert_int_equal(gateway_start(&g, b->config), GW_OK);
    struct gateway_status status = wait_for(g, 5, 0);
    assert_int_equal(status.sensors, 1);
    assert_int_equal(status.sources, 1);
    assert_int_equal(status.failing, 0);
    assert_false(status.has_broker);
    assert_true(status.storing);
    set_value(b, "22\n"); /* 11 after the scale */
    wait_for(g, 6, 1);
    set_value(b, "8\n");
    status = wait_for(g, 7, 0);
    gateway_stop(g, &summary);
    assert_int_equal(summary.source_count, 1);
    assert_int_equal(summary.lost, 0);
    assert_true(summary.total.accepted >= status.total.accepted);
    assert_int_equal(summary.total.committed + summary.total.dropped[DROP_DUPLICATE] +
                         summary.total.dropped[DROP_SHUTDOWN],
                     summary.total.accepted);
    assert_true(summary.alerts_raised >= 1);
    assert_true(summary.alerts_cleared >= 1);
    assert_int_equal(summary.sources[0].books.accepted, summary.total.accepted);
    gateway_summary_fini(&summary);
    assert_threads(threads);
    assert_int_equal(entries("/proc/self/fd"), files);
    assert_string_equal(strstr(log_text, "cannot") ? log_text : "", "");
}

static void an_alert_is_taken_over_by_the_next_run(void **state)
{
    struct bench *b = *state;
    struct gateway *g;

    load(b, b->database, "");
    set_value(b, "22\n");
    assert_int_equal(gateway_start(&g, b->config), GW_OK);
    wait_for(g, 1, 1);
    gateway_stop(g, NULL);
    unlink(b->value); /* no reading can raise it now */
    assert_int_equal(gateway_start(&g, b->config), GW_OK);
    struct gateway_status status;
    gateway_status(g, &status);
    assert_int_equal(status.alerts, 1);
    set_value(b, "8\n");
    wait_for(g, 1, 0);
    gateway_stop(g, NULL);
}

static void a_start_that_fails_leaves_nothing_behind(void **state)
{
    struct bench *b = *state;
    struct gateway *g = NULL;
    char nowhere[160];

    /* The broker's part is started after the database, and is stopped again. */
    snprintf(nowhere, sizeof(nowhere), "%s/value/test.db", b->folder); /* "value" is no folder */
    load(b, nowhere, "mqtt: {url: 'mqtt://127.0.0.1:1'}\n");
    size_t threads = entries("/proc/self/task"), files = entries("/proc/self/fd");
    assert_int_equal(gateway_start(&g, b->config), GW_EACCES);
    assert_null(g);
    assert_threads(threads);
    assert_int_equal(entries("/proc/self/fd"), files);
    assert_non_null(strstr(log_text, "cannot start: database"));
}

static void a_second_one_is_kept_off_the_database(void **state)
{
    struct bench *b = *state;
    struct gateway *first, *second = NULL;

    load(b, b->database, "");
    assert_int_equal(gateway_start(&first, b->config), GW_OK);
    wait_for(first, 1, 0);
    assert_int_equal(gateway_start(&second, b->config), GW_EBUSY);
    assert_null(second);
    assert_non_null(strstr(log_text, "in use by another sensorgw"));
    struct gateway_status before, after;
    gateway_status(first, &before);
    after = wait_for(first, before.total.committed + 1, 0);
    assert_true(after.storing);
    gateway_stop(first, NULL);
}

static void do_nothing(void *arg)
{
    (void)arg;
}

/* ThreadSanitizer starts a thread of its own with the first of ours. */
static int start_a_thread(void **state)
{
    struct thread t = {0};

    (void)state;
    if (thread_start(&t, "nothing", do_nothing, NULL) != GW_OK)
        return -1;
    thread_join(&t);
    return 0;
}

static void stopping_nothing_is_nothing(void **state)
{
    (void)state;
    gateway_stop(NULL, NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(it_reads_judges_stores_and_keeps_its_books), T(an_alert_is_taken_over_by_the_next_run),
        T(a_start_that_fails_leaves_nothing_behind),   T(a_second_one_is_kept_off_the_database),
        cmocka_unit_test(stopping_nothing_is_nothing),
    };
    log_set_sink(keep_log, NULL);
    return cmocka_run_group_tests_name("gateway/gateway", tests, start_a_thread, NULL);
}
