/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload asks: is a source, is a rule the same as before, and what must stay as it is. */
#include "tests/config/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define BUS                                                                                        \
    "sources:\n  - {name: a, driver: bus, port: /dev/x, baud: 9600, devices: [{name: d, unit_id: " \
    "1, sensors: [{name: t, holding: 5, unit: K, invalid: [1, 0x8000]}]}]}\n"
#define RULE "rules: [{name: hot, sensor: d/t, high: {warning: 5}, hysteresis: 1}]\n"

static struct config *parse(const char *text)
{
    struct config *c = NULL;
    struct config_errors errors;

    if (fixture_parse(text, &c, &errors) != GW_OK) {
        config_errors_print(&errors, "t.yaml", stderr);
        fail_msg("%s", text);
    }
    config_errors_free(&errors);
    return c;
}

static const struct {
    const char *name, *text; /* of the source */
    bool same;
} sources[] = {
    {"itself", BUS, true},
    {"written otherwise",
     "# with a comment\nsources:\n  - name: a\n    driver: bus\n    port: \"/dev/x\"\n    "
     "devices:\n"
     "      - {unit_id: 1, name: d, sensors: [{name: t, unit: K, holding: 5, scale: 1.0, "
     "invalid: [1, 0x8000]}]}\n",
     true},
    {"from a template",
     "templates: {x: {sensors: [{name: t, holding: 5, unit: K, invalid: [1, 0x8000]}]}}\n"
     "sources: [{name: a, driver: bus, port: /dev/x, devices: [{name: d, unit_id: 1, template: "
     "x}]}]\n",
     true},
#define CHANGED(what, source, device, sensor)                                                      \
    {                                                                                              \
        what,                                                                                      \
            "sources: [{driver: bus, " source ", devices: [{" device ", sensors: [{" sensor        \
            "}]}]}]\n",                                                                            \
            false                                                                                  \
    }
#define S "name: a, port: /dev/x"
#define D "name: d, unit_id: 1"
#define T "name: t, holding: 5, unit: K, invalid: [1, 0x8000]"
    CHANGED("another port", "name: a, port: /dev/y", D, T),
    CHANGED("another key for it", "name: a, address: /dev/x", D, T),
    CHANGED("another speed", S ", baud: 19200", D, T),
    CHANGED("another parity", S ", parity: odd", D, T),
    CHANGED("another period", S ", every: 1s", D, T),
    CHANGED("another unit id", S, "name: d, unit_id: 2", T),
    CHANGED("another device period", S, D ", every: 1s", T),
    CHANGED("another register", S, D, "name: t, holding: 6, unit: K, invalid: [1, 0x8000]"),
    CHANGED("another table", S, D, "name: t, input: 5, unit: K, invalid: [1, 0x8000]"),
    CHANGED("another unit", S, D, "name: t, holding: 5, unit: V, invalid: [1, 0x8000]"),
    CHANGED("no unit", S, D, "name: t, holding: 5, invalid: [1, 0x8000]"),
    CHANGED("another mark", S, D, "name: t, holding: 5, unit: K, invalid: [1, 32768]"),
    CHANGED("fewer marks", S, D, "name: t, holding: 5, unit: K, invalid: 1"),
    CHANGED("a limit", S, D, T ", min: 0"),
    CHANGED("another scale", S, D, T ", scale: 2"),
    CHANGED("a flag", S, D, T ", flag: true"),
    CHANGED("one more sensor", S, D, T "}, {name: u, holding: 6"),
    CHANGED("one more device", S, D, T "}]}, {name: e, unit_id: 2, sensors: [{name: t, holding: 1"),
    CHANGED("another name for the sensor", S, D,
            "name: u, holding: 5, unit: K, invalid: [1, 0x8000]"),
    CHANGED("another name for the device", S, "name: e, unit_id: 1", T),
};

static void a_source_is_the_same_when_it_says_the_same(void **state)
{
    struct config *base = parse(BUS);

    (void)state;
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++) {
        struct config *other = parse(sources[i].text);
        if (config_source_equal(&base->sources[0], &other->sources[0]) != sources[i].same)
            fail_msg("%s", sources[i].name);
        config_free(other);
    }
    config_free(base);
}

static void a_rule_is_the_same_when_it_says_the_same(void **state)
{
    static const char *const changed[] = {
        "rules: [{name: hot, sensor: 'd/*', high: {warning: 5}, hysteresis: 1}]\n",
        "rules: [{name: hot, sensor: d/t, high: {warning: 6}, hysteresis: 1}]\n",
        "rules: [{name: hot, sensor: d/t, high: {warning: 5, critical: 9}, hysteresis: 1}]\n",
        "rules: [{name: hot, sensor: d/t, high: {warning: 5}}]\n",
        "rules: [{name: hot, sensor: d/t, high: {warning: 5}, hysteresis: 1, for: 1s}]\n",
        "rules: [{name: hot, sensor: d/t, stale: 10s}]\n",
    };
    struct config *base = parse(BUS RULE), *same = parse(BUS RULE);
    char text[1000];

    (void)state;
    assert_true(config_rule_equal(&base->rules[0], &same->rules[0]));
    for (size_t i = 0; i < sizeof(changed) / sizeof(changed[0]); i++) {
        snprintf(text, sizeof(text), "%s%s", BUS, changed[i]);
        struct config *other = parse(text);
        if (config_rule_equal(&base->rules[0], &other->rules[0]))
            fail_msg("%s", changed[i]);
        config_free(other);
    }
    config_free(same);
    config_free(base);
}

static char differing[200];

static void note(void *arg, const char *key)
{
    (void)arg;
    strcat(differing, key);
    strcat(differing, " ");
}

static void what_cannot_change_is_named_and_kept(void **state)
{
    struct config *now = parse("gateway: {name: one, log: {level: info}}\nstorage: {path: /a}\n"
                               "mqtt: {url: 'mqtt://h'}\nhttp: {listen: 'localhost:80'}\n" BUS);
    struct config *same = parse("gateway: {name: one, log: {level: debug}}\nstorage: {path: /a}\n"
                                "mqtt: {url: 'mqtt://h'}\nhttp: {listen: 'localhost:80'}\n" BUS);
    struct config *next = parse("gateway: {name: two, workers: 4}\nstorage: {path: /b}\n"
                                "mqtt: {url: 'mqtt://g', prefix: p}\nhttp: off\n" BUS);

    (void)state;
    differing[0] = '\0';
    config_keep_fixed(same, now, note, NULL);
    assert_string_equal(differing, "");
    assert_int_equal(same->gateway.log.level, LOG_LEVEL_DEBUG);
    config_keep_fixed(next, now, note, NULL);
    assert_string_equal(differing, "gateway.name gateway.workers mqtt.url mqtt.prefix storage.path "
                                   "http ");
    assert_string_equal(next->gateway.name, "one");
    assert_string_equal(next->mqtt.host, "h");
    assert_string_equal(next->storage.path, "/a");
    assert_true(next->http.enabled);
    config_free(next);
    config_free(same);
    config_free(now);
}

static void the_last_owner_frees(void **state)
{
    struct config *c = parse(BUS);

    (void)state;
    config_hold(c);
    config_free(c);
    assert_string_equal(c->sources[0].name, "a"); /* a sanitizer would tell */
    config_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_source_is_the_same_when_it_says_the_same),
        cmocka_unit_test(a_rule_is_the_same_when_it_says_the_same),
        cmocka_unit_test(what_cannot_change_is_named_and_kept),
        cmocka_unit_test(the_last_owner_frees),
    };
    return cmocka_run_group_tests_name("config/equal", tests, NULL, NULL);
}
