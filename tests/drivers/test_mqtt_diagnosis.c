/* SPDX-License-Identifier: Apache-2.0 */
/* Why there is no connection to a broker, in words. The resolver and the other side are played by
 * the test. */
#include "drivers/mqtt/diagnosis.h"
#include "drivers/mqtt/link.h"
#include "drivers/mqtt/tls.h"
#include "gateway/core/clock.h"
#include "tests/support/own_address.h"

#include <netdb.h>
#include <pthread.h>
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

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out);

/* Knows no name. */
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    if (hints->ai_flags & AI_NUMERICHOST)
        return __real_getaddrinfo(host, service, hints, out);
    return EAI_NONAME;
}

/* What takes connections. */
struct peer {
    int fd;
    char answer; /* 0: it hangs up */
    pthread_t thread;
    char host[16], file[64];
    struct mqtt_section mqtt;
    struct diagnosis out;
};

static int setup(void **state)
{
    struct peer *p = calloc(1, sizeof(*p));
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {own_address()}};
    socklen_t size = sizeof(a);

    assert_non_null(p);
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(p->fd, (struct sockaddr *)&a, size), 0);
    assert_int_equal(getsockname(p->fd, (struct sockaddr *)&a, &size), 0);
    assert_non_null(inet_ntop(AF_INET, &a.sin_addr, p->host, sizeof(p->host)));
    p->mqtt = (struct mqtt_section){.host = p->host, .port = ntohs(a.sin_port)};
    strcpy(p->file, "/tmp/sensorgw-pem-XXXXXX");
    close(mkstemp(p->file));
    *state = p;
    return 0;
}

static int teardown(void **state)
{
    struct peer *p = *state;

    close(p->fd);
    unlink(p->file);
    free(p);
    return 0;
}

static void *serve(void *arg)
{
    struct peer *p = arg;
    char hello[64];
    int fd = accept(p->fd, NULL, NULL);

    if (recv(fd, hello, sizeof(hello), 0) > 0 && p->answer)
        send(fd, &p->answer, 1, MSG_NOSIGNAL);
    close(fd);
    return NULL;
}

static bool go_on(void *arg)
{
    (void)arg;
    return false;
}

static bool stop(void *arg)
{
    (void)arg;
    return true;
}

static void assert_says(struct peer *p, const char *tls_reason, const char *text)
{
    diagnose(&p->mqtt, tls_reason, go_on, NULL, &p->out);
    if (!strstr(p->out.text, text))
        fail_msg("%s", p->out.text);
    assert_true(p->out.hint[0] != '\0');
}

static void assert_answer_says(struct peer *p, char answer, bool tls, const char *tls_reason,
                               const char *text)
{
    p->answer = answer;
    p->mqtt.tls = tls;
    assert_int_equal(listen(p->fd, 1), 0);
    assert_int_equal(pthread_create(&p->thread, NULL, serve, p), 0);
    assert_says(p, tls_reason, text);
    pthread_join(p->thread, NULL);
}

static void what_listens_there_is_looked_at(void **state)
{
    struct peer *p = *state;

    assert_says(p, "", "connection refused");
    assert_answer_says(p, 0, false, "", "no MQTT 5 answer");
    assert_answer_says(p, 0x15, false, "", "speaks TLS");
    assert_answer_says(p, 0, true, "", "speaks no TLS");
    assert_answer_says(p, 0x20, true, "wrong version number", "speaks no TLS");
    assert_answer_says(p, 0x16, true, "", "for another host than 127.");
    assert_answer_says(p, 0x16, true, "no suitable digest", "TLS: no suitable digest");
}

static void what_hangs_is_told_after_a_while(void **state)
{
    struct peer *p = *state;

    assert_int_equal(listen(p->fd, 1), 0);
    assert_says(p, "", "does not answer");
}

static void an_unknown_host_is_named(void **state)
{
    struct peer *p = *state;
    char name[] = "broker.example";

    p->mqtt.host = name;
    assert_says(p, "", "host not found: broker.example");
}

static void who_stops_is_not_kept_waiting(void **state)
{
    struct peer *p = *state;

    assert_int_equal(listen(p->fd, 1), 0);
    diagnose(&p->mqtt, "", stop, NULL, &p->out);
    assert_string_equal(p->out.text, "no connection");
}

static void put(const struct peer *p, const char *text)
{
    FILE *f = fopen(p->file, "w");

    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void files_that_cannot_be_used_are_named(void **state)
{
    struct peer *p = *state;
    char none[] = "/nowhere/ca.pem";

    p->mqtt.tls = true;
    p->mqtt.ca_file = none;
    assert_says(p, "", "mqtt.ca_file cannot be read: /nowhere/ca.pem: No such file");
    p->mqtt.ca_file = p->file;
    assert_says(p, "", "mqtt.ca_file cannot be used: no certificate in PEM format in /tmp/");
    put(p, "# mine\n-----BEGIN CERTIFICATE-----\n");
    assert_says(p, "", "connection refused");
    p->mqtt.cert_file = p->mqtt.key_file = p->file;
    assert_says(p, "", "mqtt.key_file cannot be used: no private key");
    put(p, "-----BEGIN CERTIFICATE-----\n-----BEGIN EC PRIVATE KEY-----\n");
    assert_says(p, "", "connection refused");
    assert_says(p, "certificate verify failed", "the broker's certificate is not trusted");
}

static void the_text_of_openssl_is_taken_apart(void **state)
{
    char out[TLS_REASON_SIZE];
    static const char line[] = "C0E6:error:0A000086:SSL routines:tls_post:certificate verify "
                               "failed:../ssl/statem/statem_clnt.c:1889:\n";
    char longest[400];

    (void)state;
    tls_reason_of(line, strlen(line), out);
    assert_string_equal(out, "certificate verify failed");
    tls_reason_of("some\x1b thing\n", 12, out);
    assert_string_equal(out, "some thing");
    tls_reason_of("", 0, out);
    assert_string_equal(out, "");
    memset(longest, 'x', sizeof(longest));
    tls_reason_of(longest, sizeof(longest), out);
    assert_int_equal(strlen(out), TLS_REASON_SIZE - 1);
    assert_null(tls_reason_words(""));
    assert_null(tls_reason_words("wrong version number")); /* plain MQTT, mostly */
}

static void answers_about_credentials_name_their_options(void **state)
{
    static const int reasons[] = {0x86, 0x87, 0x8c};

    (void)state;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        assert_non_null(strstr(link_hint(reasons[i]), "mqtt.username"));
        assert_non_null(strstr(link_hint(reasons[i]), "mqtt.password_file"));
    }
    assert_non_null(strstr(link_hint(LINK_TAKEN_OVER), "gateway.name"));
    assert_null(strstr(link_hint(-1), "password"));
    assert_null(strstr(link_hint(0x88), "password"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(what_listens_there_is_looked_at),
        T(what_hangs_is_told_after_a_while),
        T(an_unknown_host_is_named),
        T(who_stops_is_not_kept_waiting),
        T(files_that_cannot_be_used_are_named),
        cmocka_unit_test(the_text_of_openssl_is_taken_apart),
        cmocka_unit_test(answers_about_credentials_name_their_options),
    };
    return cmocka_run_group_tests_name("drivers/mqtt_diagnosis", tests, NULL, NULL);
}
