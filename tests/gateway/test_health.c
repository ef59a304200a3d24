/* SPDX-License-Identifier: Apache-2.0 */
/* What makes a gateway degraded or unhealthy, cause by cause. Whether this machine's own clock and
 * disk are in order is left out. */
#include "gateway/core/clock.h"
#include "gateway/core/heartbeat.h"
#include "gateway/core/metrics.h"
#include "gateway/health.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define MONO (1000 * US_PER_SECOND)
#define WALL (1800000000 * US_PER_SECOND)
#define QUEUED 10

static char line_name[] = "rs485", url[] = "mqtt://broker";
static struct source_config source_config = {.name = line_name};
static const struct config config = {.sources = &source_config, .source_count = 1};

static bool storing, connected;
static size_t refused;
static struct health_report report;

static bool is_storing(void *arg)
{
    (void)arg;
    return storing;
}

static bool is_connected(void *arg)
{
    (void)arg;
    return connected;
}

static size_t count_refused(void *arg, char *filter, size_t size)
{
    (void)arg;
    snprintf(filter, size, "plant/+/t");
    return refused;
}

static const char *trouble; /* NULL: none */

static bool find_trouble(void *arg, char *text, size_t size, const char **hint)
{
    (void)arg;
    if (trouble) {
        snprintf(text, size, "%s", trouble);
        *hint = "do this";
    }
    return trouble != NULL;
}

struct bench {
    struct source source;
    struct plants *plants;
    struct queue *readings, *records;
    struct health *health;
};

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    struct plant *plant = plant_create(&config);

    storing = connected = true;
    trouble = NULL;
    clock_fake(MONO, WALL);
    metric_set(METRIC_OUTBOX_DEPTH, 0);
    b->source.config = &source_config;
    pthread_mutex_init(&b->source.error_lock, NULL);
    figures_init(&b->source.figures);
    plant->sources[0] = &b->source;
    b->plants = plants_create(plant);
    assert_int_equal(queue_create(&b->readings, 1, QUEUED, 1), GW_OK);
    assert_int_equal(queue_create(&b->records, 1, QUEUED, 1), GW_OK);
    assert_int_equal(health_create(&b->health, &(struct health_options){.database = "/tmp/x.db",
                                                                        .plants = b->plants,
                                                                        .readings = b->readings,
                                                                        .records = b->records,
                                                                        .broker = url,
                                                                        .storing = is_storing,
                                                                        .connected = is_connected,
                                                                        .refused = count_refused,
                                                                        .trouble = find_trouble}),
                     GW_OK);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;

    health_destroy(b->health);
    plants_destroy(b->plants);
    queue_destroy(b->readings);
    queue_destroy(b->records);
    figures_fini(&b->source.figures);
    pthread_mutex_destroy(&b->source.error_lock);
    free(b);
    clock_fake_stop();
    return 0;
}

/* Looks anew; the item about the component, or NULL. */
static const struct health_item *find(struct bench *b, const char *component)
{
    health_check(b->health, &report);
    for (size_t i = 0; i < report.count; i++) {
        if (strcmp(report.items[i].component, component) == 0)
            return &report.items[i];
    }
    return NULL;
}

/* Since when; -1: it is not there. */
static int64_t since(struct bench *b, const char *component)
{
    const struct health_item *item = find(b, component);

    return item ? item->since_us : -1;
}

static void assert_item(struct bench *b, const char *component, enum health_severity severity,
                        const char *text)
{
    const struct health_item *item = find(b, component);

    if (!item) {
        fail_msg("nothing is said of %s", component);
        return;
    }
    assert_int_equal(item->severity, severity);
    if (!strstr(item->text, text))
        fail_msg("%s: %s", component, item->text);
    assert_true(item->hint[0] != '\0');
}

static void nothing_is_wrong_at_first(void **state)
{
    struct bench *b = *state;
    static const char *const all[] = {"database",     "broker",        "outbox",
                                      "source rs485", "reading queue", "record queue",
                                      "configuration"};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        assert_null(find(b, all[i]));
    assert_false(health_is_bad(&report));
}

static void a_database_that_fails_is_unhealthy_and_says_since_when(void **state)
{
    struct bench *b = *state;

    storing = false;
    assert_item(b, "database", HEALTH_ERROR, "cannot be written");
    assert_int_equal(since(b, "database"), WALL);
    clock_fake_advance(US_PER_HOUR);
    assert_int_equal(since(b, "database"), WALL);
    assert_string_equal(health_state(&report), "unhealthy");
    storing = true;
    assert_null(find(b, "database"));
    storing = false;
    assert_int_equal(since(b, "database"), WALL + US_PER_HOUR);
}

static void a_broker_that_is_away_degrades(void **state)
{
    struct bench *b = *state;

    connected = false;
    assert_item(b, "broker", HEALTH_WARNING, "not connected to mqtt://broker");
    assert_string_equal(health_state(&report), "degraded");
}

static void what_keeps_the_gateway_from_the_broker_is_told(void **state)
{
    struct bench *b = *state;

    trouble = "not authorized";
    connected = false;
    assert_item(b, "broker", HEALTH_WARNING, "not connected to mqtt://broker: not authorized");
    assert_string_equal(report.items[0].hint, "do this");
    connected = true;
    assert_item(b, "broker", HEALTH_WARNING, "to mqtt://broker does not last: not authorized");
}

static void subscriptions_that_the_broker_refuses_degrade(void **state)
{
    struct bench *b = *state;

    refused = 1;
    assert_item(b, "subscription", HEALTH_WARNING, "the broker refuses plant/+/t");
    assert_string_equal(health_state(&report), "degraded");
    refused = 3;
    assert_item(b, "subscription", HEALTH_WARNING, "the broker refuses plant/+/t and 2 others");
    refused = 0;
}

static void a_source_tells_its_last_error(void **state)
{
    struct bench *b = *state;

    atomic_store(&b->source.status, SOURCE_FAILED);
    assert_item(b, "source rs485", HEALTH_WARNING, "cannot be opened");
    strcpy(b->source.last_error, "/dev/ttyUSB0: no such file");
    assert_item(b, "source rs485", HEALTH_WARNING, "/dev/ttyUSB0: no such file");
}

static void a_unit_is_mute_after_a_while_and_not_at_once(void **state)
{
    struct bench *b = *state;
    size_t unit = figures_unit(&b->source.figures, 7);

    figures_note(&b->source.figures, unit, QUALITY_GOOD, 5);
    figures_note(&b->source.figures, unit, QUALITY_TIMEOUT, 5);
    assert_null(find(b, "source rs485 unit 7"));
    clock_fake_advance(US_PER_MINUTE);
    figures_note(&b->source.figures, unit, QUALITY_TIMEOUT, 5);
    assert_item(b, "source rs485 unit 7", HEALTH_WARNING, "does not answer");
    figures_note(&b->source.figures, unit, QUALITY_CRC, 5);
    assert_item(b, "source rs485 unit 7", HEALTH_WARNING, "damaged");
    figures_note(&b->source.figures, unit, QUALITY_EXCEPTION, 5); /* that is an answer */
    assert_null(find(b, "source rs485 unit 7"));
}

static void what_is_wrong_with_an_open_source_is_told(void **state)
{
    struct bench *b = *state;
    struct isolated_place place = {.unit = 7, .sensor = 1, .exception = 2, .place = "holding 17"};

    strcpy(b->source.trouble, "cannot read /nofile: No such file or directory");
    assert_item(b, "source rs485", HEALTH_WARNING, "cannot read /nofile: No such file");
    b->source.trouble[0] = '\0';
    assert_null(find(b, "source rs485"));
    figures_unit(&b->source.figures, 7);
    figures_isolate(&b->source.figures, &place);
    assert_item(b, "source rs485 registers", HEALTH_WARNING,
                "unit 7 refuses holding 17 (exception 2)");
    place.sensor = 2;
    figures_isolate(&b->source.figures, &place);
    assert_item(b, "source rs485 registers", HEALTH_WARNING, "(exception 2), and 1 more");
    figures_rejoin(&b->source.figures, 7, 1);
    figures_rejoin(&b->source.figures, 7, 2);
    assert_null(find(b, "source rs485 registers"));
}

static void a_queue_is_told_when_it_is_nearly_full(void **state)
{
    struct bench *b = *state;

    queue_try_push(b->readings, 0, "0123456789", 8);
    assert_null(find(b, "reading queue"));
    queue_try_push(b->readings, 0, "8", 1);
    assert_item(b, "reading queue", HEALTH_WARNING, "9 of 10");
    assert_null(find(b, "record queue"));
}

static void an_outbox_that_grows_or_does_not_move_is_told(void **state)
{
    struct bench *b = *state;

    metric_set(METRIC_OUTBOX_DEPTH, 100);
    assert_item(b, "outbox", HEALTH_WARNING, "100 alert messages");
    metric_set(METRIC_OUTBOX_DEPTH, 3);
    assert_null(find(b, "outbox"));
    clock_fake_advance(61 * US_PER_SECOND);
    assert_item(b, "outbox", HEALTH_WARNING, "3 alert messages");
    metric_set(METRIC_OUTBOX_DEPTH, 2); /* one went */
    assert_null(find(b, "outbox"));
}

static void a_thread_that_hangs_is_unhealthy(void **state)
{
    struct bench *b = *state;
    struct heartbeat beat;

    heartbeat_add(&beat, "writer");
    heartbeat_promise(&beat, US_PER_SECOND);
    assert_null(find(b, "thread writer"));
    clock_fake_advance(31 * US_PER_SECOND);
    assert_item(b, "thread writer", HEALTH_ERROR, "30 s ago");
    heartbeat_remove(&beat);
    assert_null(find(b, "thread writer"));
}

static void a_refused_reload_is_told_until_one_succeeds(void **state)
{
    struct bench *b = *state;

    health_reload(b->health, "gw.yaml:3:1: unknown key");
    assert_item(b, "configuration", HEALTH_WARNING, "gw.yaml:3:1");
    health_reload(b->health, NULL);
    assert_null(find(b, "configuration"));
}

static void a_clock_that_was_never_set_is_told(void **state)
{
    struct bench *b = *state;

    clock_fake(MONO, 3600 * US_PER_SECOND); /* 1970 */
    assert_item(b, "clock", HEALTH_WARNING, "not set");
}

static void errors_stand_in_front_and_the_list_is_bounded(void **state)
{
    struct bench *b = *state;

    for (unsigned unit = 1; unit <= 100; unit++) {
        size_t place = figures_unit(&b->source.figures, unit);
        figures_note(&b->source.figures, place, QUALITY_TIMEOUT, 5);
        figures_note(&b->source.figures, place, QUALITY_TIMEOUT, 5);
    }
    health_reload(b->health, "broken");
    storing = false;
    health_check(b->health, &report);
    assert_int_equal(report.count, HEALTH_ITEMS);
    assert_true(report.left_out >= 100 + 2 - HEALTH_ITEMS);
    assert_string_equal(report.items[0].component, "database");
    assert_int_equal(report.items[1].severity, HEALTH_WARNING);
    char line[HEALTH_TEXT];
    assert_non_null(strstr(health_line(&report, line), "unhealthy: database: cannot be written"));
    assert_non_null(strstr(line, " more)"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(nothing_is_wrong_at_first),
        T(a_database_that_fails_is_unhealthy_and_says_since_when),
        T(a_broker_that_is_away_degrades),
        T(what_keeps_the_gateway_from_the_broker_is_told),
        T(subscriptions_that_the_broker_refuses_degrade),
        T(a_source_tells_its_last_error),
        T(a_unit_is_mute_after_a_while_and_not_at_once),
        T(what_is_wrong_with_an_open_source_is_told),
        T(a_queue_is_told_when_it_is_nearly_full),
        T(an_outbox_that_grows_or_does_not_move_is_told),
        T(a_thread_that_hangs_is_unhealthy),
        T(a_refused_reload_is_told_until_one_succeeds),
        T(a_clock_that_was_never_set_is_told),
        T(errors_stand_in_front_and_the_list_is_bounded),
    };
    return cmocka_run_group_tests_name("gateway/health", tests, NULL, NULL);
}
