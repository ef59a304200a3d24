/* SPDX-License-Identifier: Apache-2.0 */
/* What right files become. */
#include "gateway/core/sensor.h"
#include "tests/config/fixture.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define SMALL                                                                                      \
    "sources:\n"                                                                                   \
    "  - name: a\n"                                                                                \
    "    driver: bus\n"                                                                            \
    "    port: /dev/x\n"                                                                           \
    "    devices:\n"                                                                               \
    "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n"

static struct config *parse(const char *text)
{
    struct config *config = NULL;
    struct config_errors errors;

    if (fixture_parse(text, &config, &errors) != GW_OK) {
        config_errors_print(&errors, "t.yaml", stderr);
        config_errors_free(&errors);
        fail_msg("refused: %s", text);
    }
    return config;
}

static void what_is_left_out_has_a_default(void **state)
{
    struct config *c = parse(SMALL);
    char host[256] = "";

    (void)state;
    gethostname(host, sizeof(host) - 1);
    assert_string_equal(c->gateway.name, sensor_name_problem(host) ? "gateway" : host);
    assert_int_equal(c->gateway.workers, 2);
    assert_int_equal(c->gateway.queue, 65536);
    assert_int_equal(c->gateway.log.level, LOG_LEVEL_INFO);
    assert_false(c->mqtt.present);
    assert_string_equal(c->storage.path, "/var/lib/sensorgw/sensorgw.db");
    assert_int_equal(c->storage.flush_us, 5000000);
    assert_int_equal(c->storage.retention.raw_us, INT64_C(30) * 86400 * 1000000);
    assert_int_equal(c->storage.retention.minute_us, INT64_C(365) * 86400 * 1000000);
    assert_int_equal(c->storage.retention.hour_us, INT64_C(3650) * 86400 * 1000000);
    assert_int_equal(c->storage.max_size, INT64_C(2000000000));
    assert_true(c->http.enabled);
    assert_string_equal(c->http.host, "127.0.0.1");
    assert_int_equal(c->http.port, 8080);
    assert_int_equal(c->rule_count, 0);
    const struct sensor_config *s = &c->sources[0].devices[0].sensors[0];
    assert_string_equal(s->name, "d/s");
    assert_string_equal(s->unit, "");
    assert_int_equal(s->index, 0);
    assert_int_equal(s->every_us, 10000000);
    assert_true(s->scale == 1 && s->offset == 0 && isnan(s->min) && isnan(s->max));
    config_free(c);
}

static void every_section_is_read(void **state)
{
    struct config *c = parse(SMALL "gateway: {name: plant-1, workers: 4, queue: 2048,"
                                   " log: {level: debug, format: json}}\n"
                                   "mqtt: {url: 'mqtts://[::1]:9000', prefix: a/b, keepalive: 1m,"
                                   " publish_readings: changes, home_assistant: true}\n"
                                   "storage: {path: data/x.db, flush: 1h, max_size: 1GiB,"
                                   " retention: {raw: 7d, hour: 0s}}\n"
                                   "http: off\n");

    (void)state;
    assert_string_equal(c->gateway.name, "plant-1");
    assert_int_equal(c->gateway.workers, 4);
    assert_int_equal(c->gateway.log.level, LOG_LEVEL_DEBUG);
    assert_int_equal(c->gateway.log.format, LOG_FORMAT_JSON);
    assert_true(c->mqtt.present && c->mqtt.tls && c->mqtt.home_assistant);
    assert_string_equal(c->mqtt.host, "::1");
    assert_int_equal(c->mqtt.port, 9000);
    assert_int_equal(c->mqtt.publish_readings, PUBLISH_CHANGES);
    assert_int_equal(c->mqtt.keepalive_us, 60000000);
    assert_string_equal(c->storage.path, "./data/x.db"); /* beside the file */
    assert_int_equal(c->storage.max_size, INT64_C(1) << 30);
    assert_int_equal(c->storage.retention.hour_us, 0);
    assert_int_equal(c->storage.retention.minute_us, INT64_C(365) * 86400 * 1000000);
    assert_false(c->http.enabled);
    config_free(c);
}

static void the_nearest_every_wins(void **state)
{
    struct config *c =
        parse("sources:\n"
              "  - name: a\n"
              "    driver: bus\n"
              "    port: /dev/x\n"
              "    every: 2s\n"
              "    devices:\n"
              "      - {name: d, unit_id: 1, every: 1m, sensors: [{name: s, holding: 1},\n"
              "         {name: t, holding: 2, every: 500ms}]}\n"
              "      - {name: e, unit_id: 2, sensors: [{name: s, input: 0x10}]}\n");
    const struct source_config *s = &c->sources[0];

    (void)state;
    assert_int_equal(s->devices[0].sensors[0].every_us, 60000000);
    assert_int_equal(s->devices[0].sensors[1].every_us, 500000);
    assert_int_equal(s->devices[1].sensors[0].every_us, 2000000);
    assert_int_equal(((struct bus_sensor *)s->devices[1].sensors[0].options)->input, 16);
    assert_int_equal(((struct bus_sensor *)s->devices[1].sensors[0].options)->holding,
                     OPTION_UNSET);
    assert_int_equal(s->devices[1].sensors[0].index, 2);
    config_free(c);
}

static void a_template_comes_before_the_devices_own_sensors(void **state)
{
    struct config *c =
        parse("templates:\n"
              "  pump: {sensors: [{name: current, input: 8, unit: A}, {name: hours, input: 9}]}\n"
              "sources:\n"
              "  - name: a\n"
              "    driver: bus\n"
              "    port: /dev/x\n"
              "    devices:\n"
              "      - {name: p1, unit_id: 1, template: pump}\n"
              "      - {name: p2, unit_id: 2, template: pump, sensors: [{name: x, holding: 1}]}\n");

    (void)state;
    assert_int_equal(c->sensor_count, 5);
    assert_string_equal(c->sources[0].devices[0].sensors[0].name, "p1/current");
    assert_string_equal(c->sources[0].devices[1].sensors[1].name, "p2/hours");
    assert_string_equal(c->sources[0].devices[1].sensors[2].name, "p2/x");
    assert_int_equal(c->sources[0].devices[1].sensors[2].index, 4);
    config_free(c);
}

static void wildcard_sensors_have_no_index_but_count_for_the_limit(void **state)
{
    (void)state;
    struct config *c = parse("mqtt: {url: mqtt://h}\n"
                             "sources:\n"
                             "  - {name: p, driver: push, topic: a/+/b, max_sensors: 50,"
                             " sensors: [{name: '{1}/humidity'}, {name: fixed}]}\n"
                             "rules: [{name: dry, sensor: p/*/humidity, low: {warning: 20}}]\n");
    assert_int_equal(c->sources[0].devices[0].sensors[0].index, SENSOR_NONE);
    assert_string_equal(c->sources[0].devices[0].sensors[0].name, "p/{1}/humidity");
    assert_int_equal(c->sources[0].devices[0].sensors[1].index, 0);
    assert_int_equal(c->sensor_count, 1);
    assert_int_equal(c->sensor_limit, 51);
    config_free(c);
}

static void rules_have_their_kind_and_limits(void **state)
{
    struct config *c =
        parse(SMALL "rules:\n"
                    "  - {name: hot, sensor: d/s, high: {warning: 75, critical: 85},"
                    " low: {critical: -5}, hysteresis: 2, for: 30s}\n"
                    "  - {name: silent, sensor: '*', stale: 60s, severity: critical}\n"
                    "  - {name: spike, sensor: 'd/?', rate: {warning: 5}, per: 1m}\n");
    const struct rule_config *r = c->rules;

    (void)state;
    assert_int_equal(r[0].kind, RULE_LEVEL);
    assert_true(isnan(r[0].high[SEVERITY_NONE]));
    assert_true(r[0].high[SEVERITY_WARNING] == 75 && r[0].high[SEVERITY_CRITICAL] == 85);
    assert_true(isnan(r[0].low[SEVERITY_WARNING]) && r[0].low[SEVERITY_CRITICAL] == -5);
    assert_true(isnan(r[0].rate[SEVERITY_WARNING]));
    assert_true(r[0].hysteresis == 2);
    assert_int_equal(r[0].for_us, 30000000);
    assert_int_equal(r[1].kind, RULE_STALE);
    assert_int_equal(r[1].stale_us, 60000000);
    assert_int_equal(r[1].severity, SEVERITY_CRITICAL);
    assert_int_equal(r[2].kind, RULE_RATE);
    assert_true(r[2].rate[SEVERITY_WARNING] == 5);
    assert_int_equal(r[2].per_us, 60000000);
    config_free(c);
}

static void numbers_remember_how_they_were_written(void **state)
{
    struct config *c = parse("sources: [{name: a, driver: bus, port: /x, devices: [{name: d,"
                             " unit_id: 1, sensors: [{name: s, holding: 1,"
                             " invalid: [0x8000, -1, 2.5], scale: 1e-1, min: -40}]}]}]\n");
    const struct sensor_config *s = &c->sources[0].devices[0].sensors[0];

    (void)state;
    assert_int_equal(s->invalid.count, 3);
    assert_true(s->invalid.items[0].is_hex && s->invalid.items[0].integer == 0x8000);
    assert_true(!s->invalid.items[1].is_hex && s->invalid.items[1].integer == -1);
    assert_true(!s->invalid.items[2].is_integer && s->invalid.items[2].real == 2.5);
    assert_true(s->scale == 0.1 && s->min == -40);
    config_free(c);
}

static void texts_take_variables_of_the_environment(void **state)
{
    (void)state;
    setenv("SENSORGW_TEST_HOST", "broker.lan", 1);
    struct config *c = parse(SMALL "mqtt: {url: 'mqtt://${SENSORGW_TEST_HOST}:1884',"
                                   " client_id: 'a$${b}'}\n");
    assert_string_equal(c->mqtt.host, "broker.lan");
    assert_int_equal(c->mqtt.port, 1884);
    assert_string_equal(c->mqtt.client_id, "a${b}");
    config_free(c);
}

static void secrets_come_from_files(void **state)
{
    char name[] = "/tmp/sensorgw-secret-XXXXXX", text[512];
    int fd = mkstemp(name);

    (void)state;
    assert_true(write(fd, "s3 cret\n", 8) == 8);
    close(fd);
    snprintf(text, sizeof(text),
             SMALL "mqtt: {url: mqtt://h, username: u, password_file: %s}\n"
                   "http: {listen: '0.0.0.0:80', token_file: %s}\n",
             name, name);
    struct config *c = parse(text);
    assert_string_equal(c->mqtt.password, "s3 cret");
    assert_string_equal(c->http.token, "s3 cret");
    config_free(c);
    unlink(name);
}

static void the_credentials_folder_is_the_services_or_the_one_beside_the_file(void **state)
{
    static const char text[] =
        SMALL "mqtt: {url: mqtt://h, client_id: \"${CREDENTIALS_DIRECTORY}/ca\"}\n";

    (void)state;
    unsetenv("CREDENTIALS_DIRECTORY");
    struct config *c = parse(text);
    assert_string_equal(c->mqtt.client_id, "./credentials/ca");
    config_free(c);
    setenv("CREDENTIALS_DIRECTORY", "/run/credentials/x", 1);
    c = parse(text);
    assert_string_equal(c->mqtt.client_id, "/run/credentials/x/ca");
    config_free(c);
    unsetenv("CREDENTIALS_DIRECTORY");
}

static void an_anchor_can_be_used_twice(void **state)
{
    struct config *c =
        parse("sources:\n"
              "  - name: a\n"
              "    driver: bus\n"
              "    port: /dev/x\n"
              "    devices:\n"
              "      - {name: d, unit_id: 1, sensors: &all [{name: s, holding: 1}]}\n"
              "      - {name: e, unit_id: 2, sensors: *all}\n");
    (void)state;
    assert_string_equal(c->sources[0].devices[1].sensors[0].name, "e/s");
    config_free(c);
}

/* "Billion laughs": ten levels of ten aliases each are 10^10 values in 600 bytes. */
static void a_bomb_of_aliases_is_refused(void **state)
{
    char text[2000] = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
    struct config *config = NULL;
    struct config_errors errors;

    (void)state;
    for (int i = 1; i < 10; i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof(text) - n, "a%d: &a%d [", i, i);
        for (int k = 0; k < 10; k++) {
            n = strlen(text);
            snprintf(text + n, sizeof(text) - n, "%s*a%d", k ? ", " : "", i - 1);
        }
        n = strlen(text);
        snprintf(text + n, sizeof(text) - n, "]\n");
    }
    assert_int_equal(fixture_parse(text, &config, &errors), GW_ECONFIG);
    assert_int_equal(errors.count, 1);
    assert_string_equal(errors.items[0].text, "has too many values");
    config_errors_free(&errors);
}

static void deep_nesting_is_refused(void **state)
{
    static char text[4001];
    struct config *config = NULL;
    struct config_errors errors;

    (void)state;
    memset(text, '[', 4000);
    assert_int_equal(fixture_parse(text, &config, &errors), GW_ECONFIG);
    assert_string_equal(errors.items[0].text, "is nested too deeply");
    config_errors_free(&errors);
}

static void bytes_that_are_no_text_are_refused(void **state)
{
    static const char *const texts[] = {"gateway: {name: \xff\xfe}\n", "gateway: {name: \"\\0\"}\n",
                                        "\x7f\x45\x4c\x46\x02\x01"};
    struct config *config = NULL;
    struct config_errors errors;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(fixture_parse(texts[i], &config, &errors), GW_ECONFIG);
        assert_true(errors.count > 0);
        config_errors_free(&errors);
    }
}

static void no_more_than_a_hundred_errors_are_listed(void **state)
{
    static char text[20000] = SMALL "gateway: {";
    struct config *config = NULL;
    struct config_errors errors;

    (void)state;
    for (int i = 0; i < 150; i++) {
        size_t n = strlen(text);
        snprintf(text + n, sizeof(text) - n, "qq%d: 1, ", i);
    }
    strcat(text, "}\n");
    assert_int_equal(fixture_parse(text, &config, &errors), GW_ECONFIG);
    assert_int_equal(errors.count, 100);
    assert_true(errors.truncated);
    config_errors_free(&errors);
}

static void a_file_that_is_not_there_says_so(void **state)
{
    struct config *config = NULL;
    struct config_errors errors;

    (void)state;
    assert_int_equal(config_load("/nowhere/x.yaml", fixture_drivers, 2, &config, &errors),
                     GW_ENOENT);
    assert_string_equal(errors.items[0].text, "No such file or directory");
    config_errors_free(&errors);
    assert_int_not_equal(config_load("/tmp", fixture_drivers, 2, &config, &errors), GW_OK);
    assert_string_equal(errors.items[0].text, "Is a directory");
    config_errors_free(&errors);
}

static void timespans_add_up(void **state)
{
    static const struct {
        const char *text;
        int64_t us; /* −1: refused */
    } rows[] = {{"500us", 500},
                {"300ms", 300000},
                {"2s", 2000000},
                {"1h30m", 5400000000},
                {"0s", 0},
                {"1y", INT64_C(31536000000000)},
                {"1d1d", INT64_C(172800000000)},
                {"", -1},
                {"5", -1},
                {"s", -1},
                {"-5s", -1},
                {"5 s", -1},
                {"5S", -1},
                {"300000y", -1},
                {"99999999999999999999s", -1},
                {"1h30", -1}};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        int64_t us = -1;
        assert_true(option_parse_timespan(rows[i].text, &us) == (rows[i].us >= 0));
        assert_int_equal(us, rows[i].us);
    }
}

/* The generated documents name every key of every table. */
static void names_all(const struct option *table, const char *text)
{
    for (const struct option *o = table; o->key; o++) {
        if (!strstr(text, o->key))
            fail_msg("no %s", o->key);
        if (!strstr(text, o->help) && !strchr(o->help, '"') && !strchr(o->help, '|'))
            fail_msg("no help of %s", o->key);
    }
}

static void schema_and_reference_name_every_key(void **state)
{
    void (*const writers[])(FILE *, const struct driver_schema *const *,
                            size_t) = {config_write_schema, config_write_reference};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        char *text;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        writers[i](f, fixture_drivers, 2);
        fclose(f);
        names_all(bus_source_options, text);
        names_all(bus_device_options, text);
        names_all(bus_sensor_options, text);
        names_all(push_source_options, text);
        assert_non_null(strstr(text, "hysteresis"));
        assert_non_null(strstr(text, "retention"));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_left_out_has_a_default),
        cmocka_unit_test(every_section_is_read),
        cmocka_unit_test(the_nearest_every_wins),
        cmocka_unit_test(a_template_comes_before_the_devices_own_sensors),
        cmocka_unit_test(wildcard_sensors_have_no_index_but_count_for_the_limit),
        cmocka_unit_test(rules_have_their_kind_and_limits),
        cmocka_unit_test(numbers_remember_how_they_were_written),
        cmocka_unit_test(texts_take_variables_of_the_environment),
        cmocka_unit_test(secrets_come_from_files),
        cmocka_unit_test(the_credentials_folder_is_the_services_or_the_one_beside_the_file),
        cmocka_unit_test(an_anchor_can_be_used_twice),
        cmocka_unit_test(a_bomb_of_aliases_is_refused),
        cmocka_unit_test(deep_nesting_is_refused),
        cmocka_unit_test(bytes_that_are_no_text_are_refused),
        cmocka_unit_test(no_more_than_a_hundred_errors_are_listed),
        cmocka_unit_test(a_file_that_is_not_there_says_so),
        cmocka_unit_test(timespans_add_up),
        cmocka_unit_test(schema_and_reference_name_every_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
