/* SPDX-License-Identifier: Apache-2.0 */
/* The floor beneath the whole path: the same requests and messages with the bare libraries and
 * nothing behind them. Started by bench_path.py, which compares.
 *
 *   bench-floor modbus PORT UNITS ADDRESSES STEP COUNT SECONDS
 *   bench-floor devices PORT DEVICES COUNT SECONDS
 *   bench-floor mqtt HOST:PORT QOS MESSAGES
 *   bench-floor latency HOST:PORT PUBLISH-TOPIC SUBSCRIBE-TOPIC ROUNDS PAUSE-MS
 */
#include "tests/bench/bench.h"

#include "gateway/core/clock.h"

#include <MQTTAsync.h>
#include <modbus.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PATIENCE_US (20 * US_PER_SECOND)
#define TICK_US 20 /* of waiting: below what is measured */

static void die(const char *what)
{
    fprintf(stderr, "bench-floor: %s\n", what);
    exit(1);
}

/* Units 1 … units in turn; of each `count` holding registers from 1000, 1000 + step, … */
static int modbus(char **arg)
{
    int port = atoi(arg[0]), units = atoi(arg[1]), addresses = atoi(arg[2]), step = atoi(arg[3]),
        count = atoi(arg[4]);
    double seconds = atof(arg[5]), start = bench_now(), cpu = bench_cpu();
    modbus_t *ctx = modbus_new_tcp("127.0.0.1", port);
    uint16_t registers[MODBUS_MAX_READ_REGISTERS];
    unsigned requests = 0;

    if (!ctx || modbus_connect(ctx) != 0)
        die("no connection to the slave");
    while (bench_now() - start < seconds) {
        for (int i = 0; i < units * addresses; i++) {
            modbus_set_slave(ctx, 1 + i / addresses);
            if (modbus_read_registers(ctx, 1000 + i % addresses * step, count, registers) != count)
                die("the slave did not answer");
            requests++;
        }
    }
    double took = bench_now() - start;
    printf("requests=%u seconds=%.3f cpu=%.3f\n", requests, took, bench_cpu() - cpu);
    modbus_close(ctx);
    modbus_free(ctx);
    return 0;
}

#define DEVICES_MAX 120

/* The devices are 127.0.0.1, 127.0.0.2 … with a connection each, asked in turn for `count` holding
 * registers from 1000. */
static int devices(char **arg)
{
    int port = atoi(arg[0]), n = atoi(arg[1]), count = atoi(arg[2]);
    modbus_t *ctx[DEVICES_MAX];
    uint16_t registers[MODBUS_MAX_READ_REGISTERS];
    unsigned requests = 0;

    for (int i = 0; i < n && i < DEVICES_MAX; i++) {
        char host[32];
        snprintf(host, sizeof(host), "127.0.0.%d", i + 1);
        ctx[i] = modbus_new_tcp(host, port);
        if (!ctx[i] || modbus_connect(ctx[i]) != 0 || modbus_set_slave(ctx[i], 1) != 0)
            die("no connection to a device");
    }
    double seconds = atof(arg[3]), start = bench_now(), cpu = bench_cpu();
    while (bench_now() - start < seconds) {
        for (int i = 0; i < n && i < DEVICES_MAX; i++) {
            if (modbus_read_registers(ctx[i], 1000, count, registers) != count)
                die("a device did not answer");
            requests++;
        }
    }
    double took = bench_now() - start;
    printf("requests=%u seconds=%.3f cpu=%.3f\n", requests, took, bench_cpu() - cpu);
    for (int i = 0; i < n && i < DEVICES_MAX; i++) {
        modbus_close(ctx[i]);
        modbus_free(ctx[i]);
    }
    return 0;
}

static struct {
    MQTTAsync client;
    atomic_int up;
    atomic_uint messages;
    const char *filter;
    int qos;
} mqtt;

static void on_subscribed(void *arg, MQTTAsync_successData5 *data)
{
    (void)arg;
    (void)data;
    atomic_store(&mqtt.up, 1);
}

static void on_connected(void *arg, MQTTAsync_successData5 *data)
{
    MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;

    (void)arg;
    (void)data;
    options.onSuccess5 = on_subscribed;
    MQTTAsync_subscribe(mqtt.client, mqtt.filter, mqtt.qos, &options);
}

static int on_message(void *arg, char *topic, int length, MQTTAsync_message *message)
{
    (void)arg;
    (void)length;
    /* What was retained before is not the answer to anything. */
    if (!message->retained)
        atomic_fetch_add(&mqtt.messages, 1);
    MQTTAsync_freeMessage(&message);
    MQTTAsync_free(topic);
    return 1;
}

static void subscribe(const char *broker, const char *filter, int qos)
{
    MQTTAsync_createOptions create = MQTTAsync_createOptions_initializer5;
    MQTTAsync_connectOptions options = MQTTAsync_connectOptions_initializer5;
    char url[200], id[40];

    snprintf(url, sizeof(url), "tcp://%s", broker);
    snprintf(id, sizeof(id), "bench-floor-%d", (int)getpid());
    mqtt.filter = filter;
    mqtt.qos = qos;
    options.onSuccess5 = on_connected;
    if (MQTTAsync_createWithOptions(&mqtt.client, url, id, MQTTCLIENT_PERSISTENCE_NONE, NULL,
                                    &create) != MQTTASYNC_SUCCESS ||
        MQTTAsync_setCallbacks(mqtt.client, NULL, NULL, on_message, NULL) != MQTTASYNC_SUCCESS ||
        MQTTAsync_connect(mqtt.client, &options) != MQTTASYNC_SUCCESS)
        die("no connection to the broker");
    for (int64_t waited = 0; !atomic_load(&mqtt.up); waited += US_PER_MS) {
        if (waited > PATIENCE_US)
            die("no subscription");
        clock_sleep_us(US_PER_MS);
    }
    printf("ready\n");
}

static int count_messages(char **arg)
{
    unsigned wanted = (unsigned)atoi(arg[2]);
    double begin, last;

    subscribe(arg[0], "sim/#", atoi(arg[1]));
    while (atomic_load(&mqtt.messages) == 0)
        clock_sleep_us(US_PER_MS);
    begin = last = bench_now();
    for (unsigned seen = 0, now; (now = atomic_load(&mqtt.messages)) < wanted; seen = now) {
        if (now != seen)
            last = bench_now();
        else if (bench_now() - last > (double)PATIENCE_US / 1e6)
            break;
        clock_sleep_us(US_PER_MS);
    }
    printf("messages=%u seconds=%.3f cpu=%.3f\n", atomic_load(&mqtt.messages), bench_now() - begin,
           bench_cpu());
    return 0;
}

/* Publishes 100 and 0 in turn, and prints how many µs later each is answered. */
static int latency(char **arg)
{
    int rounds = atoi(arg[3]), pause_ms = atoi(arg[4]);

    subscribe(arg[0], arg[2], 1);
    for (int i = 0; i < rounds; i++) {
        MQTTAsync_responseOptions options = MQTTAsync_responseOptions_initializer;
        const char *value = i % 2 ? "0" : "100";
        unsigned before = atomic_load(&mqtt.messages);
        int64_t start = clock_mono_us();

        MQTTAsync_send(mqtt.client, arg[1], (int)strlen(value), value, 1, 0, &options);
        while (atomic_load(&mqtt.messages) == before) {
            if (clock_mono_us() - start > PATIENCE_US)
                die("no answer");
            clock_sleep_us(TICK_US);
        }
        printf("%lld\n", (long long)(clock_mono_us() - start));
        clock_sleep_us(pause_ms * US_PER_MS);
    }
    return 0;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 8 && strcmp(argv[1], "modbus") == 0)
        return modbus(argv + 2);
    if (argc == 6 && strcmp(argv[1], "devices") == 0)
        return devices(argv + 2);
    if (argc == 5 && strcmp(argv[1], "mqtt") == 0)
        return count_messages(argv + 2);
    if (argc == 7 && strcmp(argv[1], "latency") == 0)
        return latency(argv + 2);
    fprintf(stderr, "bench-floor: started by bench_path.py; the arguments stand in its source\n");
    return 2;
}
