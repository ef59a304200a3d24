/* SPDX-License-Identifier: Apache-2.0 */
/* The client against a real mosquitto: brokers that are absent, restarted, hanging, or say no. */
#include "drivers/mqtt/client.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "tests/support/own_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define PATIENCE_US (120 * US_PER_SECOND)
#define STOP_US (20 * US_PER_SECOND) /* promised: about 2 s; the rest is for a busy machine */
#define UNANSWERED 1000

struct bench {
    char folder[64], conf[96], host[16], url[64];
    pid_t broker;
    struct mqtt_section mqtt;
    struct mqtt_client *client;
    atomic_int connects, losses;
    atomic_int received;
    char last[64]; /* written before `received` */
    atomic_int answers[8], answered;
};

static int free_port(void)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr = {own_address()}};
    socklen_t size = sizeof(a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, size), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &size), 0);
    close(fd);
    return ntohs(a.sin_port);
}

static bool listens(int port)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {own_address()}};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    bool is_up = connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;

    close(fd);
    return is_up;
}

static void start_broker(struct bench *b)
{
    b->broker = fork();
    if (b->broker == 0) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        execl("/usr/sbin/mosquitto", "mosquitto", "-c", b->conf, (char *)NULL);
        _exit(127);
    }
    assert_true(b->broker > 0);
    for (int i = 0; i < 12000 && !listens(b->mqtt.port); i++)
        clock_sleep_us(10 * US_PER_MS);
    assert_true(listens(b->mqtt.port));
}

static void stop_broker(struct bench *b)
{
    if (b->broker <= 0)
        return;
    kill(b->broker, SIGKILL);
    waitpid(b->broker, NULL, 0);
    b->broker = 0;
}

static void write_file(const struct bench *b, const char *name, const char *text)
{
    char path[160];

    snprintf(path, sizeof(path), "%s/%s", b->folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
    chmod(path, 0644);
}

static void on_connection(void *arg, bool connected)
{
    struct bench *b = arg;

    atomic_fetch_add(connected ? &b->connects : &b->losses, 1);
}

static void on_message(void *arg, const struct mqtt_message *m)
{
    struct bench *b = arg;

    snprintf(b->last, sizeof(b->last), "%.*s", (int)m->length, m->payload);
    atomic_fetch_add(&b->received, 1);
}

static void on_published(void *arg, int64_t cookie, int reason)
{
    struct bench *b = arg;

    atomic_store(&b->answers[cookie], reason);
    atomic_fetch_add(&b->answered, 1);
}

static int setup(void **state)
{
    struct bench *b = calloc(1, sizeof(*b));
    char text[400];

    assert_non_null(b);
    strcpy(b->folder, "/tmp/sensorgw-mqtt-XXXXXX");
    assert_non_null(mkdtemp(b->folder));
    chmod(b->folder, 0755); /* mosquitto may run as a user of its own */
    struct in_addr own = {own_address()};
    assert_non_null(inet_ntop(AF_INET, &own, b->host, sizeof(b->host)));
    b->mqtt = (struct mqtt_section){
        .present = true, .host = b->host, .port = free_port(), .keepalive_us = US_PER_MINUTE};
    snprintf(b->url, sizeof(b->url), "mqtt://%s:%d", b->host, b->mqtt.port);
    b->mqtt.url = b->url;
    snprintf(b->conf, sizeof(b->conf), "%s/mosquitto.conf", b->folder);
    snprintf(text, sizeof(text),
             "listener %d %s\nallow_anonymous true\npersistence false\nacl_file %s/acl\n",
             b->mqtt.port, b->host, b->folder);
    write_file(b, "mosquitto.conf", text);
    write_file(b, "acl", "topic readwrite open/#\ntopic read status\n");
    for (size_t i = 0; i < 8; i++)
        atomic_init(&b->answers[i], UNANSWERED);
    assert_int_equal(
        mqtt_client_create(&b->client, &(struct mqtt_client_options){.mqtt = &b->mqtt,
                                                                     .client_id = "test",
                                                                     .on_connection = on_connection,
                                                                     .arg = b}),
        GW_OK);
    *state = b;
    return 0;
}

static int teardown(void **state)
{
    struct bench *b = *state;
    char command[128];

    mqtt_client_destroy(b->client);
    stop_broker(b);
    snprintf(command, sizeof(command), "rm -rf %s", b->folder);
    int status = system(command);
    free(b);
    return status;
}

static void wait_for(const atomic_int *counter, int least)
{
    int64_t end = clock_mono_us() + PATIENCE_US;

    while (atomic_load(counter) < least && clock_mono_us() < end)
        clock_sleep_us(5 * US_PER_MS);
    assert_true(atomic_load(counter) >= least);
}

/* The broker's answer to that cookie. */
static int answer(struct bench *b, int cookie)
{
    int64_t end = clock_mono_us() + PATIENCE_US;

    while (atomic_load(&b->answers[cookie]) == UNANSWERED && clock_mono_us() < end)
        clock_sleep_us(5 * US_PER_MS);
    return atomic_load(&b->answers[cookie]);
}

static enum gw_err publish(struct bench *b, const char *topic, const char *text, int cookie)
{
    return mqtt_client_publish(b->client, topic, text, strlen(text), 1, false, on_published, b,
                               cookie);
}

/* Until it says that this keeps it from the broker, and that this is to do. */
static void wait_for_trouble(struct bench *b, const char *text, const char *hint)
{
    int64_t end = clock_mono_us() + PATIENCE_US;
    char is[200];
    const char *to_do = "";

    while (mqtt_client_trouble(b->client, is, sizeof(is), &to_do), !strstr(is, text)) {
        if (clock_mono_us() > end)
            fail_msg("%s", is);
        clock_sleep_us(5 * US_PER_MS);
    }
    assert_non_null(strstr(to_do, hint));
}

static void a_broker_that_comes_late_is_found_and_what_is_sent_comes_back(void **state)
{
    struct bench *b = *state;
    unsigned id;
    char text[64];
    const char *hint = "none";

    assert_int_equal(mqtt_client_subscribe(b->client, "open/+", 1, on_message, b, &id), GW_OK);
    assert_int_equal(mqtt_client_start(b->client), GW_OK);
    assert_int_equal(publish(b, "open/x", "early", 0), GW_ECONN);
    assert_false(mqtt_client_connected(b->client));
    wait_for_trouble(b, "connection refused", "look whether the broker runs");
    start_broker(b);
    wait_for(&b->connects, 1);
    assert_false(mqtt_client_trouble(b->client, text, sizeof(text), &hint));
    assert_string_equal(hint, "none");
    assert_true(mqtt_client_connected(b->client));
    assert_int_equal(publish(b, "open/x", "late", 1), GW_OK);
    assert_int_equal(answer(b, 1), 0);
    wait_for(&b->received, 1);
    assert_string_equal(b->last, "late");
    mqtt_client_unsubscribe(b->client, id);
    assert_int_equal(publish(b, "open/x", "unheard", 2), GW_OK);
    assert_true(answer(b, 2) >= 0);
    assert_int_equal(atomic_load(&b->received), 1);
    assert_int_equal(atomic_load(&b->answers[0]), UNANSWERED);
}

static void a_restarted_broker_gets_the_subscriptions_again(void **state)
{
    struct bench *b = *state;
    unsigned id;

    start_broker(b);
    assert_int_equal(mqtt_client_subscribe(b->client, "open/#", 1, on_message, b, &id), GW_OK);
    assert_int_equal(mqtt_client_start(b->client), GW_OK);
    wait_for(&b->connects, 1);
    stop_broker(b); /* kept nothing: persistence is off */
    wait_for(&b->losses, 1);
    assert_false(mqtt_client_connected(b->client));
    start_broker(b);
    wait_for(&b->connects, 2);
    assert_int_equal(publish(b, "open/y", "again", 0), GW_OK);
    assert_int_equal(answer(b, 0), 0);
    wait_for(&b->received, 1);
    assert_string_equal(b->last, "again");
}

static void the_answer_says_what_the_broker_thinks(void **state)
{
    struct bench *b = *state;

    start_broker(b);
    assert_int_equal(mqtt_client_start(b->client), GW_OK);
    wait_for(&b->connects, 1);
    assert_int_equal(publish(b, "open/nobody", "x", 0), GW_OK);
    assert_int_equal(publish(b, "closed/topic", "x", 1), GW_OK);
    assert_in_range(answer(b, 0), 0, 0x7f); /* Paho does not pass on 0x10, "no subscribers" */
    assert_int_equal(answer(b, 1), 0x87);   /* not authorized */
    assert_true(mqtt_client_connected(b->client));
}

/* Sent, it would cost the connection, and each one after it once more. */
static void what_is_larger_than_the_broker_takes_is_refused_here(void **state)
{
    struct bench *b = *state;
    char conf[400], text[89];

    snprintf(conf, sizeof(conf), "listener %d %s\nallow_anonymous true\nmax_packet_size 100\n",
             b->mqtt.port, b->host);
    write_file(b, "mosquitto.conf", conf);
    start_broker(b);
    assert_int_equal(mqtt_client_start(b->client), GW_OK);
    wait_for(&b->connects, 1);
    memset(text, 'x', sizeof(text));
    text[88] = '\0';
    assert_int_equal(publish(b, "open/x", text, 0), GW_OK); /* 13 bytes more: 101 */
    assert_int_equal(answer(b, 0), 0x95);
    assert_int_equal(publish(b, "open/x", text + 1, 1), GW_OK);
    assert_in_range(answer(b, 1), 0, 0x7f);
    assert_int_equal(atomic_load(&b->losses), 0);
}

static void what_a_hanging_broker_never_answered_is_told_at_the_end(void **state)
{
    struct bench *b = *state;

    start_broker(b);
    assert_int_equal(mqtt_client_start(b->client), GW_OK);
    wait_for(&b->connects, 1);
    kill(b->broker, SIGSTOP);
    assert_int_equal(publish(b, "open/x", "x", 0), GW_OK);
    int64_t begun = clock_mono_us();
    mqtt_client_stop(b->client);
    assert_true(clock_mono_us() - begun < STOP_US);
    assert_int_equal(atomic_load(&b->answers[0]), -1);
    assert_int_equal(publish(b, "open/x", "x", 1), GW_ECONN);
    mqtt_client_stop(b->client); /* idempotent */
    kill(b->broker, SIGCONT);
}

static void as_many_as_fit_are_queued_and_each_is_answered(void **state)
{
    struct bench *b = *state;
    int queued = 0;

    start_broker(b);
    assert_int_equal(mqtt_client_start(b->client), GW_OK);
    wait_for(&b->connects, 1);
    kill(b->broker, SIGSTOP);
    while (queued < 1000 && publish(b, "open/x", "x", queued % 8) == GW_OK)
        queued++;
    assert_int_equal(queued, 64);
    kill(b->broker, SIGCONT);
    wait_for(&b->answered, queued);
    for (int i = 0; i < 8; i++)
        assert_in_range(answer(b, i), 0, 0x7f);
    assert_int_equal(atomic_load(&b->answered), queued);
}

static void a_wrong_password_is_tried_again(void **state)
{
    struct bench *b = *state;
    char text[400], name[] = "me", password[] = "wrong";
    static const char users[] = "";

    snprintf(text, sizeof(text), "listener %d %s\nallow_anonymous false\npassword_file %s/users\n",
             b->mqtt.port, b->host, b->folder);
    write_file(b, "mosquitto.conf", text);
    write_file(b, "users", users);
    start_broker(b);
    b->mqtt.username = name;
    b->mqtt.password = password;
    assert_int_equal(mqtt_client_start(b->client), GW_OK);
    wait_for_trouble(b, "not authorized", "mqtt.password_file");
    assert_int_equal(atomic_load(&b->connects), 0);
    stop_broker(b);
    snprintf(text, sizeof(text), "listener %d %s\nallow_anonymous true\n", b->mqtt.port, b->host);
    write_file(b, "mosquitto.conf", text); /* somebody mends it */
    start_broker(b);
    wait_for(&b->connects, 1);
}

/* mosquitto 2.0.11 gives no reason. */
static void two_of_one_id_are_told_so(void **state)
{
    struct bench *b = *state;
    struct mqtt_client *twin;

    start_broker(b);
    assert_int_equal(mqtt_client_create(&twin, &(struct mqtt_client_options){.mqtt = &b->mqtt,
                                                                             .client_id = "test"}),
                     GW_OK);
    assert_int_equal(mqtt_client_start(b->client), GW_OK);
    wait_for(&b->connects, 1);
    assert_int_equal(mqtt_client_start(twin), GW_OK);
    wait_for_trouble(b, "another client uses the id test", "gateway.name");
    wait_for(&b->connects, 4); /* it is not forgotten with the next connection */
    wait_for_trouble(b, "another client uses the id test", "gateway.name");
    mqtt_client_destroy(twin);
}

static void swallow(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    (void)line;
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(a_broker_that_comes_late_is_found_and_what_is_sent_comes_back),
        T(a_restarted_broker_gets_the_subscriptions_again),
        T(the_answer_says_what_the_broker_thinks),
        T(what_is_larger_than_the_broker_takes_is_refused_here),
        T(what_a_hanging_broker_never_answered_is_told_at_the_end),
        T(as_many_as_fit_are_queued_and_each_is_answered),
        T(a_wrong_password_is_tried_again),
        T(two_of_one_id_are_told_so),
    };
    log_set_sink(swallow, NULL);
    return cmocka_run_group_tests_name("drivers/mqtt_client", tests, NULL, NULL);
}
