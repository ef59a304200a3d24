/* SPDX-License-Identifier: Apache-2.0 */
/* What every driver of registry.def must keep, whatever it speaks. A new driver needs a row in
 * `samples`, which names something that is not there. */
#include "drivers/driver.h"
#include "drivers/mqtt/client.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define MQTT "mqtt: {url: 'mqtt://127.0.0.1:1'}\n"

static const struct {
    const char *driver, *text;
} samples[] = {
    {"modbus", "sources: [{name: x, driver: modbus, address: '127.0.0.1:1', every: 50ms,"
               " timeout: 50ms, devices: [{name: d, sensors: [{name: s, holding: 1}]}]}]\n"},
    {"serial", "sources: [{name: x, driver: serial, port: /dev/nowhere, every: 50ms, split: ',',"
               " sensors: [{name: s, field: 1}]}]\n"},
    {"mqtt", MQTT "sources: [{name: x, driver: mqtt, topic: a/+,"
                  " sensors: [{name: '{1}'}, {name: s}]}]\n"},
    {"file", "sources: [{name: x, driver: file, every: 50ms,"
             " sensors: [{name: s, path: /nowhere/at/all}]}]\n"},
};

static const char *sample_of(const char *driver)
{
    for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
        if (strcmp(samples[i].driver, driver) == 0)
            return samples[i].text;
    }
    fail_msg("driver %s has no sample in this test", driver);
    return NULL;
}

static void swallow(void *arg, enum log_level level, const char *line)
{
    (void)arg;
    (void)level;
    (void)line;
}

static size_t open_descriptors(void)
{
    DIR *d = opendir("/proc/self/fd");
    size_t n = 0;

    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

/* Rows of a table are complete, and defaults keep their own limits and choices: config_parse()
 * takes them the same way as what a user writes. */
static void check_table(const char *driver, const struct option *table)
{
    for (const struct option *o = table; o && o->key; o++) {
        if (!o->help || strlen(o->help) < 10)
            fail_msg("%s: %s has no help", driver, o->key);
        if (o->min > o->max)
            fail_msg("%s: %s: min is above max", driver, o->key);
        if (o->type == OPTION_ENUM && (!o->choices || !o->choices[0]))
            fail_msg("%s: %s has no choices", driver, o->key);
        if (o->type == OPTION_TABLE)
            check_table(driver, o->table);
        for (const struct option *other = table; other != o; other++) {
            if (strcmp(other->key, o->key) == 0)
                fail_msg("%s: %s is there twice", driver, o->key);
        }
    }
}

static void tables_are_well_formed(void **state)
{
    size_t count;
    const struct driver *const *all = driver_all(&count);

    (void)state;
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        const struct driver_schema *s = &all[i]->schema;
        assert_non_null(s->name);
        assert_true(strlen(s->help) > 10);
        assert_ptr_equal(driver_find(s->name), all[i]);
        assert_non_null(all[i]->open);
        assert_non_null(all[i]->close);
        assert_non_null(all[i]->describe);
        assert_int_equal(s->polled, all[i]->poll != NULL);
        check_table(s->name, s->source_options);
        check_table(s->name, s->device_options);
        check_table(s->name, s->sensor_options);
    }
    assert_null(driver_find("nonsense"));
}

struct bench {
    struct config *config;
    struct sensor_table *sensors;
    struct ledger *ledger;
    struct queue *queue;
    struct mqtt_client *client;
    struct source_env env;
};

static void add_sensors(struct bench *b)
{
    const struct sensor_config *c;

    for (size_t i = 0; (c = source_sensor(&b->config->sources[0], i)); i++) {
        const struct sensor s = {.name = c->name, .unit = c->unit, .device = ""};
        uint32_t index;
        if (c->index != SENSOR_NONE)
            assert_int_equal(sensor_table_add(b->sensors, &s, &index), GW_OK);
    }
}

static void set_up(struct bench *b, const char *driver)
{
    size_t count;
    const struct driver_schema *const *schemas = driver_schemas(&count);
    struct config_errors errors;
    const char *text = sample_of(driver);

    memset(b, 0, sizeof(*b));
    if (config_parse("t.yaml", text, strlen(text), schemas, count, &b->config, &errors) != GW_OK) {
        config_errors_print(&errors, "t.yaml", stderr);
        fail_msg("%s: the sample is refused", driver);
    }
    assert_int_equal(sensor_table_create(&b->sensors, b->config->sensor_limit), GW_OK);
    add_sensors(b);
    assert_int_equal(ledger_create(&b->ledger, 1), GW_OK);
    assert_int_equal(queue_create(&b->queue, 1, 1024, sizeof(struct reading)), GW_OK);
    if (b->config->mqtt.present)
        assert_int_equal(
            mqtt_client_create(&b->client,
                               &(struct mqtt_client_options){.mqtt = &b->config->mqtt,
                                                             .client_id = "sensorgw-conformance"}),
            GW_OK);
    b->env = (struct source_env){.queue = b->queue,
                                 .sensors = b->sensors,
                                 .ledger = b->ledger,
                                 .mqtt = b->client,
                                 .push_timeout_ms = 10};
}

static void tear_down(struct bench *b)
{
    mqtt_client_destroy(b->client);
    queue_destroy(b->queue);
    ledger_destroy(b->ledger);
    sensor_table_destroy(b->sensors);
    config_free(b->config);
}

/* A source whose other side is absent runs, is stopped within its bound, leaves no descriptor
 * behind, gives no good reading, and its books say what is in the queue. */
static void an_absent_other_side_is_survived(void **state)
{
    size_t count;
    const struct driver *const *all = driver_all(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct bench b;
        struct source *s;
        struct reading readings[64];
        size_t n = 0;

        set_up(&b, all[i]->schema.name);
        size_t before = open_descriptors();
        assert_int_equal(source_create(&s, &b.config->sources[0], &b.env), GW_OK);
        assert_int_equal(source_start(s), GW_OK);
        if (all[i]->poll)
            assert_int_equal(queue_pop(b.queue, 0, readings, 64, 60000, &n), GW_OK);
        int64_t asked = clock_mono_us();
        source_stop(s);
        assert_true(clock_mono_us() - asked < 20 * US_PER_SECOND); /* promised: 5 s */
        for (size_t k = 0; k < n; k++)
            assert_int_not_equal(readings[k].quality, QUALITY_GOOD);
        assert_int_equal(open_descriptors(), before);
        n += queue_depth(b.queue);
        assert_int_equal(ledger_get(b.ledger, 0).accepted, n);
        source_destroy(s);
        tear_down(&b);
    }
}

static void it_can_be_stopped_before_it_began(void **state)
{
    size_t count;
    const struct driver *const *all = driver_all(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct bench b;
        struct source *s;
        set_up(&b, all[i]->schema.name);
        assert_int_equal(source_create(&s, &b.config->sources[0], &b.env), GW_OK);
        source_stop(s);
        source_stop(s);
        source_destroy(s);
        tear_down(&b);
    }
}

static void what_will_run_is_described(void **state)
{
    size_t count;
    const struct driver *const *all = driver_all(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct bench b;
        char *text;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        set_up(&b, all[i]->schema.name);
        all[i]->describe(&b.config->sources[0], f);
        fclose(f);
        assert_true(size > 10);
        assert_true(strncmp(text, "  ", 2) == 0 && text[size - 1] == '\n');
        free(text);
        tear_down(&b);
    }
}

static int quiet(void **state)
{
    (void)state;
    log_set_sink(swallow, NULL);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tables_are_well_formed),
        cmocka_unit_test(an_absent_other_side_is_survived),
        cmocka_unit_test(it_can_be_stopped_before_it_began),
        cmocka_unit_test(what_will_run_is_described),
    };

    return cmocka_run_group_tests(tests, quiet, NULL);
}
