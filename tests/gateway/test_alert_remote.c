/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/alert_remote.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define HOUR (INT64_C(3600) * 1000000)

static const struct {
    const char *payload, *problem;
    int64_t shelve_us;
    const char *who, *comment;
} payloads[] = {
    {"", NULL, -1, "", ""},
    {"2h", NULL, 2 * HOUR, "", ""},
    {"1h30m", NULL, HOUR + HOUR / 2, "", ""},
    {"off", NULL, 0, "", ""},
    {"0s", NULL, 0, "", ""},
    {"{}", NULL, -1, "", ""},
    {"{\"who\": \"ann\", \"comment\": \"on my way\"}", NULL, -1, "ann", "on my way"},
    {"{\"for\": \"2h\", \"who\": \"ann\"}", NULL, 2 * HOUR, "ann", ""},
    {"{\"for\": \"soon\"}", "\"for\" must be a time such as \"2h\"", -1, "", ""},
    {"{\"for\": 2}", "\"for\" must be a time such as \"2h\"", -1, "", ""},
    {"{\"who\": 7}", "\"who\" must be a text", -1, "", ""},
    {"{\"who\": ", "the payload must be empty, a time such as 2h, or a JSON object", -1, "", ""},
    {"soon", "the payload must be empty, a time such as 2h, or a JSON object", -1, "", ""},
    {"-2h", "the payload must be empty, a time such as 2h, or a JSON object", -1, "", ""},
    {"[1]", "the payload must be empty, a time such as 2h, or a JSON object", -1, "", ""},
};

static void payloads_are_understood_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(payloads) / sizeof(payloads[0]); i++) {
        struct alert_remote_payload out;
        const char *problem =
            alert_remote_parse(payloads[i].payload, strlen(payloads[i].payload), &out);
        print_message("%s\n", payloads[i].payload);
        assert_string_equal(problem ? problem : "", payloads[i].problem ? payloads[i].problem : "");
        assert_int_equal(out.shelve_us, payloads[i].shelve_us);
        assert_string_equal(out.comment, payloads[i].comment);
        assert_string_equal(out.who, payloads[i].who);
    }
}

static void long_texts_are_cut(void **state)
{
    struct alert_remote_payload out;
    char text[300] = "{\"who\":\"";

    (void)state;
    memset(text + strlen(text), 'x', 200);
    strcat(text, "\"}");
    assert_null(alert_remote_parse(text, strlen(text), &out));
    assert_int_equal(strlen(out.who), ALERT_WHO_MAX);
}

static const struct {
    const char *topic, *sensor, *rule, *verb; /* sensor NULL: none of ours */
} topics[] = {
    {"boiler/flow/hot/ack", "boiler/flow", "hot", "ack"},
    {"a/b/c/d/hot/shelve", "a/b/c/d", "hot", "shelve"},
    {"a/hot/ack", "a", "hot", "ack"},
    {"hot/ack", NULL, NULL, NULL},
    {"ack", NULL, NULL, NULL},
    {"", NULL, NULL, NULL},
    {"a//ack", NULL, NULL, NULL},
    {"a/hot/", NULL, NULL, NULL},
    {"/hot/ack", NULL, NULL, NULL},
};

static void topics_are_cut_from_their_end(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
        char text[64];
        const char *sensor, *rule, *verb;
        strcpy(text, topics[i].topic);
        print_message("%s\n", text);
        assert_int_equal(alert_remote_cut(text, &sensor, &rule, &verb), topics[i].sensor != NULL);
        if (!topics[i].sensor)
            continue;
        assert_string_equal(sensor, topics[i].sensor);
        assert_string_equal(rule, topics[i].rule);
        assert_string_equal(verb, topics[i].verb);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(payloads_are_understood_or_refused),
        cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(topics_are_cut_from_their_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
