/* SPDX-License-Identifier: Apache-2.0 */
/* Who is answered, /metrics and /healthz; the API has a test of its own. */
#include "gateway/core/thread.h"
#include "tests/gateway/http_client.h"

#define JSON "Content-Type: application/json\r\n"

static char everywhere[] = "0.0.0.0", secret[] = "s3cret";

static void metrics_show_the_books_of_each_source(void **state)
{
    struct server *s = *state;

    assert_int_equal(start(s), GW_OK);
    ledger_accept(s->ledger, 0, 12);
    ledger_commit(s->ledger, 0, 9);
    ledger_drop(s->ledger, 0, DROP_BAD_PAYLOAD, 2);
    assert_int_equal(ask(s, "GET /metrics", LOCAL), 200);
    assert_has("# TYPE sensorgw_readings_accepted_total counter");
    assert_has("sensorgw_readings_accepted_total{source=\"odd \\\"name\\\\\"} 12\n");
    assert_has("sensorgw_readings_committed_total{source=\"odd \\\"name\\\\\"} 9\n");
    assert_has("{source=\"odd \\\"name\\\\\",reason=\"bad_payload\"} 2\n");
    assert_has("sensorgw_sensors 3\n");
    assert_has("# TYPE sensorgw_store_commit_seconds histogram");
    assert_has("sensorgw_store_commit_seconds_bucket{le=\"+Inf\"} ");
    assert_has("sensorgw_alerts{severity=\"critical\",state=\"raised\"} 0\n");
    assert_has("process_resident_memory_bytes ");
}

/* What promtool would find, for machines without it: each series has HELP and TYPE before it, all
 * series of a name stand together, counters end in _total and only they do. */
static void metrics_are_well_formed(void **state)
{
    struct server *s = *state;
    char name[128] = "", type[32] = "";
    int families = 0;

    assert_int_equal(start(s), GW_OK);
    assert_int_equal(ask(s, "GET /metrics", LOCAL), 200);
    char *rest = strstr(reply, "\r\n\r\n") + 4;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        if (strncmp(line, "# HELP ", 7) == 0) {
            char next[128];
            assert_int_equal(sscanf(line, "# HELP %127s ", next), 1);
            assert_true(strlen(line) > strlen(next) + 10);
            strcpy(name, next);
            families++;
            continue;
        }
        if (sscanf(line, "# TYPE %*s %31s", type) == 1) {
            size_t n = strlen(name);
            bool total = n > 6 && strcmp(name + n - 6, "_total") == 0;
            assert_true(strncmp(line + 7, name, n) == 0 && line[7 + n] == ' ');
            if (total != (strcmp(type, "counter") == 0))
                fail_msg("%s is a %s", name, type);
            continue;
        }
        if (strncmp(line, name, strlen(name)) != 0)
            fail_msg("%s stands below %s", line, name);
        char *end, *value = strrchr(line, ' ');
        assert_non_null(value);
        strtod(value + 1, &end);
        assert_true(end > value + 1 && *end == '\0');
    }
    assert_true(families > 40);
}

static void healthz_says_what_is_wrong(void **state)
{
    struct server *s = *state;
    const struct health_item broker = {
        .component = "broker", .text = "not connected", .hint = "look there"};

    assert_int_equal(start(s), GW_OK);
    health.count = 0;
    assert_int_equal(ask(s, "GET /healthz", LOCAL), 200);
    assert_has("\r\n\r\nhealthy\n");
    health.items[0] = broker;
    health.count = 1;
    assert_int_equal(ask(s, "GET /healthz", LOCAL), 200);
    assert_has("\r\n\r\ndegraded\nwarning: broker: not connected (since ");
    health.items[0].severity = HEALTH_ERROR;
    assert_int_equal(ask(s, "GET /healthz", LOCAL), 503);
    assert_has("\r\n\r\nunhealthy\nerror: broker: ");
    assert_int_equal(ask(s, "GET /healthz", LOCAL "Accept: application/json\r\n"), 503);
    assert_has("Content-Type: application/json");
    assert_has("{\"state\":\"unhealthy\",\"problems\":[{\"component\":\"broker\",");
    health.count = 0;
}

static void only_get_and_known_pages_are_answered(void **state)
{
    struct server *s = *state;

    assert_int_equal(start(s), GW_OK);
    assert_int_equal(ask(s, "GET /nothing", LOCAL), 404);
    assert_has("{\"error\":\"there is no such page\",\"hint\":");
    assert_int_equal(ask(s, "GET /metrics/../etc/passwd", LOCAL), 404);
    assert_int_equal(ask(s, "POST /metrics", LOCAL JSON "Content-Length: 0\r\n"), 405);
    assert_has("Allow: GET, HEAD\r\n");
    assert_int_equal(ask(s, "DELETE /metrics", LOCAL), 405);
    assert_int_equal(ask(s, "HEAD /healthz", LOCAL), 200);
}

static void a_foreign_host_name_is_refused_on_loopback(void **state)
{
    struct server *s = *state;

    assert_int_equal(start(s), GW_OK);
    assert_int_equal(ask(s, "GET /metrics", "Host: evil.example\r\n"), 403);
    assert_int_equal(ask(s, "GET /metrics", "Host: localhost.evil.example\r\n"), 403);
    assert_int_equal(ask(s, "GET /metrics", "Host: 127.0.0.1:8080\r\n"), 200);
    assert_int_equal(ask(s, "GET /metrics", "Host: [::1]:8080\r\n"), 200);
}

static void a_token_must_be_given_exactly(void **state)
{
    struct server *s = *state;

    config.http.host = everywhere;
    config.http.token = secret;
    assert_int_equal(start(s), GW_OK);
    assert_int_equal(ask(s, "GET /metrics", LOCAL), 401);
    assert_has("WWW-Authenticate: Bearer");
    assert_int_equal(ask(s, "GET /metrics", LOCAL "Authorization: Bearer s3cre\r\n"), 401);
    assert_int_equal(ask(s, "GET /metrics", LOCAL "Authorization: Bearer s3crets3cret\r\n"), 401);
    assert_int_equal(ask(s, "GET /metrics", LOCAL "Authorization: Bearer \r\n"), 401);
    assert_int_equal(ask(s, "GET /metrics", "Host: pi.lan\r\nAuthorization: Bearer s3cret\r\n"),
                     200);
}

static void the_page_is_there_without_a_token_and_revalidated(void **state)
{
    struct server *s = *state;
    char etag[64], headers[128];

    config.http.host = everywhere;
    config.http.token = secret;
    assert_int_equal(start(s), GW_OK);
    assert_int_equal(ask(s, "GET /", LOCAL), 200);
    assert_has("Content-Type: text/html; charset=utf-8\r\n");
    assert_has("Content-Encoding: gzip\r\n");
    assert_has("Cache-Control: no-cache\r\n");
    assert_has("Content-Security-Policy: default-src 'none'; script-src 'self';");
    assert_has_not("unsafe-inline");
    assert_has_not("Access-Control-");
    assert_int_equal(sscanf(strcasestr(reply, "\netag: ") + 7, "%63s", etag), 1);
    snprintf(headers, sizeof(headers), LOCAL "If-None-Match: %s\r\n", etag);
    assert_int_equal(ask(s, "GET /", headers), 304);
    assert_int_equal(ask(s, "GET /", LOCAL "If-None-Match: \"other\"\r\n"), 200);
    assert_int_equal(ask(s, "GET /web/dygraph.min.js", LOCAL), 200);
    assert_int_equal(ask(s, "GET /web/nothing.js", LOCAL), 401); /* not even that it is missing */
}

static void changes_come_only_from_our_own_page(void **state)
{
    static const struct {
        const char *name, *headers;
        int status;
    } cases[] = {
        {"a form", LOCAL "Content-Type: text/plain\r\n", 403},
        {"no type at all", LOCAL, 403},
        {"a foreign page", LOCAL JSON "Origin: http://evil.example\r\n", 403},
        {"no origin that can be named", LOCAL JSON "Origin: null\r\n", 403},
        {"our page", LOCAL JSON "Origin: http://localhost\r\n", 405},
        {"no browser", LOCAL JSON, 405},
    };
    struct server *s = *state;

    assert_int_equal(start(s), GW_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        int got = ask_with(s, "POST /api/v1/sensors", cases[i].headers, "{}");
        if (got != cases[i].status)
            fail_msg("%s: %d", cases[i].name, got);
    }
}

static void requests_have_a_size(void **state)
{
    struct server *s = *state;
    char *body = calloc(1, 5001), *headers = calloc(1, 20001);

    memset(body, 'x', 5000);
    strcpy(headers, LOCAL "X: ");
    memset(headers + strlen(headers), 'x', 18000);
    strcat(headers, "\r\n");
    assert_int_equal(start(s), GW_OK);
    assert_int_equal(ask_with(s, "POST /api/v1/sensors", LOCAL JSON, body), 413);
    int fd = connect_to(s);
    assert_true(send(fd, "GET / HTTP/1.1\r\n", 16, MSG_NOSIGNAL) == 16);
    send(fd, headers, strlen(headers), MSG_NOSIGNAL);
    ssize_t n = recv(fd, reply, sizeof(reply) - 1, 0);
    reply[n > 0 ? n : 0] = '\0';
    assert_has("HTTP/1.1 4");
    close(fd);
    free(headers);
    free(body);
}

static char logged[512];

static void keep_log(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    snprintf(logged, sizeof(logged), "%s", line);
}

static void a_port_in_use_is_an_error(void **state)
{
    struct server *s = *state;
    struct server second = *s;

    assert_int_equal(start(s), GW_OK);
    config.http.port = (int)http_port(s->http);
    log_set_sink(keep_log, NULL);
    assert_int_equal(start(&second), GW_EBUSY);
    log_set_sink(NULL, NULL);
    assert_non_null(strstr(logged, "cannot listen on 127.0.0.1 port"));
}

/* A request for the health report that does not come back until it may. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool entered, may_go;
} hang = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void hanging_health(void *arg, struct health_report *out)
{
    pthread_mutex_lock(&hang.lock);
    hang.entered = true;
    pthread_cond_signal(&hang.changed);
    while (!hang.may_go)
        pthread_cond_wait(&hang.changed, &hang.lock);
    pthread_mutex_unlock(&hang.lock);
    get_health(arg, out);
}

static size_t late_in(int64_t us, struct heartbeat_view *view)
{
    return heartbeat_late(clock_mono_us() + us, view, 1);
}

static void a_page_that_hangs_is_noticed_and_not_vital(void **state)
{
    struct server *s = *state;
    static const char request[] = "GET /healthz HTTP/1.1\r\n" LOCAL "Connection: close\r\n\r\n";
    const ssize_t length = sizeof(request) - 1;
    struct heartbeat_view late;

    assert_int_equal(start_with(s, hanging_health), GW_OK);
    int client = connect_to(s);
    assert_true(send(client, request, (size_t)length, MSG_NOSIGNAL) == length);
    pthread_mutex_lock(&hang.lock);
    while (!hang.entered)
        pthread_cond_wait(&hang.changed, &hang.lock);
    pthread_mutex_unlock(&hang.lock);
    assert_int_equal(late_in(0, &late), 0);
    assert_int_equal(late_in(THREAD_SLOW_US, &late), 1);
    assert_string_equal(late.name, "http-0");
    assert_false(late.is_vital);
    assert_int_equal(heartbeat_late_vital(clock_mono_us() + THREAD_SLOW_US), 0);
    assert_int_equal(ask(s, "GET /metrics", LOCAL), 200); /* others are answered */
    pthread_mutex_lock(&hang.lock);
    hang.may_go = true;
    pthread_cond_signal(&hang.changed);
    pthread_mutex_unlock(&hang.lock);
    assert_true(recv(client, reply, sizeof(reply), MSG_WAITALL) > 0); /* until it is closed */
    close(client);
    assert_int_equal(late_in(THREAD_SLOW_US, &late), 0);
}

static void a_slow_client_looks_like_none(void **state)
{
    struct server *s = *state;
    struct heartbeat_view late;

    assert_int_equal(start(s), GW_OK);
    int silent = connect_to(s), slow = connect_to(s);
    assert_true(send(slow, "GET /heal", 9, MSG_NOSIGNAL) == 9);
    assert_int_equal(ask(s, "GET /metrics", LOCAL), 200);
    assert_int_equal(late_in(THREAD_SLOW_US, &late), 0);
    close(silent);
    close(slow);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(metrics_show_the_books_of_each_source),
        TEST(metrics_are_well_formed),
        TEST(healthz_says_what_is_wrong),
        TEST(only_get_and_known_pages_are_answered),
        TEST(a_foreign_host_name_is_refused_on_loopback),
        TEST(a_token_must_be_given_exactly),
        TEST(the_page_is_there_without_a_token_and_revalidated),
        TEST(changes_come_only_from_our_own_page),
        TEST(requests_have_a_size),
        TEST(a_port_in_use_is_an_error),
        TEST(a_page_that_hangs_is_noticed_and_not_vital),
        TEST(a_slow_client_looks_like_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
