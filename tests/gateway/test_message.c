/* SPDX-License-Identifier: Apache-2.0 */
/* What is published, as who subscribes sees it: topics, and JSON that is parsed again. */
#include "gateway/alert_counts.h"
#include "gateway/core/clock.h"
#include "gateway/core/histogram.h"
#include "gateway/core/record.h"
#include "gateway/discovery.h"
#include "gateway/message.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cjson/cJSON.h>
#include <cmocka.h>

#define NONE ((double)NAN)
#define T0 (INT64_C(1700000000) * US_PER_SECOND + 250000) /* 2023-11-14T22:13:20.250Z */

static char prefix[] = "sensorgw", name[] = "cellar 1", hot[] = "hot";
static const struct config config = {.gateway = {.name = name},
                                     .mqtt = {.prefix = prefix, .present = true}};
static struct rule_config rule = {.name = hot};

static cJSON *parsed(char *text)
{
    assert_non_null(text);
    cJSON *o = cJSON_Parse(text);
    free(text);
    assert_non_null(o);
    return o;
}

static const char *text_of(const cJSON *o, const char *key)
{
    const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, key));

    if (!text)
        fail_msg("no text: %s", key);
    return text;
}

static double number_of(const cJSON *o, const char *key)
{
    const cJSON *n = cJSON_GetObjectItemCaseSensitive(o, key);

    if (!cJSON_IsNumber(n))
        fail_msg("no number: %s", key);
    return n->valuedouble;
}

static void topics_have_their_levels(void **state)
{
    (void)state;
    char buf[TOPIC_SIZE];

    assert_string_equal(message_topic(&config, "status", NULL, NULL, buf),
                        "sensorgw/cellar 1/status");
    assert_string_equal(message_topic(&config, "readings", "a/b", NULL, buf),
                        "sensorgw/cellar 1/readings/a/b");
    assert_string_equal(message_topic(&config, "alerts", "a/b", "hot", buf),
                        "sensorgw/cellar 1/alerts/a/b/hot");
}

static void an_alert_says_all_there_is_to_say(void **state)
{
    (void)state;
    const struct alert_message m = {.state = "raised",
                                    .severity = "critical",
                                    .sensor = "boiler/\"flow\"\\\n",
                                    .unit = "°C",
                                    .rule = "hot",
                                    .reason = "high",
                                    .who = "ann",
                                    .comment = "on my way",
                                    .until_us = T0,
                                    .repeat = 3,
                                    .value = 91.5,
                                    .limit = 90,
                                    .since_us = T0,
                                    .time_us = T0 + US_PER_SECOND,
                                    .instance = "cafe0001",
                                    .alert_id = 42,
                                    .seq = INT64_C(9007199254740993), /* 2^53 + 1 */
                                    .durable = true};
    char *text = message_alert(&config, &m);
    assert_non_null(strstr(text, "\"seq\":9007199254740993"));
    assert_null(strchr(text, '\n'));
    cJSON *o = parsed(text);

    assert_string_equal(text_of(o, "state"), "raised");
    assert_string_equal(text_of(o, "severity"), "critical");
    assert_string_equal(text_of(o, "sensor"), "boiler/\"flow\"\\\n");
    assert_string_equal(text_of(o, "unit"), "°C");
    assert_string_equal(text_of(o, "rule"), "hot");
    assert_string_equal(text_of(o, "reason"), "high");
    assert_string_equal(text_of(o, "by"), "ann");
    assert_string_equal(text_of(o, "comment"), "on my way");
    assert_string_equal(text_of(o, "until"), "2023-11-14T22:13:20.250Z");
    assert_true(number_of(o, "repeat") == 3);
    assert_string_equal(text_of(o, "gateway"), "cellar 1");
    assert_string_equal(text_of(o, "id"), "cafe0001-42");
    assert_string_equal(text_of(o, "since"), "2023-11-14T22:13:20.250Z");
    assert_string_equal(text_of(o, "time"), "2023-11-14T22:13:21.250Z");
    assert_true(number_of(o, "since_us") == (double)T0);
    assert_true(number_of(o, "value") == 91.5);
    assert_true(number_of(o, "limit") == 90);
    assert_true(cJSON_IsTrue(cJSON_GetObjectItem(o, "durable")));
    cJSON_Delete(o);
}

static void no_value_is_null(void **state)
{
    (void)state;
    const struct alert_message m = {.state = "raised",
                                    .severity = "warning",
                                    .sensor = "s",
                                    .unit = "",
                                    .rule = "silent",
                                    .value = NONE,
                                    .limit = NONE,
                                    .instance = "cafe"};
    cJSON *o = parsed(message_alert(&config, &m));

    assert_true(cJSON_IsNull(cJSON_GetObjectItem(o, "value")));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(o, "limit")));
    assert_true(cJSON_IsFalse(cJSON_GetObjectItem(o, "durable")));
    assert_false(cJSON_HasObjectItem(o, "by"));
    assert_false(cJSON_HasObjectItem(o, "comment"));
    assert_false(cJSON_HasObjectItem(o, "until"));
    assert_false(cJSON_HasObjectItem(o, "repeat"));
    cJSON_Delete(o);
}

static void a_summary_is_about_the_rule(void **state)
{
    (void)state;
    const struct alert_message m = {.state = "limited",
                                    .severity = "none",
                                    .sensor = "boiler/flow",
                                    .unit = "",
                                    .rule = "silent",
                                    .value = 57,
                                    .limit = 20,
                                    .instance = "cafe"};
    char topic[TOPIC_SIZE];
    cJSON *o = parsed(message_transition(&config, &m, topic));

    assert_string_equal(topic, "sensorgw/cellar 1/alerts/silent");
    assert_string_equal(text_of(o, "state"), "limited");
    assert_true(number_of(o, "withheld") == 57 && number_of(o, "max_raises") == 20);
    assert_false(cJSON_HasObjectItem(o, "sensor"));
    cJSON_Delete(o);
}

static void a_reading_keeps_all_its_digits(void **state)
{
    (void)state;
    const struct sensor s = {.name = "meter/energy", .unit = "Wh"};
    const struct reading number = {.value = 0.1, .time_us = T0};
    const struct reading whole = {
        .integer = INT64_C(9223372036854775807), .flags = READING_INTEGER, .time_us = T0};
    const struct reading bad = {.value = NONE, .quality = QUALITY_TIMEOUT, .time_us = T0};

    cJSON *o = parsed(message_reading(&s, &number));
    assert_true(number_of(o, "value") == 0.1);
    assert_string_equal(text_of(o, "quality"), "good");
    assert_string_equal(text_of(o, "unit"), "Wh");
    assert_string_equal(text_of(o, "time"), "2023-11-14T22:13:20.250Z");
    cJSON_Delete(o);
    char *text = message_reading(&s, &whole);
    assert_non_null(strstr(text, "\"value\":9223372036854775807,"));
    free(text);
    o = parsed(message_reading(&s, &bad));
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(o, "value")));
    assert_string_equal(text_of(o, "quality"), "timeout");
    cJSON_Delete(o);
}

static void health_has_the_books(void **state)
{
    (void)state;
    const struct alert_counts alerts = {.count = {[SEVERITY_CRITICAL] = {[ALERTS_SHELVED] = 3}}};
    struct ledger *l;

    assert_int_equal(ledger_create(&l, 2), GW_OK);
    histogram_note(HISTOGRAM_COMMIT, 1500);
    ledger_accept(l, 0, 10);
    ledger_accept(l, 1, 5);
    ledger_drop(l, 1, DROP_QUEUE_FULL, 2);
    cJSON *o = parsed(message_health(&config, l, NULL, &alerts, T0));
    assert_true(number_of(o, "accepted") == 15);
    assert_true(number_of(o, "committed") == 0);
    assert_true(number_of(o, "in_flight") == 13);
    const cJSON *dropped = cJSON_GetObjectItem(o, "dropped");
    assert_true(number_of(dropped, drop_reason_name(DROP_QUEUE_FULL)) == 2);
    assert_int_equal(cJSON_GetArraySize(dropped), DROP_REASON_COUNT);
    const cJSON *counts = cJSON_GetObjectItem(o, "alerts");
    assert_true(number_of(cJSON_GetObjectItem(counts, "critical"), "shelved") == 3);
    assert_true(number_of(cJSON_GetObjectItem(counts, "warning"), "raised") == 0);
    const cJSON *commits = cJSON_GetObjectItem(o, "store_commit_seconds");
    const cJSON *buckets = cJSON_GetObjectItem(commits, "buckets");
    assert_int_equal(cJSON_GetArraySize(buckets), HISTOGRAM_BOUNDS + 1);
    assert_true(number_of(commits, "sum") == 0.0015);
    assert_true(number_of(buckets, "0.001") == 0);
    assert_true(number_of(buckets, "+Inf") == 1);
    assert_string_equal(text_of(o, "time"), "2023-11-14T22:13:20.250Z");
    cJSON_Delete(o);
    ledger_destroy(l);
}

static bool is_among(const char *const *list, const char *key)
{
    for (; *list; list++) {
        if (strcmp(*list, key) == 0)
            return true;
    }
    return false;
}

static void home_assistant_learns_a_sensor(void **state)
{
    (void)state;
    char topic[TOPIC_SIZE];
    const struct sensor s = {.name = "boiler/flow", .unit = "°C"};
    cJSON *o = parsed(discovery_message(&config, &s, NULL, topic));

    assert_string_equal(topic, "homeassistant/sensor/cellar_201_boiler_flow/config");
    assert_string_equal(text_of(o, "unique_id"), "cellar_201_boiler_flow");
    assert_string_equal(text_of(o, "state_topic"), "sensorgw/cellar 1/readings/boiler/flow");
    assert_string_equal(text_of(o, "value_template"), "{{ value_json.value }}");
    assert_string_equal(text_of(o, "unit_of_measurement"), "°C");
    assert_string_equal(text_of(o, "device_class"), "temperature");
    assert_string_equal(text_of(o, "state_class"), "measurement");
    assert_string_equal(text_of(o, "availability_topic"), "sensorgw/cellar 1/status");
    assert_string_equal(text_of(o, "payload_available"), "online");
    assert_string_equal(text_of(cJSON_GetObjectItem(o, "device"), "name"), "cellar 1");
    cJSON_Delete(o);
}

static void home_assistant_learns_an_alert(void **state)
{
    (void)state;
    char topic[TOPIC_SIZE];
    const struct sensor s = {.name = "boiler/flow", .unit = "°C"};
    cJSON *o = parsed(discovery_message(&config, &s, &rule, topic));

    assert_string_equal(topic, "homeassistant/binary_sensor/cellar_201_boiler_flow_hot/config");
    assert_string_equal(text_of(o, "state_topic"), "sensorgw/cellar 1/alerts/boiler/flow/hot");
    assert_string_equal(text_of(o, "device_class"), "problem");
    assert_string_equal(text_of(o, "json_attributes_topic"),
                        "sensorgw/cellar 1/alerts/boiler/flow/hot");
    assert_null(cJSON_GetObjectItem(o, "unit_of_measurement"));
    cJSON_Delete(o);
}

/* Home Assistant ignores a message with a key that it does not know in `device`, and its people
 * check the others: these are the documented ones of the two integrations. */
static void only_documented_keys_are_used(void **state)
{
    (void)state;
    static const char *const both[] = {"availability_topic",
                                       "payload_available",
                                       "payload_not_available",
                                       "name",
                                       "state_topic",
                                       "value_template",
                                       "unique_id",
                                       "object_id",
                                       "device",
                                       "device_class",
                                       "origin",
                                       "json_attributes_topic",
                                       NULL};
    static const char *const sensor_keys[] = {"unit_of_measurement", "state_class", NULL};
    static const char *const device_keys[] = {"identifiers", "name",       "manufacturer",
                                              "sw_version",  "via_device", NULL};
    static const char *const origin_keys[] = {"name", "sw_version", NULL};
    const struct sensor plain = {.name = "boiler/flow", .unit = "°C"};
    const struct sensor bus = {.name = "boiler/flow", .unit = "kWh", .device = "boiler"};
    const struct {
        const struct sensor *sensor;
        const struct rule_config *rule;
    } cases[] = {{&plain, NULL}, {&bus, NULL}, {&plain, &rule}, {&bus, &rule}};

    for (size_t i = 0; i < 4; i++) {
        char topic[TOPIC_SIZE];
        cJSON *o = parsed(discovery_message(&config, cases[i].sensor, cases[i].rule, topic));
        const cJSON *item;
        cJSON_ArrayForEach(item, o)
        {
            if (!is_among(both, item->string) &&
                (cases[i].rule || !is_among(sensor_keys, item->string)))
                fail_msg("%s is no key of that integration", item->string);
        }
        cJSON_ArrayForEach(item, cJSON_GetObjectItem(o, "device"))
            assert_true(is_among(device_keys, item->string));
        cJSON_ArrayForEach(item, cJSON_GetObjectItem(o, "origin"))
            assert_true(is_among(origin_keys, item->string));
        cJSON_Delete(o);
    }
}

static void devices_of_a_line_hang_on_the_gateway(void **state)
{
    (void)state;
    char topic[TOPIC_SIZE];
    const struct sensor s = {.name = "boiler/flow", .unit = "°C", .device = "boiler"};
    cJSON *o = parsed(discovery_message(&config, &s, NULL, topic));
    const cJSON *device = cJSON_GetObjectItem(o, "device");

    assert_string_equal(text_of(device, "name"), "boiler");
    assert_string_equal(text_of(device, "via_device"), "cellar_201");
    assert_string_equal(
        cJSON_GetStringValue(cJSON_GetArrayItem(cJSON_GetObjectItem(device, "identifiers"), 0)),
        "cellar_201_boiler");
    cJSON_Delete(o);
}

static void device_classes_are_told_by_unit_and_name(void **state)
{
    (void)state;
    static const struct {
        const char *name, *unit, *device_class, *state_class;
    } cases[] = {
        {"room/humidity", "%", "humidity", "measurement"},
        {"tank/level", "%", NULL, "measurement"},
        {"meter/total", "kWh", "energy", "total_increasing"},
        {"pump/running", "", NULL, NULL},
        {"meter/power", "W", "power", "measurement"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char topic[TOPIC_SIZE];
        const struct sensor s = {.name = cases[i].name, .unit = cases[i].unit};
        cJSON *o = parsed(discovery_message(&config, &s, NULL, topic));
        const char *device = cJSON_GetStringValue(cJSON_GetObjectItem(o, "device_class"));
        const char *class = cJSON_GetStringValue(cJSON_GetObjectItem(o, "state_class"));
        assert_string_equal(device ? device : "-",
                            cases[i].device_class ? cases[i].device_class : "-");
        assert_string_equal(class ? class : "-", cases[i].state_class ? cases[i].state_class : "-");
        cJSON_Delete(o);
    }
}

static void two_names_never_become_one_id(void **state)
{
    (void)state;
    static const char *const names[] = {"a/b", "a_b", "a b", "a.b", "a-b", "aäb"};
    char topics[6][TOPIC_SIZE];

    for (size_t i = 0; i < 6; i++) {
        const struct sensor s = {.name = names[i], .unit = ""};
        free(discovery_message(&config, &s, NULL, topics[i]));
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(topics[i], topics[k]);
        assert_int_equal(strspn(topics[i], "abcdefghijklmnopqrstuvwxyz0123456789_-/"),
                         strlen(topics[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(topics_have_their_levels),
        cmocka_unit_test(an_alert_says_all_there_is_to_say),
        cmocka_unit_test(no_value_is_null),
        cmocka_unit_test(a_summary_is_about_the_rule),
        cmocka_unit_test(a_reading_keeps_all_its_digits),
        cmocka_unit_test(health_has_the_books),
        cmocka_unit_test(home_assistant_learns_a_sensor),
        cmocka_unit_test(home_assistant_learns_an_alert),
        cmocka_unit_test(only_documented_keys_are_used),
        cmocka_unit_test(devices_of_a_line_hang_on_the_gateway),
        cmocka_unit_test(device_classes_are_told_by_unit_and_name),
        cmocka_unit_test(two_names_never_become_one_id),
    };
    return cmocka_run_group_tests_name("gateway/message", tests, NULL, NULL);
}
