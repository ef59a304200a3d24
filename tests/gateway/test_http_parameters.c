/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may get wrong, and what it is told then. */
#include "gateway/http/parameters.h"
#include "tests/gateway/http_client.h"

#include <cjson/cJSON.h>
#include <stdbool.h>

#define READINGS "GET /api/v1/sensors/x/readings"
#define ALERTS "GET /api/v1/alerts"
#define A10 "aaaaaaaaaa"
#define A50 A10 A10 A10 A10 A10
#define A100 A50 A50
#define A500 A100 A100 A100 A100 A100
#define U10                                                                                        \
    "\\u00fc\\u00fc\\u00fc\\u00fc\\u00fc\\u00fc\\u00fc\\u00fc\\u00fc\\u00fc" /* 20 bytes           \
                                                                              */
#define JSON "Content-Type: application/json\r\n"

/* The error of the last reply, which must be complete: a JSON object in UTF-8 with a hint. */
static const char *error_of(const char *text, cJSON **o)
{
    cJSON_Delete(*o);
    *o = cJSON_Parse(text);
    const char *hint = cJSON_GetStringValue(cJSON_GetObjectItem(*o, "hint"));
    const char *error = cJSON_GetStringValue(cJSON_GetObjectItem(*o, "error"));

    return error && hint && *hint ? error : NULL;
}

static void queries_are_looked_at_as_they_were_sent(void **state)
{
    static const struct {
        const char *query, *error; /* NULL: nothing is wrong with it */
    } cases[] = {
        {NULL, NULL},
        {"", NULL},
        {"since=1h", NULL},
        {"since=1h&until=now&points=5", NULL},
        {"since=1%68", NULL},
        {"since=%C3%9C", NULL},
        {"until=a+b", NULL},
        {"sinc=1h", "there is no parameter 'sinc' here"},
        {"since2=1h", "there is no parameter 'since2' here"},
        {"Since=1h", "there is no parameter 'Since' here"},
        {"=1h", "there is no parameter '' here"},
        {"&", "there is no parameter '' here"},
        {"since=1h&", NULL},
        {"since=1h&&until=2h", "there is no parameter '' here"},
        {"s\xff=1h", "there is no parameter 's' here"},
        {A100 "=1", "there is no parameter '" A50 A10 A10 A10 "' here"},
        {"since=1h&since=2h", "since is given more than once"},
        {"since=1h&points=3&since", "since is given more than once"},
        {"since", "since is empty"},
        {"since=", "since is empty"},
        {"points=5&since=", "since is empty"},
        {"since=%", "since is not well encoded"},
        {"since=%4", "since is not well encoded"},
        {"since=1%zz", "since is not well encoded"},
        {"since=%4&until=1", "since is not well encoded"},
        {"since=1%00h", "since is not well encoded"},
        {"since=%FF", "since is not well encoded"},
        {"since=%C3", "since is not well encoded"},
        {"since=%ED%A0%80", "since is not well encoded"},
        {"since=\xc3", "since is not well encoded"},
    };
    cJSON *o = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct http_reply out = {0};
        bool ok = parameters_check(cases[i].query, "since until points", &out);
        const char *error = ok ? NULL : error_of(out.text, &o);
        if (ok != (cases[i].error == NULL) || (!ok && out.status != 400) ||
            (!ok && (!error || strcmp(error, cases[i].error) != 0)))
            fail_msg("%s: %s", cases[i].query, error ? error : "nothing");
        free(out.text);
    }
    cJSON_Delete(o);
}

static void bad_requests_say_what_and_where(void **state)
{
    static const struct {
        const char *line, *error;
        int status;
    } cases[] = {
        /* paths */
        {"GET /api/v1/nothing", "there is no such path", 404},
        {"GET /api/v2/sensors", "there is no such path", 404},
        {"GET /api/v1/sensors/", "there is no such path", 404},
        {"GET /api/", "there is no such path", 404},
        {"DELETE /api/v1/alerts", "does not know that method", 405},
        /* names */
        {"GET /api/v1/sensors/none/history?since=1m", "there is no sensor of that name", 404},
        {"GET /api/v1/sensors/none", "there is no sensor of that name", 404},
        {"GET /api/v1/sensors/none/readings", "no reading of such a sensor", 404},
        {"GET /api/v1/sensors/..%2F..%2Fetc%2Fpasswd", "there is no sensor of that name", 404},
        {"GET /api/v1/sensors/%zz", "the name in the path is not well encoded", 400},
        {"GET /api/v1/sensors/a%", "the name in the path is not well encoded", 400},
        {"GET /api/v1/sensors/a%00b", "the name in the path is not well encoded", 400},
        {"GET /api/v1/sensors/%FF", "the name in the path is not UTF-8", 400},
        {"GET /api/v1/sensors/%C3/readings", "the name in the path is not UTF-8", 400},
        {"GET /api/v1/sensors/" A100 A100, "there is no sensor of that name", 404},
        {"GET /api/v1/sensors/" A100 A100 "a", "is longer than 200 bytes", 400},
        {"GET /api/v1/sensors/" A500 A500 "/readings", "is longer than 200 bytes", 400},
        {"GET /api/v1/sensors/" A500 A500 A500 A500 A100, "the URL is too long", 414},
        {"GET /" A500 A500 A500 A500 A100, "the URL is too long", 414},
        {ALERTS "?sensor=" A500 A500 A500 A500 A100, "the URL is too long", 414},
        /* parameters that do not exist */
        {"GET /api/v1/status?x=1", "there is no parameter 'x' here", 400},
        {"GET /api/v1/events?since=1h", "there is no parameter 'since' here", 400},
        /* times */
        {READINGS "?since=yesterday", "since=yesterday cannot be used", 400},
        {READINGS "?since=1h&since=2h", "since is given more than once", 400},
        {READINGS "?since=", "since is empty", 400},
        {READINGS "?since=-1h", "since=-1h cannot be used", 400},
        {READINGS "?since=NaN", "since=NaN cannot be used", 400},
        {READINGS "?since=inf", "since=inf cannot be used", 400},
        {READINGS "?since=1e3", "since=1e3 cannot be used", 400},
        {READINGS "?since=0", "since=0 cannot be used", 400},
        {READINGS "?since=1790000000", "since=1790000000 cannot be used", 400},
        {READINGS "?since=99999999999999999999d", "cannot be used", 400},
        {READINGS "?since=106751991d", "since=106751991d cannot be used", 400},
        {READINGS "?since=1969-12-31", "since=1969-12-31 cannot be used", 400},
        {READINGS "?since=2026-02-30", "since=2026-02-30 cannot be used", 400},
        {READINGS "?since=10000-01-01", "since=10000-01-01 cannot be used", 400},
        {READINGS "?since=2026-01-01T00:00:00+01:00", "cannot be used", 400}, /* + is a space */
        {READINGS "?until=1%20h%22", "until=1 h\" cannot be used", 400},
        {READINGS "?since=%C3%9C" A100, "since=Ü" A50 A10 A10 "aaaaaaaa cannot be used", 400},
        {READINGS "?since=a"
                  "%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C"
                  "%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C"
                  "%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C"
                  "%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C%C3%9C",
         "ÜÜÜ cannot be used", 400}, /* cut between characters */
        {READINGS "?since=1h&until=2h", "since is not before until", 400},
        {READINGS "?since=now", "since is not before until", 400},
        {READINGS "?since=2999-01-01", "since is not before until", 400},
        {ALERTS "?since=1h&until=2h", "since is not before until", 400},
        {ALERTS "?until=never", "until=never cannot be used", 400},
        /* numbers */
        {READINGS "?points=1", "points=1 cannot be used", 400},
        {READINGS "?points=5001", "points=5001 cannot be used", 400},
        {READINGS "?points=-5", "points=-5 cannot be used", 400},
        {READINGS "?points=%2B5", "points=+5 cannot be used", 400},
        {READINGS "?points=%205", "points= 5 cannot be used", 400},
        {READINGS "?points=5.0", "points=5.0 cannot be used", 400},
        {READINGS "?points=0x10", "points=0x10 cannot be used", 400},
        {READINGS "?points=5x", "points=5x cannot be used", 400},
        {READINGS "?points=NaN", "points=NaN cannot be used", 400},
        {READINGS "?points=18446744073709551621", "cannot be used", 400},
        {READINGS "?points=", "points is empty", 400},
        {ALERTS "?limit=x", "limit=x cannot be used", 400},
        {ALERTS "?limit=0", "limit=0 cannot be used", 400},
        /* texts */
        {ALERTS "?active=maybe", "active=maybe cannot be used", 400},
        {ALERTS "?active=TRUE", "active=TRUE cannot be used", 400},
        {ALERTS "?sensor=", "sensor is empty", 400},
        {ALERTS "?rule=%FF", "rule is not well encoded", 400},
        {"GET /api/v1/sensors?match=%", "match is not well encoded", 400},
        {"GET /api/v1/sensors?match=a&match=b", "match is given more than once", 400},
    };
    struct server *s = *state;
    cJSON *o = NULL;

    assert_int_equal(start(s), GW_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int got = ask(s, cases[i].line, LOCAL);
        const char *error = error_of(strstr(reply, "\r\n\r\n") + 4, &o);
        if (got != cases[i].status || !error || !strstr(error, cases[i].error))
            fail_msg("%s: %s", cases[i].line, reply);
        assert_has("Content-Type: application/json\r\n");
    }
    cJSON_Delete(o);
}

static void bad_bodies_say_what_and_where(void **state)
{
    static const char named[] = "{\"sensor\": \"a/b\", \"rule\": \"r\", ";
    static const struct {
        const char *body, *error;
        bool is_named;
    } cases[] = {
        {" ", "the body is not JSON: see byte", false},
        {"nonsense", "the body is not JSON: see byte 1", false},
        {"{\"sensor\": \"a\",}", "the body is not JSON: see byte", false},
        {"{} {}", "the body is not JSON: see byte", false},
        {"[]", "the body is JSON, but no object", false},
        {"null", "the body is JSON, but no object", false},
        {"\"text\"", "the body is JSON, but no object", false},
        {"{\"sensor\": \"\xff\"}", "the body is not UTF-8", false},
        {"{}", "does not name a sensor and a rule", false},
        {"{\"sensor\": \"a/b\"}", "does not name a sensor and a rule", false},
        {"{\"sensor\": 1, \"rule\": \"r\"}", "\"sensor\" is no text", false},
        {"\"for\": 2}", "\"for\" is no text", true},
        {"\"who\": [\"Ada\"]}", "\"who\" is no text", true},
        {"\"who\": \"" A50 A10 "aaaaa\"}", "\"who\" is longer than 64 bytes", true},
        {"\"who\": \"" U10 U10 U10 U10 "\"}", "\"who\" is longer than 64 bytes", true},
        {"\"comment\": \"" A100 A100 "a\"}", "\"comment\" is longer than 200 bytes", true},
        {"\"who\": \"Ada\"}", "does not say for how long", true},
        {"\"for\": null}", "does not say for how long", true},
        {"\"for\": \"soon\"}", "does not say for how long", true},
        {"\"for\": \"-2h\"}", "does not say for how long", true},
    };
    struct server *s = *state;
    cJSON *o = NULL;
    char body[512];

    assert_int_equal(start(s), GW_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(body, sizeof(body), "%s%s", cases[i].is_named ? named : "", cases[i].body);
        int got = ask_with(s, "POST /api/v1/alerts/shelve", LOCAL JSON, body);
        const char *error = error_of(strstr(reply, "\r\n\r\n") + 4, &o);
        if (got != 400 || !error || !strstr(error, cases[i].error))
            fail_msg("%s: %s", body, reply);
    }
    cJSON_Delete(o);
}

static void what_is_unusual_but_right_is_answered(void **state)
{
    static const char *const lines[] = {
        READINGS "?since=1970-01-01&until=9999-12-31&points=5000",
        READINGS "?since=2026-01-01T00:00:00%2B01:00&points=2",
        READINGS "?since=2026-01-01+00:00",
        READINGS "?since=20000d",
        "GET /api/v1/sensors?match=%5B", /* a glob that is not closed */
        "GET /api/v1/sensors?",
        ALERTS "?sensor=%25&limit=5000&active=false",
    };
    struct server *s = *state;
    uint64_t duplicates;
    struct record record = {.reading = {.time_us = T0, .value = 1, .sensor = add_sensor(s, "x", 0)},
                            .has_reading = true};

    assert_int_equal(store_append(s->store, &record, 1, &duplicates), GW_OK);
    assert_int_equal(start(s), GW_OK);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        if (ask(s, lines[i], LOCAL) != 200)
            fail_msg("%s: %s", lines[i], reply);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(queries_are_looked_at_as_they_were_sent),
        TEST(bad_requests_say_what_and_where),
        TEST(bad_bodies_say_what_and_where),
        TEST(what_is_unusual_but_right_is_answered),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
