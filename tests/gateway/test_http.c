/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server as a client on a socket sees it. */
#include "gateway/core/log.h"
#include "gateway/http/http.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define LOCAL "Host: localhost\r\n"

static char source_name[] = "odd \"name\\", loopback[] = "127.0.0.1", everywhere[] = "0.0.0.0",
            secret[] = "s3cret";
static struct source_config sources[] = {{.name = source_name}};
static struct config config = {.sources = sources, .source_count = 1};
static struct gateway_status status;
static char reply[65536];

static void get_status(void *arg, struct gateway_status *out)
{
    (void)arg;
    *out = status;
}

struct server {
    struct ledger *ledger;
    struct http *http;
};

static int setup(void **state)
{
    static struct server s;

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    config.http = (struct http_section){.enabled = true, .host = loopback};
    status = (struct gateway_status){.storing = true, .sensors = 3, .sources = 1};
    assert_int_equal(ledger_create(&s.ledger, 1), GW_OK);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct server *s = *state;

    http_stop(s->http);
    s->http = NULL;
    ledger_destroy(s->ledger);
    return 0;
}

static enum gw_err start(struct server *s)
{
    return http_start(&s->http, &(struct http_options){
                                    .config = &config, .ledger = s->ledger, .status = get_status});
}

/* Sends a request line and headers; the status code, with the whole answer in `reply`. */
static int ask(const struct server *s, const char *line, const char *headers)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)http_port(s->http)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char request[1024];
    size_t length = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    snprintf(request, sizeof(request), "%s HTTP/1.1\r\n%sConnection: close\r\n\r\n", line, headers);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    for (ssize_t n; (n = recv(fd, reply + length, sizeof(reply) - 1 - length, 0)) > 0;)
        length += (size_t)n;
    reply[length] = '\0';
    close(fd);
    assert_true(strncmp(reply, "HTTP/1.1 ", 9) == 0);
    return atoi(reply + 9);
}

static void assert_has(const char *text)
{
    if (!strstr(reply, text))
        fail_msg("no %s in: %s", text, reply);
}

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
    assert_has("# TYPE sensorgw_store_commit_seconds_total counter");
    assert_has("process_resident_memory_bytes ");
}

static void healthz_says_what_is_wrong(void **state)
{
    struct server *s = *state;

    assert_int_equal(start(s), GW_OK);
    assert_int_equal(ask(s, "GET /healthz", LOCAL), 200);
    assert_has("ok\n");
    status.has_broker = true;
    assert_int_equal(ask(s, "GET /healthz", LOCAL), 200);
    assert_has("the broker is not connected\n");
    status.storing = false;
    assert_int_equal(ask(s, "GET /healthz", LOCAL), 503);
    assert_has("the database cannot be written\n");
}

static void only_get_and_known_pages_are_answered(void **state)
{
    struct server *s = *state;

    assert_int_equal(start(s), GW_OK);
    assert_int_equal(ask(s, "GET /", LOCAL), 404);
    assert_int_equal(ask(s, "GET /metrics/../etc/passwd", LOCAL), 404);
    assert_int_equal(ask(s, "POST /metrics", LOCAL "Content-Length: 0\r\n"), 405);
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
    struct server second = {.ledger = s->ledger};

    assert_int_equal(start(s), GW_OK);
    config.http.port = (int)http_port(s->http);
    log_set_sink(keep_log, NULL);
    assert_int_equal(start(&second), GW_EBUSY);
    log_set_sink(NULL, NULL);
    assert_non_null(strstr(logged, "cannot listen on 127.0.0.1 port"));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(metrics_show_the_books_of_each_source),
        TEST(healthz_says_what_is_wrong),
        TEST(only_get_and_known_pages_are_answered),
        TEST(a_foreign_host_name_is_refused_on_loopback),
        TEST(a_token_must_be_given_exactly),
        TEST(a_port_in_use_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
