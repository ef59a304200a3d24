/* SPDX-License-Identifier: Apache-2.0 */
/* Templates in folders, lists of units, and what a device has instead of its template. */
#include "tests/config/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define HEAD                                                                                       \
    "templates:\n"                                                                                 \
    "  pump:\n"                                                                                    \
    "    every: 7s\n"                                                                              \
    "    unit_id: 9\n"                                                                             \
    "    sensors:\n"                                                                               \
    "      - {name: current, input: 8, unit: A, scale: 0.1}\n"                                     \
    "      - {name: running, input: 9}\n"                                                          \
    "sources:\n"                                                                                   \
    "  - name: a\n"                                                                                \
    "    driver: bus\n"                                                                            \
    "    port: /dev/x\n"                                                                           \
    "    devices:\n"

static char folder[64];

static void write_file(const char *name, const char *text)
{
    char path[128];

    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/sensorgw-templates-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return system(command);
}

/* "name unit every: sensors; …", or the errors; %s in the text is the folder. */
static char *read_devices(const char *text, char *out, size_t size)
{
    struct config *c = NULL;
    struct config_errors errors;
    char full[4096], name[128];
    FILE *f = fmemopen(out, size, "w");

    assert_non_null(f);
    snprintf(full, sizeof(full), "%s", text);
    for (char *at; (at = strstr(full, "%s"));) {
        char rest[4096];
        snprintf(rest, sizeof(rest), "%s", at + 2);
        snprintf(at, sizeof(full) - (size_t)(at - full), "%s%s", folder, rest);
    }
    snprintf(name, sizeof(name), "%s/t.yaml", folder);
    if (config_parse(name, full, strlen(full), fixture_drivers, 2, &c, &errors) != GW_OK)
        config_errors_print(&errors, "t.yaml", f);
    for (size_t i = 0; c && i < c->sources[0].device_count; i++) {
        const struct device_config *d = &c->sources[0].devices[i];
        fprintf(f, "%s %d %ds:", d->name, (int)((struct bus_device *)d->options)->unit_id,
                (int)(d->every_us / 1000000));
        for (size_t k = 0; k < d->sensor_count; k++)
            fprintf(f, " %s=%g%s", d->sensors[k].name + strlen(d->name) + 1, d->sensors[k].scale,
                    d->sensors[k].unit);
        fputs("; ", f);
    }
    fclose(f);
    config_free(c);
    config_errors_free(&errors);
    return out;
}

static void devices_are_made_of_templates_and_lists(void **state)
{
    static const struct {
        const char *name, *devices, *expect;
    } rows[] = {
        {"the template's keys", "      - {name: p, template: pump}\n",
         "p 9 7s: current=0.1A running=1; "},
        {"the device's keys instead", "      - {name: p, template: pump, unit_id: 3, every: 1s}\n",
         "p 3 1s: current=0.1A running=1; "},
        {"no name", "      - {template: pump, unit_id: 4}\n",
         "pump-4 4 7s: current=0.1A running=1; "},
        {"the template's unit in the name", "      - {template: pump}\n",
         "pump-9 9 7s: current=0.1A running=1; "},
        {"a list", "      - {name: m, unit_id: [1, 2, 5-7], sensors: [{name: s, input: 1}]}\n",
         "m-1 1 10s: s=1; m-2 2 10s: s=1; m-5 5 10s: s=1; m-6 6 10s: s=1; m-7 7 10s: s=1; "},
        {"a range", "      - {name: m, unit_id: 0x10-17, sensors: [{name: s, input: 1}]}\n",
         "m-16 16 10s: s=1; m-17 17 10s: s=1; "},
        {"a place in the name",
         "      - {name: \"hall/{unit}/m\", unit_id: [1, 2], sensors: [{name: s, input: 1}]}\n",
         "hall/1/m 1 10s: s=1; hall/2/m 2 10s: s=1; "},
        {"a place in the name, one unit",
         "      - {name: \"m{unit}\", unit_id: 3, sensors: [{name: s, input: 1}]}\n",
         "m3 3 10s: s=1; "},
        {"a list of one", "      - {name: m, unit_id: [3], sensors: [{name: s, input: 1}]}\n",
         "m-3 3 10s: s=1; "},
        {"a template and a list", "      - {template: pump, unit_id: [1, 2]}\n",
         "pump-1 1 7s: current=0.1A running=1; pump-2 2 7s: current=0.1A running=1; "},
        {"a sensor's keys instead, and one more",
         "      - {name: p, template: pump, sensors: [{name: running, unit: x}, {name: q, input: "
         "1}, "
         "{name: current, scale: 2}]}\n",
         "p 9 7s: current=2A running=1x q=1; "},
        {"one unit twice on purpose",
         "      - {name: p, unit_id: 1, sensors: [{name: s, input: 1}]}\n"
         "      - {name: q, unit_id: 1, sensors: [{name: s, input: 2}]}\n",
         "p 1 10s: s=1; q 1 10s: s=1; "},
    };
    char text[4096], out[2048];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), HEAD "%s", rows[i].devices);
        read_devices(text, out, sizeof(out));
        if (strcmp(out, rows[i].expect) != 0)
            fail_msg("%s: %s", rows[i].name, out);
    }
}

static void what_is_wrong_is_told_where_it_stands(void **state)
{
    static const struct {
        const char *name, *devices, *expect;
    } rows[] = {
        {"no range", "      - {template: pump, unit_id: [1, 9-5]}\n",
         "t.yaml:13:35: sources[0].devices[0].unit_id: 9-5 is no range within 1-247\n"},
        {"beyond", "      - {template: pump, unit_id: [1, 240-300]}\n",
         "240-300 is no range within 1-247"},
        {"no number", "      - {template: pump, unit_id: [1, x]}\n",
         "must be a whole number, or a list of numbers and ranges such as [1, 2, 5-9], not 'x'"},
        {"twice in a list", "      - {template: pump, unit_id: [1-3, 2]}\n", "has 2 twice"},
        {"an empty list", "      - {template: pump, unit_id: []}\n", "is an empty list"},
        {"lists that collide",
         "      - {name: p, template: pump, unit_id: [1-3]}\n"
         "      - {name: q, template: pump, unit_id: 3}\n",
         "t.yaml:14:44: sources[0].devices[1].unit_id: 3 is the unit_id of p-3 in line 13 already"},
        {"one name twice", "      - {template: pump}\n      - {template: pump, every: 1s}\n",
         "t.yaml:14:9: sources[0].devices[1].name: 'pump-9' is the name of the device in line 13 "
         "already\n"},
        {"a key of the device", "      - {template: pump, evry: 1s}\n",
         "t.yaml:13:26: sources[0].devices[0].evry: unknown key; did you mean 'every'?\n"},
        {"a key of a sensor that is another's",
         "      - {name: p, template: pump, sensors: [{name: running, scal: 1}]}\n",
         "sources[0].devices[0].sensors[0].scal: unknown key; did you mean 'scale'?\n"},
        {"neither name nor template", "      - {unit_id: 1, sensors: [{name: s, input: 1}]}\n",
         "t.yaml:13:9: sources[0].devices[0].name: is required\n"},
        {"no such template", "      - {template: pum}\n", "did you mean 'pump'?"},
    };
    char text[4096], out[4096];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        snprintf(text, sizeof(text), HEAD "%s", rows[i].devices);
        read_devices(text, out, sizeof(out));
        if (!strstr(out, rows[i].expect))
            fail_msg("%s: %s", rows[i].name, out);
    }
}

#define USES(name)                                                                                 \
    "sources: [{name: a, driver: bus, port: /x, devices: [{template: " name ", unit_id: 1}]}]\n"

static void a_folder_beside_the_file_is_looked_into(void **state)
{
    char path[128], out[2048];

    (void)state;
    snprintf(path, sizeof(path), "%s/templates", folder);
    assert_int_equal(mkdir(path, 0755), 0);
    write_file("templates/b.yaml", "# two\nvalve: {sensors: [{name: open, input: 1}]}\n"
                                   "fan:\n  description: A fan\n  every: 3s\n"
                                   "  sensors: [{name: speed, input: 2, unit: rpm}]\n");
    write_file("templates/a.yaml", "# nothing yet\n");
    write_file("templates/notes.txt", "not: [a template\n");
    assert_string_equal(read_devices(USES("fan"), out, sizeof(out)), "fan-1 1 3s: speed=1rpm; ");
    /* The file's own one comes first. */
    assert_string_equal(
        read_devices("templates: {fan: {sensors: [{name: own, input: 1}]}}\n" USES("fan"), out,
                     sizeof(out)),
        "fan-1 1 10s: own=1; ");
    assert_non_null(strstr(read_devices(USES("vlave"), out, sizeof(out)), "did you mean 'valve'?"));
    assert_non_null(strstr(read_devices(USES("zzzzzzz"), out, sizeof(out)),
                           "no template 'zzzzzzz' below templates:, in /tmp/sensorgw-templates-"));
}

static void a_folder_that_is_named_is_read_even_when_it_is_not_used(void **state)
{
    char out[4096];

    (void)state;
    write_file("good.yaml", "fan: {sensors: [{name: speed, input: 2}]}\n");
    assert_string_equal(read_devices("template_dir: .\n" USES("fan"), out, sizeof(out)),
                        "fan-1 1 10s: speed=1; ");
    assert_string_equal(read_devices("template_dir: '%s'\n" USES("fan"), out, sizeof(out)),
                        "fan-1 1 10s: speed=1; ");
    assert_non_null(
        strstr(read_devices("template_dir: none\n" USES("fan"), out, sizeof(out)),
               "t.yaml:1:15: template_dir: cannot read the folder /tmp/sensorgw-templ"));
}

static void errors_name_the_template_file(void **state)
{
    static const struct {
        const char *name, *text, *expect;
    } rows[] = {
        {"no YAML", "fan: {sensors: [{name: speed\n", "/x.yaml:2:1: is not YAML: "},
        {"no map", "- fan\n", "/x.yaml:1:1: must be a map: the templates by their names\n"},
        {"a template that is none", "fan: 3\n",
         "/x.yaml:1:6: fan: must be a map like {sensors: […]}\n"},
        {"no sensors", "fan: {description: d}\n",
         "/x.yaml:1:6: fan.sensors: is required: a list of sensors\n"},
        {"an unknown key", "fan:\n  evry: 3s\n  sensors: [{name: speed, input: 2}]\n",
         "/x.yaml:2:3: fan.evry: unknown key; did you mean 'every'?\n"},
        {"a device's key that is wrong", "fan:\n  every: 3\n  sensors: [{name: speed, input: 2}]\n",
         "/x.yaml:2:10: fan.every: needs a unit: 3s for seconds"},
        {"a sensor that is wrong", "fan:\n  sensors:\n    - {name: speed, input: 99999}\n",
         "/x.yaml:3:28: fan.sensors[0].input: must be from 0 to 65535, not 99999\n"},
        {"two of one name", "fan: {sensors: [{name: s, input: 1}, {name: s, input: 2}]}\n",
         "/x.yaml:1:45: fan.sensors[1].name: 'fan-1/s' is the name of the sensor in line 1 of "
         "x.yaml "
         "already\n"},
        {"in another file too", "fan: {sensors: [{name: s, input: 1}]}\n",
         "/y.yaml:1:1: fan: is in "},
    };
    char out[4096];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool two = i + 1 == sizeof(rows) / sizeof(rows[0]);
        write_file("x.yaml", rows[i].text);
        write_file("y.yaml", two ? rows[i].text : "");
        read_devices("template_dir: .\n" USES("fan"), out, sizeof(out));
        if (!strstr(out, rows[i].expect) || strncmp(out, folder, strlen(folder)) != 0)
            fail_msg("%s: %s", rows[i].name, out);
    }
}

/* What a template gets wrong is one error, however many devices have it. */
static void an_error_in_a_template_is_told_once(void **state)
{
    char out[4096];

    (void)state;
    write_file("x.yaml", "fan: {sensors: [{name: s, input: x}]}\n");
    read_devices("template_dir: .\nsources: [{name: a, driver: bus, port: /x, devices: [{template: "
                 "fan, unit_id: 1-50}]}]\n",
                 out, sizeof(out));
    assert_ptr_equal(strchr(out, '\n'), out + strlen(out) - 1);
}

static void note_template(void *arg, const struct config_template *t)
{
    char *out = arg;

    sprintf(out + strlen(out), "%s (%s) %zu; ", t->name, t->description, t->sensors);
}

static void the_templates_of_a_folder_are_listed(void **state)
{
    struct config_errors errors;
    char out[512] = "";

    (void)state;
    write_file("b.yaml", "b: {sensors: [{name: s, input: 1}]}\n");
    write_file("a.yaml", "a1: {description: One, sensors: [{name: s, input: 1}, {name: t, input: "
                         "1}]}\na2: {sensors: [{name: s, input: 1}]}\n");
    config_list_templates(folder, fixture_drivers, 2, note_template, out, &errors);
    assert_string_equal(out, "a1 (One) 2; a2 () 1; b () 1; ");
    assert_int_equal(errors.count, 0);
    config_errors_free(&errors);
    config_list_templates("/nowhere", fixture_drivers, 2, note_template, out, &errors);
    assert_int_equal(errors.count, 0);
    config_errors_free(&errors);
}

int main(void)
{
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(devices_are_made_of_templates_and_lists),
        IN_FOLDER(what_is_wrong_is_told_where_it_stands),
        IN_FOLDER(a_folder_beside_the_file_is_looked_into),
        IN_FOLDER(a_folder_that_is_named_is_read_even_when_it_is_not_used),
        IN_FOLDER(errors_name_the_template_file),
        IN_FOLDER(an_error_in_a_template_is_told_once),
        IN_FOLDER(the_templates_of_a_folder_are_listed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
