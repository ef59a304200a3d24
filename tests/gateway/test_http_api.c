/* SPDX-License-Identifier: Apache-2.0 */
/* What the API answers; docs/openapi.json is checked against the running program elsewhere. */
#include "tests/gateway/http_client.h"

#include "gateway/http/request.h"

#include <cjson/cJSON.h>
#include <poll.h>

/* The body of the last reply as JSON, until the next call. */
static cJSON *body(void)
{
    static cJSON *last;
    const char *text = strstr(reply, "\r\n\r\n");

    cJSON_Delete(last);
    last = text ? cJSON_Parse(text + 4) : NULL;
    if (!last)
        fail_msg("no JSON: %s", reply);
    return last;
}

static cJSON *at(cJSON *list, int i)
{
    cJSON *item = cJSON_GetArrayItem(list, i);

    assert_non_null(item);
    return item;
}

static cJSON *field(cJSON *o, const char *key)
{
    cJSON *item = cJSON_GetObjectItem(o, key);

    if (!item)
        fail_msg("no %s", key);
    return item;
}

static void assert_text(cJSON *o, const char *key, const char *text)
{
    assert_string_equal(cJSON_GetStringValue(field(o, key)), text);
}

static void store_reading(const struct server *s, uint32_t sensor, int64_t time_us, double value)
{
    uint64_t duplicates;
    struct record record = {.reading = {.time_us = time_us, .value = value, .sensor = sensor},
                            .has_reading = true};

    assert_int_equal(store_append(s->store, &record, 1, &duplicates), GW_OK);
}

static void store_alert(const struct server *s, uint32_t sensor, int64_t id, enum alert_state state,
                        int64_t time_us)
{
    uint64_t duplicates;
    struct alert_change *change = calloc(1, sizeof(*change));

    *change = (struct alert_change){.alert_id = id,
                                    .time_us = time_us,
                                    .since_us = T0,
                                    .value = 81,
                                    .limit = 75,
                                    .sensor = sensor,
                                    .state = (uint8_t)state,
                                    .severity = SEVERITY_WARNING,
                                    .rule = "overheat"};
    struct record record = {.changes = change};
    assert_int_equal(store_append(s->store, &record, 1, &duplicates), GW_OK);
    alert_change_free(change);
}

static void sensors_are_listed_with_their_newest_reading(void **state)
{
    struct server *s = *state;
    uint32_t hot = add_sensor(s, "boiler/flow_temp", 500000);
    add_sensor(s, "boiler/Vorlauf/Übergabe", 0);
    live_update(s->live, &(struct reading){.sensor = hot, .value = 61.5, .time_us = T0}, 1);
    assert_int_equal(start(s), GW_OK);

    assert_int_equal(ask(s, "GET /api/v1/sensors", LOCAL), 200);
    assert_has("Content-Type: application/json\r\n");
    assert_has("Cache-Control: no-store\r\n");
    cJSON *list = field(body(), "sensors");
    assert_int_equal(cJSON_GetArraySize(list), 2);
    assert_text(at(list, 0), "name", "boiler/flow_temp");
    assert_text(at(list, 0), "source", source_name);
    assert_text(at(list, 0), "quality", "good");
    assert_text(at(list, 0), "time", "2026-01-01T00:00:00.000Z");
    assert_true(field(at(list, 0), "value")->valuedouble == 61.5);
    assert_true(field(at(list, 0), "every")->valuedouble == 0.5);
    assert_true(cJSON_IsNull(field(at(list, 1), "value")));
    assert_true(cJSON_IsNull(field(at(list, 1), "time_us")));

    assert_int_equal(ask(s, "GET /api/v1/sensors?match=*/%C3%9C*", LOCAL), 200);
    list = field(body(), "sensors");
    assert_int_equal(cJSON_GetArraySize(list), 1);
    assert_text(at(list, 0), "name", "boiler/Vorlauf/Übergabe");
}

static void a_sensor_is_found_by_any_name(void **state)
{
    static const struct {
        const char *path, *name;
    } cases[] = {
        {"boiler%2Fflow_temp", "boiler/flow_temp"},
        {"boiler/flow_temp", "boiler/flow_temp"},
        {"boiler%2FVorlauf%2F%c3%9cbergabe", "boiler/Vorlauf/Übergabe"},
        {"odd%2Freadings", "odd/readings"},
        {"100%25%20%22%3F", "100% \"?"},
    };
    struct server *s = *state;

    for (size_t i = 0; i < 5; i++) {
        if (i != 1)
            add_sensor(s, cases[i].name, 0);
    }
    assert_int_equal(start(s), GW_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[128];
        snprintf(line, sizeof(line), "GET /api/v1/sensors/%s", cases[i].path);
        if (ask(s, line, LOCAL) != 200)
            fail_msg("%s: %s", cases[i].path, reply);
        assert_text(body(), "name", cases[i].name);
    }
}

static void limits_come_with_a_sensor(void **state)
{
    static char rule_name[] = "overheat", glob[] = "boiler/*";
    struct rule_config rule = {.name = rule_name,
                               .sensor = glob,
                               .kind = RULE_LEVEL,
                               .high = {(double)NAN, 75, 85},
                               .low = {(double)NAN, (double)NAN, (double)NAN},
                               .hysteresis = 2,
                               .for_us = 30000000};
    struct server *s = *state;

    add_sensor(s, "boiler/flow_temp", 0);
    config.rules = &rule;
    config.rule_count = 1;
    assert_int_equal(start(s), GW_OK);
    assert_int_equal(ask(s, "GET /api/v1/sensors/boiler%2Fflow_temp", LOCAL), 200);
    cJSON *first = at(field(body(), "rules"), 0);
    assert_text(first, "name", "overheat");
    assert_true(field(field(first, "high"), "critical")->valuedouble == 85);
    assert_null(cJSON_GetObjectItem(field(first, "low"), "warning"));
    assert_true(field(first, "for")->valuedouble == 30);
}

static void readings_come_as_stored_or_averaged(void **state)
{
    struct server *s = *state;
    uint32_t sensor = add_sensor(s, "boiler/flow_temp", 1000000);

    for (int i = 0; i < 120; i++)
        store_reading(s, sensor, T0 + i * US_PER_SECOND, i);
    assert_int_equal(start(s), GW_OK);
#define READINGS "GET /api/v1/sensors/boiler%2Fflow_temp/readings?since=2026-01-01T00:00:00Z"
    assert_int_equal(ask(s, READINGS "&until=2026-01-01T00:02:00Z&points=120", LOCAL), 200);
    assert_true(field(body(), "step")->valuedouble == 0);
    assert_int_equal(cJSON_GetArraySize(field(body(), "points")), 120);
    assert_has("\"points\":[[1767225600000,0,0,0],[1767225601000,1,1,1]");

    assert_int_equal(ask(s, READINGS "&until=2026-01-01T00:02:00Z&points=13", LOCAL), 200);
    assert_true(field(body(), "step")->valuedouble == 10);
    cJSON *points = field(body(), "points");
    assert_int_equal(cJSON_GetArraySize(points), 12);
    assert_true(at(at(points, 1), 0)->valuedouble == 1767225610000);
    assert_true(at(at(points, 1), 1)->valuedouble == 14.5);
    assert_true(at(at(points, 1), 2)->valuedouble == 10);
    assert_true(at(at(points, 1), 3)->valuedouble == 19);

    assert_int_equal(ask(s, READINGS "&until=2026-12-31T00:00:00Z&points=400", LOCAL), 200);
    assert_true(field(body(), "step")->valuedouble == 86400);
    assert_int_equal(cJSON_GetArraySize(field(body(), "points")), 1);
}

static void alerts_are_listed_and_filtered(void **state)
{
    static const struct {
        const char *query;
        int count;
    } cases[] = {
        {"", 2},
        {"?active=true", 1},
        {"?active=false", 2},
        {"?limit=1", 1},
        {"?sensor=boiler/flow_temp", 2},
        {"?sensor=other", 0},
        {"?sensor=boiler/*&rule=over*", 2},
        {"?rule=silent", 0},
        {"?since=2026-01-01T00:00:30Z", 2},
        {"?since=2026-01-01T02:00:00Z", 1},
        {"?until=2025-12-31T00:00:00Z", 0},
    };
    struct server *s = *state;
    uint32_t sensor = add_sensor(s, "boiler/flow_temp", 0);

    store_reading(s, sensor, T0, 81);
    store_alert(s, sensor, 1, ALERT_RAISED, T0);
    store_alert(s, sensor, 1, ALERT_CLEARED, T0 + US_PER_HOUR);
    store_alert(s, sensor, 2, ALERT_RAISED, T0);
    assert_int_equal(start(s), GW_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char line[128];
        snprintf(line, sizeof(line), "GET /api/v1/alerts%s", cases[i].query);
        assert_int_equal(ask(s, line, LOCAL), 200);
        if (cJSON_GetArraySize(field(body(), "alerts")) != cases[i].count)
            fail_msg("%s: %s", cases[i].query, reply);
    }
    assert_int_equal(ask(s, "GET /api/v1/alerts", LOCAL), 200);
    cJSON *newest = at(field(body(), "alerts"), 0);
    assert_text(newest, "state", "raised");
    assert_text(newest, "rule", "overheat");
    assert_true(cJSON_IsNull(field(newest, "cleared")));
    assert_text(at(field(body(), "alerts"), 1), "cleared", "2026-01-01T01:00:00.000Z");
}

static void sources_show_their_books(void **state)
{
    struct server *s = *state;

    ledger_accept(s->ledger, 0, 12);
    ledger_commit(s->ledger, 0, 9);
    ledger_drop(s->ledger, 0, DROP_OVERSIZE, 2);
    assert_int_equal(start(s), GW_OK);
    assert_int_equal(ask(s, "GET /api/v1/sources", LOCAL), 200);
    cJSON *source = at(field(body(), "sources"), 0);
    assert_text(source, "name", source_name);
    assert_text(source, "driver", "file");
    assert_text(source, "state", "closed");
    assert_int_equal(field(source, "accepted")->valueint, 12);
    assert_int_equal(field(source, "in_flight")->valueint, 1);
    assert_int_equal(field(field(source, "dropped"), "oversize")->valueint, 2);
}

/* Reads the stream until the text has come. */
static void wait_for_text(int fd, const char *text)
{
    size_t length = strlen(reply);
    int64_t end = clock_mono_us() + 60 * US_PER_SECOND; /* beats come all the time */

    while (!strstr(reply, text)) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        if (poll(&p, 1, 60000) != 1 || clock_mono_us() > end)
            fail_msg("%s did not come: … %s", text, reply + (length > 500 ? length - 500 : 0));
        ssize_t n = recv(fd, reply + length, sizeof(reply) - 1 - length, 0);
        if (n <= 0)
            fail_msg("the stream ended before %s: %s", text, reply);
        length += (size_t)n;
        reply[length] = '\0';
    }
}

static int listen_to_events(const struct server *s)
{
    static const char request[] = "GET /api/v1/events HTTP/1.1\r\n" LOCAL "\r\n";
    int fd = connect_to(s);

    assert_true(send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL) > 0);
    reply[0] = '\0';
    return fd;
}

static void events_tell_values_and_alerts(void **state)
{
    struct server *s = *state;
    uint32_t sensor = add_sensor(s, "boiler/flow_temp", 0);

    live_update(s->live, &(struct reading){.sensor = sensor, .value = 61.5, .time_us = T0}, 1);
    store_reading(s, sensor, T0, 61.5);
    store_alert(s, sensor, 1, ALERT_RAISED, T0); /* before anybody listens: not told */
    assert_int_equal(start(s), GW_OK);
    int fd = listen_to_events(s);
    wait_for_text(fd, "Content-Type: text/event-stream\r\n");
    wait_for_text(fd, "event: hello\ndata: {\"gateway\":\"test\"");
    wait_for_text(fd, "event: readings\ndata: [{\"sensor\":\"boiler/flow_temp\",\"value\":61.5,");
    live_update(s->live, &(struct reading){.sensor = sensor, .value = 62.5, .time_us = T0 + 1}, 1);
    wait_for_text(fd, "\"value\":62.5,");
    store_alert(s, sensor, 2, ALERT_RAISED, T0);
    http_alerts(s->http);
    wait_for_text(fd, "event: alert\ndata: {\"state\":\"raised\",\"severity\":\"warning\",");
    wait_for_text(fd, "-2\",");
    assert_has_not("-1\",");
    http_alert_now(s->http,
                   &(struct alert_change){.alert_id = 3, .sensor = sensor, .rule = "overheat"},
                   "abc");
    wait_for_text(fd, "\"id\":\"abc-3\"");
    wait_for_text(fd, "\"durable\":false");
    wait_for_text(fd, ": beat\n\n");
    close(fd);
}

static void too_many_listeners_are_refused_and_room_is_made(void **state)
{
    struct server *s = *state;
    int fds[64], n = 0;

    assert_int_equal(start(s), GW_OK);
    for (; n < 64; n++) {
        fds[n] = listen_to_events(s);
        wait_for_text(fds[n], "\r\n\r\n");
        if (strstr(reply, "HTTP/1.1 503"))
            break;
    }
    assert_true(n > 3 && n < 40);
    assert_int_equal(ask(s, "GET /api/v1/sensors", LOCAL), 200); /* others are still served */
    for (int i = 0; i <= n; i++)
        close(fds[i]);
    for (int i = 0; i < 1000; i++) {
        int fd = listen_to_events(s);
        wait_for_text(fd, "\r\n\r\n");
        close(fd);
        if (strstr(reply, "HTTP/1.1 200"))
            return;
        clock_sleep_us(20000);
    }
    fail_msg("no room: %s", reply);
}

static void a_listener_who_takes_nothing_stops_nobody(void **state)
{
    struct server *s = *state;
    uint32_t sensor = add_sensor(s, "boiler/flow_temp", 0);

    assert_int_equal(start(s), GW_OK);
    int slow = listen_to_events(s);
    wait_for_text(slow, "event: hello");
    int quick = listen_to_events(s);
    wait_for_text(quick, "event: hello");
    for (int i = 0; i < 2000; i++)
        http_alert_now(s->http,
                       &(struct alert_change){.alert_id = i, .sensor = sensor, .rule = "overheat"},
                       "abc");
    wait_for_text(quick, "event: resync\ndata: {}\n\n"); /* more than the ring holds */
    reply[0] = '\0';
    wait_for_text(quick, ": beat\n\n"); /* so it has been told all */
    http_alert_now(s->http, &(struct alert_change){.alert_id = 4711, .sensor = sensor}, "abc");
    wait_for_text(quick, "\"id\":\"abc-4711\"");
    close(quick);
    http_stop(s->http); /* with a stream open */
    s->http = NULL;
    close(slow);
}

static void percent_signs_are_decoded(void **state)
{
    static const struct {
        const char *text, *decoded; /* NULL: not well formed */
    } cases[] = {
        {"plain", "plain"},   {"a%2Fb", "a/b"}, {"a%2fb", "a/b"}, {"%C3%9C", "Ü"},
        {"%25%32%35", "%25"}, {"a+b", "a+b"},   {"", ""},         {"%", NULL},
        {"%4", NULL},         {"%4g", NULL},    {"%00", NULL},    {"x%", NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[32];
        snprintf(text, sizeof(text), "%s", cases[i].text);
        if (request_decode(text) != (cases[i].decoded != NULL) ||
            strcmp(text, cases[i].decoded ? cases[i].decoded : cases[i].text) != 0)
            fail_msg("%s: %s", cases[i].text, text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(sensors_are_listed_with_their_newest_reading),
        TEST(a_sensor_is_found_by_any_name),
        TEST(limits_come_with_a_sensor),
        TEST(readings_come_as_stored_or_averaged),
        TEST(alerts_are_listed_and_filtered),
        TEST(sources_show_their_books),
        TEST(events_tell_values_and_alerts),
        TEST(too_many_listeners_are_refused_and_room_is_made),
        TEST(a_listener_who_takes_nothing_stops_nobody),
        cmocka_unit_test(percent_signs_are_decoded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
