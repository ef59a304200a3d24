/* SPDX-License-Identifier: Apache-2.0 */
/* What a request to set a sensor may look like. */
#include "gateway/remote.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define NONE ((double)NAN)

static const struct {
    const char *payload;
    const char *problem; /* NULL: none */
    double value;
    const char *id;
} requests[] = {
    {"21.5", NULL, 21.5, ""},
    {"-3\n", NULL, -3, ""},
    {" 1e3 ", NULL, 1000, ""},
    {"true", NULL, 1, ""},
    {"off", NULL, 0, ""},
    {"\"on\"", NULL, 1, ""},
    {"{\"value\": 5}", NULL, 5, ""},
    {"{\"value\": false, \"id\": \"a-1\"}", NULL, 0, "a-1"},
    {"{\"id\": \"b\", \"value\": \"on\"}", NULL, 1, "b"},
    {"", "it is neither a number nor JSON", NONE, ""},
    {"warm", "it is neither a number nor JSON", NONE, ""},
    {"21,5", "it is neither a number nor JSON", NONE, ""},
    {"21.5 kW", "it is neither a number nor JSON", NONE, ""},
    {"nan", "it is neither a number nor JSON", NONE, ""},
    {"{\"value\": 5", "it is neither a number nor JSON", NONE, ""},
    {"1e999", "the value must be a number, true or false", NONE, ""},
    {"[1]", "the value must be a number, true or false", NONE, ""},
    {"null", "the value must be a number, true or false", NONE, ""},
    {"{\"id\": \"x\"}", "there is no \"value\"", NONE, "x"},
    {"{\"id\": \"x\", \"value\": \"warm\"}", "\"value\" must be a number, true or false", NONE,
     "x"},
    {"{\"id\": 7, \"value\": 1}", "\"id\" must be a text", NONE, ""},
};

static void requests_are_understood_or_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct remote_request out;
        const char *problem = remote_parse(requests[i].payload, strlen(requests[i].payload), &out);
        print_message("%s\n", requests[i].payload);
        if (requests[i].problem) {
            assert_non_null(problem);
            assert_string_equal(problem, requests[i].problem);
        } else {
            assert_null(problem);
            assert_true(out.value == requests[i].value);
        }
        assert_string_equal(out.id, requests[i].id);
    }
}

/* An MQTT payload has no end mark: what follows it in memory is not its own. */
static void the_payload_ends_where_it_ends(void **state)
{
    struct remote_request out;

    (void)state;
    assert_null(remote_parse("215", 2, &out));
    assert_true(out.value == 21);
    assert_null(remote_parse("onward", 2, &out));
    assert_true(out.value == 1);
    char long_id[200] = "{\"value\": 1, \"id\": \"";
    memset(long_id + strlen(long_id), 'x', 100);
    strcat(long_id, "\"}");
    assert_null(remote_parse(long_id, strlen(long_id), &out));
    assert_int_equal(strlen(out.id), REMOTE_ID_SIZE - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_understood_or_refused),
        cmocka_unit_test(the_payload_ends_where_it_ends),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
