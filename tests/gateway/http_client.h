/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP server as a client on a socket sees it, with a database of its own. */
#ifndef SENSORGW_TESTS_GATEWAY_HTTP_CLIENT_H
#define SENSORGW_TESTS_GATEWAY_HTTP_CLIENT_H

#include "config/config.h"
#include "drivers/driver.h"
#include "gateway/core/clock.h"
#include "gateway/core/ledger.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/core/sensor.h"
#include "gateway/http/http.h"
#include "gateway/live.h"
#include "storage/store.h"

#include <arpa/inet.h>
#include <math.h>
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
#define T0 INT64_C(1767225600000000) /* 2026-01-01T00:00:00Z */

static char source_name[] = "odd \"name\\", loopback[] = "127.0.0.1", gateway_name[] = "test";
static struct driver_schema schema = {.name = "file"};
static struct source_config sources[] = {{.name = source_name, .schema = &schema}};
static struct config config = {
    .sources = sources, .source_count = 1, .gateway = {.name = gateway_name}, .sensor_limit = 8};
static char reply[262144];

struct server {
    struct ledger *ledger;
    struct sensor_table *sensors;
    struct live *live;
    struct store *store;
    char folder[64], database[96];
    struct http *http;
};

static void sample(void *arg)
{
    (void)arg;
    metric_set(METRIC_SENSORS, 3);
}

static struct health_report health;

static void get_health(void *arg, struct health_report *out)
{
    (void)arg;
    *out = health;
}

static inline uint32_t add_sensor(const struct server *s, const char *name, int64_t every_us)
{
    uint32_t index;

    assert_int_equal(
        sensor_table_add(
            s->sensors,
            &(struct sensor){.name = name, .unit = "°C", .device = "boiler", .every_us = every_us},
            &index),
        GW_OK);
    return index;
}

static void open_store(struct server *s)
{
    static const char *const names[] = {source_name};

    assert_int_equal(store_open(&s->store, &(struct store_options){.path = s->database,
                                                                   .sensors = s->sensors,
                                                                   .sources = names,
                                                                   .ledger = s->ledger}),
                     GW_OK);
}

static int setup(void **state)
{
    static struct server s;

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    s = (struct server){0};
    strcpy(s.folder, "/tmp/sensorgw-http-XXXXXX");
    assert_non_null(mkdtemp(s.folder));
    snprintf(s.database, sizeof(s.database), "%s/t.db", s.folder);
    config.http = (struct http_section){.enabled = true, .host = loopback};
    config.storage.path = s.database;
    config.rules = NULL;
    config.rule_count = 0;
    assert_int_equal(ledger_create(&s.ledger, 1), GW_OK);
    assert_int_equal(sensor_table_create(&s.sensors, 8), GW_OK);
    assert_int_equal(live_create(&s.live, 8), GW_OK);
    open_store(&s);
    *state = &s;
    return 0;
}

static int teardown(void **state)
{
    struct server *s = *state;
    char command[128];

    http_stop(s->http);
    store_close(s->store);
    live_destroy(s->live);
    sensor_table_destroy(s->sensors);
    ledger_destroy(s->ledger);
    snprintf(command, sizeof(command), "rm -r %s", s->folder);
    return system(command);
}

static enum gw_err start_with(struct server *s, void (*get)(void *arg, struct health_report *out))
{
    return http_start(&s->http, &(struct http_options){.config = &config,
                                                       .ledger = s->ledger,
                                                       .sensors = s->sensors,
                                                       .live = s->live,
                                                       .health = get,
                                                       .sample = sample});
}

static enum gw_err start(struct server *s)
{
    return start_with(s, get_health);
}

static int connect_to(const struct server *s)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)http_port(s->http)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    return fd;
}

/* Sends a request line, headers and a body; the status code, with the whole answer in `reply`. */
static int ask_with(const struct server *s, const char *line, const char *headers, const char *body)
{
    char request[8192];
    size_t length = 0;
    int fd = connect_to(s);

    snprintf(request, sizeof(request), "%s HTTP/1.1\r\n%sConnection: close\r\n", line, headers);
    if (*body)
        snprintf(request + strlen(request), sizeof(request) - strlen(request),
                 "Content-Length: %zu\r\n", strlen(body));
    snprintf(request + strlen(request), sizeof(request) - strlen(request), "\r\n%s", body);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), (ssize_t)strlen(request));
    for (ssize_t n; (n = recv(fd, reply + length, sizeof(reply) - 1 - length, 0)) > 0;)
        length += (size_t)n;
    reply[length] = '\0';
    close(fd);
    assert_true(strncmp(reply, "HTTP/1.1 ", 9) == 0);
    return atoi(reply + 9);
}

static int ask(const struct server *s, const char *line, const char *headers)
{
    return ask_with(s, line, headers, "");
}

static void assert_has(const char *text)
{
    if (!strstr(reply, text))
        fail_msg("no %s in: %s", text, reply);
}

static inline void assert_has_not(const char *text)
{
    if (strstr(reply, text))
        fail_msg("%s is in: %s", text, reply);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

#endif
