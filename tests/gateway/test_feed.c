/* SPDX-License-Identifier: Apache-2.0 */
/* What is published of readings, against a connection that is played by the test. */
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/feed.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define NONE ((double)NAN)
#define SENT 64

struct bench {
    struct config config;
    struct rule_config rule;
    struct sensor_table *sensors;
    struct feed *feed;
    int patience; /* messages that the connection takes before it says no */
    size_t sent;
    char topics[SENT][64], texts[SENT][200];
};

static bool take(void *arg, const char *topic, char *text, int qos)
{
    struct bench *b = arg;
    bool is_taken = b->patience-- > 0;

    (void)qos;
    if (is_taken && b->sent < SENT) {
        snprintf(b->topics[b->sent], sizeof(b->topics[0]), "%s", topic);
        snprintf(b->texts[b->sent++], sizeof(b->texts[0]), "%s", text);
    }
    free(text);
    return is_taken;
}

static void start(struct bench *b, enum publish_readings mode, bool home_assistant)
{
    static char prefix[] = "p", name[] = "g", all[] = "a*", hot[] = "hot";
    uint32_t index;

    memset(b, 0, sizeof(*b));
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    b->patience = 1000;
    b->rule = (struct rule_config){.name = hot, .sensor = all};
    b->config.gateway.name = name;
    b->config.mqtt.prefix = prefix;
    b->config.mqtt.publish_readings = (int)mode;
    b->config.mqtt.home_assistant = home_assistant;
    b->config.rules = &b->rule;
    b->config.rule_count = 1;
    assert_int_equal(sensor_table_create(&b->sensors, 4), GW_OK);
    for (const char *const *s = (const char *const[]){"a", "b", NULL}; *s; s++) {
        struct sensor sensor = {.name = *s, .unit = "", .device = ""};
        assert_int_equal(sensor_table_add(b->sensors, &sensor, &index), GW_OK);
    }
    b->feed = feed_create(&(struct feed_options){
        .config = &b->config, .sensors = b->sensors, .send = take, .arg = b});
    assert_non_null(b->feed);
}

static void finish(struct bench *b)
{
    feed_destroy(b->feed);
    sensor_table_destroy(b->sensors);
}

static void offer(struct bench *b, uint32_t sensor, double value, enum quality quality)
{
    const struct reading r = {
        .sensor = sensor, .value = value, .quality = (uint8_t)quality, .time_us = 1};

    feed_offer(b->feed, &r, 1);
}

static size_t count(const struct bench *b, const char *topic)
{
    size_t n = 0;

    for (size_t i = 0; i < b->sent; i++)
        n += strcmp(b->topics[i], topic) == 0;
    return n;
}

static void changes_are_published_once(void **state)
{
    (void)state;
    struct bench b;

    start(&b, PUBLISH_CHANGES, false);
    offer(&b, 0, 1, QUALITY_GOOD);
    offer(&b, 0, 1, QUALITY_GOOD);
    offer(&b, 1, 1, QUALITY_GOOD);
    offer(&b, 0, 2, QUALITY_GOOD);
    offer(&b, 0, NONE, QUALITY_TIMEOUT);
    offer(&b, 0, NONE, QUALITY_TIMEOUT);
    offer(&b, 0, NONE, QUALITY_EXCEPTION);
    feed_work(b.feed);
    assert_int_equal(count(&b, "p/g/readings/a"), 4);
    assert_int_equal(count(&b, "p/g/readings/b"), 1);
    finish(&b);
}

static void all_means_all(void **state)
{
    (void)state;
    struct bench b;

    start(&b, PUBLISH_ALL, false);
    for (int i = 0; i < 5; i++)
        offer(&b, 0, 1, QUALITY_GOOD);
    feed_work(b.feed);
    assert_int_equal(count(&b, "p/g/readings/a"), 5);
    finish(&b);
}

static void a_connection_that_is_full_gets_the_rest_later_and_in_order(void **state)
{
    (void)state;
    struct bench b;

    start(&b, PUBLISH_CHANGES, false);
    for (int i = 0; i < 6; i++)
        offer(&b, 0, i, QUALITY_GOOD);
    b.patience = 2;
    feed_work(b.feed);
    assert_int_equal(b.sent, 2);
    b.patience = 1000;
    feed_work(b.feed);
    assert_int_equal(count(&b, "p/g/readings/a"), 6);
    for (int i = 0; i < 6; i++) {
        char expected[32];
        snprintf(expected, sizeof(expected), "\"value\":%d,", i);
        assert_non_null(strstr(b.texts[i], expected));
    }
    finish(&b);
}

static void what_finds_no_room_is_counted(void **state)
{
    (void)state;
    struct bench b;
    static struct reading many[5000];
    int64_t before = metric_get(METRIC_READINGS_NOT_PUBLISHED);

    start(&b, PUBLISH_ALL, false);
    assert_true(feed_offer(b.feed, many, 10));
    assert_false(feed_offer(b.feed, many, 10)); /* there was something already */
    feed_offer(b.feed, many, 5000);
    assert_int_equal(metric_get(METRIC_READINGS_NOT_PUBLISHED) - before, 5020 - 4096);
    feed_close(b.feed);
    assert_false(feed_offer(b.feed, many, 3));
    assert_int_equal(metric_get(METRIC_READINGS_NOT_PUBLISHED) - before, 5023 - 4096);
    finish(&b);
}

static void discovery_goes_on_where_it_stopped(void **state)
{
    (void)state;
    struct bench b;

    start(&b, PUBLISH_NONE, true);
    b.patience = 1;
    feed_work(b.feed); /* a; then no room for its rule */
    assert_int_equal(b.sent, 1);
    b.patience = 1000;
    feed_work(b.feed);
    assert_int_equal(count(&b, "homeassistant/sensor/g_a/config"), 1);
    assert_int_equal(count(&b, "homeassistant/binary_sensor/g_a_hot/config"), 1);
    assert_int_equal(count(&b, "homeassistant/sensor/g_b/config"), 1);
    assert_int_equal(count(&b, "homeassistant/binary_sensor/g_b_hot/config"), 0);
    size_t before = b.sent;
    feed_work(b.feed);
    assert_int_equal(b.sent, before);
    offer(&b, 1, 5, QUALITY_GOOD); /* and it needs readings */
    feed_work(b.feed);
    assert_int_equal(count(&b, "p/g/readings/b"), 1);
    finish(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_are_published_once),
        cmocka_unit_test(all_means_all),
        cmocka_unit_test(a_connection_that_is_full_gets_the_rest_later_and_in_order),
        cmocka_unit_test(what_finds_no_room_is_counted),
        cmocka_unit_test(discovery_goes_on_where_it_stopped),
    };
    return cmocka_run_group_tests_name("gateway/feed", tests, NULL, NULL);
}
