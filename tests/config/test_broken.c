/* SPDX-License-Identifier: Apache-2.0 */
/* Broken files, each with exactly what is said about it. */
#include "tests/config/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

#define BASE                                                                                       \
    "sources:\n"                                                                                   \
    "  - name: a\n"                                                                                \
    "    driver: bus\n"                                                                            \
    "    port: /dev/x\n"                                                                           \
    "    devices:\n"                                                                               \
    "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n"

static const struct {
    const char *name, *text, *expect;
} cases[] = {
    /* clang-format off */
    {"empty file",
     "",
     "t.yaml: is empty: it must have sources at least\n"},
    {"only a comment",
     "# nothing\n",
     "t.yaml: is empty: it must have sources at least\n"},
    {"a list",
     "- a\n",
     "t.yaml:1:1: must be a map of `key: value`\n"},
    {"a word",
     "hello\n",
     "t.yaml:1:1: must be a map of `key: value`\n"},
    {"no sources",
     "gateway: {name: g}\n",
     "t.yaml:1:1: sources: is required: a list of sources\n"},
    {"sources empty",
     "sources: []\n",
     "t.yaml:1:10: sources: is empty: a list of sources\n"},
    {"sources a map",
     "sources: {name: a}\n",
     "t.yaml:1:10: sources: must be a list of sources (each begins with a dash)\n"},
    {"a source that is a word",
     "sources: [a]\n",
     "t.yaml:1:11: sources[0]: must be a map like {name: …, driver: …}\n"},
    {"tab",
     "gateway:\n"
     "\tname: g\n",
     "t.yaml:2:1: is not YAML: while scanning for the next token: found character that cannot start any token (a tab? indent with spaces; quote text that begins with a sign)\n"},
    {"tab before a list",
     "sources:\n"
     "  - name: a\n"
     "\t- name: b\n",
     "t.yaml:3:1: is not YAML: while scanning a plain scalar: found a tab character that violates indentation (indent with spaces)\n"},
    {"key too far to the right",
     "gateway:\n"
     "  name: g\n"
     "    workers: 1\n",
     "t.yaml:3:12: is not YAML: mapping values are not allowed in this context (wrong indentation? keys of one map begin in the same column; quote text that holds \": \")\n"},
    {"decimal comma",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, high: {warning: 75,5}}\n",
     "t.yaml:8:47: rules[0].high.5: unknown key; if it belongs to the number before it: decimals are written with a point, as in 75.5\n"},
    {"unclosed brace",
     "gateway: {name: g\n",
     "t.yaml:2:1: is not YAML: while parsing a flow mapping: did not find expected ',' or '}'\n"},
    {"unclosed quote",
     "gateway: {name: \"g}\n",
     "t.yaml:2:1: is not YAML: while scanning a quoted scalar: found unexpected end of stream\n"},
    {"two documents",
     BASE
     "---\n"
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:7:1: begins a second document; one file is one configuration\n"},
    {"unknown alias",
     BASE
     "rules: *x\n",
     "t.yaml:7:8: alias of an anchor that was not defined before\n"},
    {"a list as a key",
     "{[a]: b}\n",
     "t.yaml:1:2: a key must be a plain word\n"},
    {"unknown section",
     BASE
     "storrage: {path: /x}\n",
     "t.yaml:7:1: storrage: unknown key; did you mean 'storage'?\n"},
    {"unknown section without a near one",
     BASE
     "zzzzzzzzzz: 1\n",
     "t.yaml:7:1: zzzzzzzzzz: unknown key; here may stand template_dir, gateway, mqtt, storage, http, templates, sources, rules\n"},
    {"section twice",
     BASE
     "rules: []\n"
     "rules: []\n",
     "t.yaml:8:1: rules: is there twice; the first is in line 7\n"},
    {"section is a list",
     BASE
     "storage: [1]\n",
     "t.yaml:7:10: storage: must be a map of `key: value`\n"},
    {"unknown driver",
     "sources:\n"
     "  - name: a\n"
     "    driver: buss\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:3:13: sources[0].driver: must be one of bus, push, not 'buss'; did you mean 'bus'?\n"},
    {"driver far from all",
     "sources:\n"
     "  - name: a\n"
     "    driver: profinet\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:3:13: sources[0].driver: must be one of bus, push, not 'profinet'\n"},
    {"driver missing",
     "sources:\n"
     "  - name: a\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:2:5: sources[0].driver: is required\n"},
    {"source name missing",
     "sources:\n"
     "  - driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:2:5: sources[0].name: is required\n"},
    {"source name with a wildcard",
     "sources:\n"
     "  - name: a+b\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:2:11: sources[0].name: 'a+b' is no name for a source: holds '+' or '#', which MQTT keeps for subscriptions\n"},
    {"source name with an empty level",
     "sources:\n"
     "  - name: a//b\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:2:11: sources[0].name: 'a//b' is no name for a source: has an empty part between slashes\n"},
    {"source name twice",
     BASE
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: e, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:7:11: sources[1].name: 'a' is the name of the source in line 2 already\n"},
    {"neither port nor address",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:2:5: sources[0]: needs exactly one of the keys port | address\n"},
    {"port and address",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    address: h\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:14: sources[0].address: only one of the keys port | address may be given\n"},
    {"near key of a driver",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    bauds: 9600\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:5: sources[0].bauds: unknown key; did you mean 'baud'?\n"},
    {"baud too small",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    baud: 5\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:11: sources[0].baud: must be from 50 to 4000000, not 5\n"},
    {"baud no number",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    baud: fast\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:11: sources[0].baud: must be a whole number, not 'fast'\n"},
    {"baud in quotes",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    baud: '9600'\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:11: sources[0].baud: must be a whole number, not text in quotes\n"},
    {"baud a list",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    baud: [9600]\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:11: sources[0].baud: must be a whole number, not a list\n"},
    {"baud without value",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    baud:\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:10: sources[0].baud: has no value; it must be a whole number\n"},
    {"baud too large for any integer",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    baud: 99999999999999999999\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:11: sources[0].baud: must be a whole number, not '99999999999999999999'\n"},
    {"parity misspelt",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    parity: evn\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:13: sources[0].parity: must be one of none, even, odd, not 'evn'; did you mean 'even'?\n"},
    {"parity a number",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    parity: 8\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:13: sources[0].parity: must be one of none, even, odd, not '8'\n"},
    {"key twice",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    port: /dev/y\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:5: sources[0].port: is there twice; the first is in line 4\n"},
    {"hint for interval",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    interval: 5s\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:5: sources[0].interval: unknown key: the polling period is called every\n"},
    {"every without unit",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    every: 5\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:12: sources[0].every: needs a unit: 5s for seconds (us, ms, s, m, h, d, y)\n"},
    {"every too short",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    every: 1ms\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:12: sources[0].every: must be from 10ms to 1y, not 1ms\n"},
    {"every with a fraction",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    every: 1.5s\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:12: sources[0].every: must be a timespan like 500ms, 2s, 10m or 30d, not '1.5s'\n"},
    {"every for a pushed driver",
     "mqtt: {url: mqtt://h}\n"
     "sources:\n"
     "  - {name: p, driver: push, every: 5s, topic: a/+/b, sensors: [{name: '{1}/t'}]}\n",
     "t.yaml:3:36: sources[0].every: the push driver is not polled: readings come when they come\n"},
    {"devices missing",
     "sources:\n"
     "  - {name: a, driver: bus, port: /x}\n",
     "t.yaml:2:5: sources[0].devices: is required: a list of devices\n"},
    {"sensors below a source that has devices",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    sensors: []\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:5:5: sources[0].sensors: unknown key; here may stand every, port, address, baud, parity, name, driver, devices\n"},
    {"unit_id missing",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:6:9: sources[0].devices[0].unit_id: is required: Number of the device on its bus\n"},
    {"unit_id out of range",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 300, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:6:28: sources[0].devices[0].unit_id: must be from 1 to 247, not 300\n"},
    {"hint for slave",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, slave: 1, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:6:31: sources[0].devices[0].slave: unknown key: the number of a device on its bus is called unit_id\n"},
    {"sensors missing",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1}\n",
     "t.yaml:6:9: sources[0].devices[0].sensors: is required: a list of sensors\n"},
    {"sensors empty",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: []}\n",
     "t.yaml:6:40: sources[0].devices[0].sensors: is empty: a list of sensors\n"},
    {"a sensor that is a word",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [s]}\n",
     "t.yaml:6:41: sources[0].devices[0].sensors[0]: must be a map like {name: …, unit: …}\n"},
    {"sensor name missing",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{holding: 1}]}\n",
     "t.yaml:6:41: sources[0].devices[0].sensors[0].name: is required\n"},
    {"sensor name with a hash",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: 's#', holding: 1}]}\n",
     "t.yaml:6:48: sources[0].devices[0].sensors[0].name: 'd/s#' is no name for a sensor: holds '+' or '#', which MQTT keeps for subscriptions\n"},
    {"sensor name twice",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1},\n"
     "        {name: s, holding: 2}]}\n",
     "t.yaml:7:16: sources[0].devices[0].sensors[1].name: 'd/s' is the name of the sensor in line 6 already\n"},
    {"capture where there is no topic",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: '{1}', holding: 1}]}\n",
     "t.yaml:6:48: sources[0].devices[0].sensors[0].name: {1} stands for a part of a topic; the bus driver has none\n"},
    {"holding and input",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1, input: 2}]}\n",
     "t.yaml:6:70: sources[0].devices[0].sensors[0].input: only one of the keys holding | input may be given\n"},
    {"neither holding nor input",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s}]}\n",
     "t.yaml:6:41: sources[0].devices[0].sensors[0]: needs exactly one of the keys holding | input\n"},
    {"flag yes",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1, flag: yes}]}\n",
     "t.yaml:6:69: sources[0].devices[0].sensors[0].flag: must be true or false, not 'yes'\n"},
    {"scale 0",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1, scale: 0}]}\n",
     "t.yaml:6:70: sources[0].devices[0].sensors[0].scale: must not be 0: every value would be the same\n"},
    {"scale no number",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1, scale: 0,1}]}\n",
     "t.yaml:6:70: sources[0].devices[0].sensors[0].scale: must not be 0: every value would be the same\n"
     "t.yaml:6:72: sources[0].devices[0].sensors[0].1: unknown key; if it belongs to the number before it: decimals are written with a point, as in 75.5\n"},
    {"scale not finite",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1, scale: .inf}]}\n",
     "t.yaml:6:70: sources[0].devices[0].sensors[0].scale: must be a number, not '.inf'\n"},
    {"min above max",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1, min: 5, max: 2}]}\n",
     "t.yaml:6:68: sources[0].devices[0].sensors[0].min: 5 is more than max, 2\n"},
    {"invalid a word",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, sensors: [{name: s, holding: 1, invalid: [1, x]}]}\n",
     "t.yaml:6:72: sources[0].devices[0].sensors[0].invalid: must be a number or a list of numbers, not 'x'\n"},
    {"template unknown",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, template: pmp, sensors: [{name: s, holding: 1}]}\n"
     "templates: {pump: {sensors: [{name: i, input: 8}]}}\n",
     "t.yaml:6:41: sources[0].devices[0].template: there is no template 'pmp'; did you mean 'pump'?\n"},
    {"no templates at all",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, template: pump, sensors: [{name: s, holding: 1}]}\n",
     "t.yaml:6:41: sources[0].devices[0].template: there is no template 'pump' below templates:, in ./templates, or among the installed ones; `sensorgw templates` lists those\n"},
    {"template with an unknown key",
     BASE
     "templates: {pump: {sensor: [], sensors: [{name: i, input: 8}]}}\n",
     "t.yaml:7:20: templates.pump.sensor: unknown key; did you mean 'sensors'?\n"},
    {"an error in a template that is used twice",
     "sources:\n"
     "  - name: a\n"
     "    driver: bus\n"
     "    port: /dev/x\n"
     "    devices:\n"
     "      - {name: d, unit_id: 1, template: t}\n"
     "      - {name: e, unit_id: 2, template: t}\n"
     "templates: {t: {sensors: [{name: i, input: 99999}]}}\n",
     "t.yaml:8:44: templates.t.sensors[0].input: must be from 0 to 65535, not 99999\n"},
    {"pushed driver without a broker",
     "sources:\n"
     "  - {name: p, driver: push, topic: a/+/b, sensors: [{name: '{1}/t'}]}\n",
     "t.yaml:2:23: sources[0].driver: the push driver needs the broker: add an mqtt section with its url\n"},
    {"a driver's own check",
     "mqtt: {url: mqtt://h}\n"
     "sources:\n"
     "  - {name: p, driver: push, topic: 'a b', sensors: [{name: '{1}/t'}]}\n",
     "t.yaml:3:36: sources[0].topic: 'a b' holds a space\n"},
    {"broker without url",
     BASE
     "mqtt: {prefix: x}\n",
     "t.yaml:7:7: mqtt.url: is required: The broker: mqtt://host[:1883], or mqtts://host[:8883] for TLS\n"},
    {"broker url without scheme",
     BASE
     "mqtt: {url: localhost}\n",
     "t.yaml:7:13: mqtt.url: 'localhost' must begin with mqtt:// or mqtts://\n"},
    {"broker url with a user",
     BASE
     "mqtt: {url: 'mqtt://me:pw@h'}\n",
     "t.yaml:7:13: mqtt.url: 'mqtt://me:pw@h' must not hold a user; use username and password_file\n"},
    {"broker url with a path",
     BASE
     "mqtt: {url: mqtt://h/x}\n",
     "t.yaml:7:13: mqtt.url: 'mqtt://h/x' must end after the port\n"},
    {"broker port",
     BASE
     "mqtt: {url: 'mqtt://h:70000'}\n",
     "t.yaml:7:13: mqtt.url: 'mqtt://h:70000' must end in a port from 1 to 65535; an IPv6 address stands in brackets\n"},
    {"prefix with a wildcard",
     BASE
     "mqtt: {url: mqtt://h, prefix: 'a/#'}\n",
     "t.yaml:7:31: mqtt.prefix: 'a/#' cannot begin a topic: holds '+' or '#', which MQTT keeps for subscriptions\n"},
    {"password in the file",
     BASE
     "mqtt: {url: mqtt://h, username: u, password: x}\n",
     "t.yaml:7:36: mqtt.password: unknown key: a password does not belong into this file; put it into a file of its own and name that with password_file\n"},
    {"password file missing",
     BASE
     "mqtt: {url: mqtt://h, username: u, password_file: /nowhere/pw}\n",
     "t.yaml:7:51: mqtt.password_file: cannot read /nowhere/pw: No such file or directory\n"},
    {"TLS file without TLS",
     BASE
     "mqtt: {url: mqtt://h, ca_file: /dev/null}\n",
     "t.yaml:7:32: mqtt.ca_file: is for TLS: the url must begin with mqtts://\n"},
    {"certificate without its key",
     BASE
     "mqtt: {url: mqtts://h, cert_file: /dev/null}\n",
     "t.yaml:7:35: mqtt.cert_file: cert_file and key_file go together\n"},
    {"CA file missing",
     BASE
     "mqtt: {url: mqtts://h, ca_file: /nowhere/ca.pem}\n",
     "t.yaml:7:33: mqtt.ca_file: cannot read /nowhere/ca.pem\n"},
    {"publish_readings misspelt",
     BASE
     "mqtt: {url: mqtt://h, publish_readings: change}\n",
     "t.yaml:7:41: mqtt.publish_readings: must be one of none, changes, all, not 'change'; did you mean 'changes'?\n"},
    {"environment variable missing",
     BASE
     "mqtt: {url: 'mqtt://${SENSORGW_NOWHERE}'}\n",
     "t.yaml:7:13: mqtt.url: the environment has no variable SENSORGW_NOWHERE\n"},
    {"environment variable unclosed",
     BASE
     "mqtt: {url: 'mqtt://${HOME'}\n",
     "t.yaml:7:13: mqtt.url: '${' without a name and '}'; write $${ for the characters themselves\n"},
    {"gateway name with a slash",
     BASE
     "gateway: {name: a/b}\n",
     "t.yaml:7:17: gateway.name: 'a/b' cannot be a level of a topic: holds a '/'\n"},
    {"too many workers",
     BASE
     "gateway: {workers: 17}\n",
     "t.yaml:7:20: gateway.workers: must be from 1 to 16, not 17\n"},
    {"queue too small",
     BASE
     "gateway: {queue: 10}\n",
     "t.yaml:7:18: gateway.queue: must be from 1024 to 1048576, not 10\n"},
    {"log level misspelt",
     BASE
     "gateway: {log: {level: inof}}\n",
     "t.yaml:7:24: gateway.log.level: must be one of error, warning, info, debug, not 'inof'; did you mean 'info'?\n"},
    {"log a word",
     BASE
     "gateway: {log: debug}\n",
     "t.yaml:7:16: gateway.log: must be a map like {level: …}\n"},
    {"flush too short",
     BASE
     "storage: {flush: 1ms}\n",
     "t.yaml:7:18: storage.flush: must be from 100ms to 1h, not 1ms\n"},
    {"size unknown",
     BASE
     "storage: {max_size: 2gb}\n",
     "t.yaml:7:21: storage.max_size: must be a size like 4096, 64kB or 2GB, not '2gb'\n"},
    {"raw retention too short",
     BASE
     "storage: {retention: {raw: 5m}}\n",
     "t.yaml:7:28: storage.retention.raw: must be at least 1h: hours are computed from single readings\n"},
    {"path a folder",
     BASE
     "storage: {path: /var/lib/}\n",
     "t.yaml:7:17: storage.path: must be a file, not a folder\n"},
    {"http open to all",
     BASE
     "http: {listen: '0.0.0.0:8080'}\n",
     "t.yaml:7:16: http.listen: '0.0.0.0:8080' is reachable from other hosts and needs a token_file\n"},
    {"http without port",
     BASE
     "http: {listen: localhost}\n",
     "t.yaml:7:16: http.listen: 'localhost' needs a port: 127.0.0.1:8080\n"},
    {"http on",
     BASE
     "http: on\n",
     "t.yaml:7:7: http: must be off, or a map like {listen: \"127.0.0.1:8080\"}\n"},
    {"hint for token",
     BASE
     "http: {listen: '127.0.0.1:80', token: abc}\n",
     "t.yaml:7:32: http.token: unknown key: a token does not belong into this file; put it into a file of its own and name that with token_file\n"},
    {"rules a map",
     BASE
     "rules:\n"
     "  name: x\n",
     "t.yaml:8:3: rules: must be a list of rules (each begins with a dash)\n"},
    {"rule without name",
     BASE
     "rules:\n"
     "  - {sensor: d/s, high: {warning: 1}}\n",
     "t.yaml:8:5: rules[0].name: is required: Name of the rule, the last level of its alerts' topics\n"},
    {"rule that watches nothing",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s}\n",
     "t.yaml:8:5: rules[0]: says nothing to watch: give it high or low limits, a rate, stale, bad_for or an expression\n"},
    {"rule that mixes kinds",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, high: {warning: 1}, stale: 5s}\n",
     "t.yaml:8:5: rules[0]: mixes high or low limits, rate, stale, bad_for and expression: make a rule of each\n"},
    {"rule name with a slash",
     BASE
     "rules:\n"
     "  - {name: r/x, sensor: d/s, high: {warning: 1}}\n",
     "t.yaml:8:12: rules[0].name: 'r/x' cannot be the last level of a topic: holds a '/'\n"},
    {"rule name twice",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, high: {warning: 1}}\n"
     "  - {name: r, sensor: d/s, stale: 5s}\n",
     "t.yaml:9:12: rules[1].name: 'r' is the name of the rule in line 8 already\n"},
    {"rule for no sensor",
     BASE
     "rules:\n"
     "  - {name: r, sensor: boiler/*, high: {warning: 1}}\n",
     "t.yaml:8:23: rules[0].sensor: 'boiler/*' matches no sensor; there are d/s\n"},
    {"high a number",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, high: 75}\n",
     "t.yaml:8:34: rules[0].high: must be a map like {warning: …}\n"},
    {"high empty",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, high: {}}\n",
     "t.yaml:8:34: rules[0].high: needs a warning limit, a critical one, or both\n"},
    {"high the wrong way round",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, high: {warning: 90, critical: 80}}\n",
     "t.yaml:8:34: rules[0].high: warning (90) must be less than critical (80)\n"},
    {"low the wrong way round",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, low: {warning: 5, critical: 10}}\n",
     "t.yaml:8:33: rules[0].low: warning (5) must be more than critical (10)\n"},
    {"low above high",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, low: {warning: 50}, high: {warning: 40}}\n",
     "t.yaml:8:33: rules[0].low: warning (50) must be less than that of high (40)\n"},
    {"hysteresis of stale",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, stale: 5s, hysteresis: 1}\n",
     "t.yaml:8:51: rules[0].hysteresis: is for high and low limits only\n"},
    {"negative hysteresis",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, high: {warning: 1}, hysteresis: -1}\n",
     "t.yaml:8:60: rules[0].hysteresis: must be at least 0, not -1\n"},
    {"severity of a level",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, high: {warning: 1}, severity: critical}\n",
     "t.yaml:8:58: rules[0].severity: is for stale, bad_for and expressions; limits have their severity by name: {warning: …, critical: …}\n"},
    {"severity none",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, stale: 5s, severity: none}\n",
     "t.yaml:8:49: rules[0].severity: must be warning or critical\n"},
    {"for of stale",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, stale: 5s, for: 1s}\n",
     "t.yaml:8:44: rules[0].for: is not for stale and bad_for, which are times themselves\n"},
    {"per of a level",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, high: {warning: 1}, per: 1s}\n",
     "t.yaml:8:53: rules[0].per: is for rate only\n"},
    {"rule without a sensor",
     BASE
     "rules:\n"
     "  - {name: r, stale: 5s}\n",
     "t.yaml:8:5: rules[0].sensor: is required: which sensors the rule watches\n"},
    {"for of bad_for",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, bad_for: 5m, for: 1s}\n",
     "t.yaml:8:46: rules[0].for: is not for stale and bad_for, which are times themselves\n"},
    {"never_seen of a level",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, high: {warning: 1}, never_seen: ignore}\n",
     "t.yaml:8:60: rules[0].never_seen: is for stale only\n"},
    {"max_per alone",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, stale: 5s, max_per: 1m}\n",
     "t.yaml:8:48: rules[0].max_per: says nothing without max_raises\n"},
    {"expression that is none",
     BASE
     "rules:\n"
     "  - {name: r, expression: d/s > }\n",
     "t.yaml:8:27: rules[0].expression: character 6: the expression ends too early\n"},
    {"expression over a sensor that is not there",
     BASE
     "rules:\n"
     "  - {name: r, expression: d/s > 1 and d/x > 1}\n",
     "t.yaml:8:27: rules[0].expression: there is no sensor 'd/x'; did you mean 'd/s'?\n"},
    {"expression that is a number",
     BASE
     "rules:\n"
     "  - {name: r, expression: d/s * 2}\n",
     "t.yaml:8:27: rules[0].expression: is a number: compare it with something, or give it high or low limits\n"},
    {"true or false with limits",
     BASE
     "rules:\n"
     "  - {name: r, expression: d/s > 2, high: {warning: 1}}\n",
     "t.yaml:8:42: rules[0].high: is for an expression that is a number; this one is true or false\n"},
    {"number with a severity",
     BASE
     "rules:\n"
     "  - {name: r, expression: d/s * 2, high: {warning: 1}, severity: critical}\n",
     "t.yaml:8:66: rules[0].severity: is for an expression that is true or false; limits have their severity by name: {warning: …, critical: …}\n"},
    {"expression with a glob",
     BASE
     "rules:\n"
     "  - {name: r, sensor: \"d/*\", expression: d/s > 1}\n",
     "t.yaml:8:23: rules[0].sensor: 'd/*' must be the name of one sensor: the alerts of an expression belong to it\n"},
    {"expression with stale",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, expression: d/s > 1, stale: 5s}\n",
     "t.yaml:8:5: rules[0]: mixes high or low limits, rate, stale, bad_for and expression: make a rule of each\n"},
    {"rate 0",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, rate: {warning: 0}}\n",
     "t.yaml:8:34: rules[0].rate: must be more than 0\n"},
    {"limits misspelt",
     BASE
     "rules:\n"
     "  - {name: r, sensor: d/s, high: {warn: 1}}\n",
     "t.yaml:8:35: rules[0].high.warn: unknown key; did you mean 'warning'?\n"},
    {"several at once, in file order",
     "gateway: {workers: 0, nam: x}\n"
     "sources:\n"
     "  - {name: a, driver: bus, port: /x, devices: [{name: d, unit_id: 0, sensors: [{name: s}]}]}\n"
     "rules:\n"
     "  - {name: r, sensor: zz, stale: 1m}\n",
     "t.yaml:1:20: gateway.workers: must be from 1 to 16, not 0\n"
     "t.yaml:1:23: gateway.nam: unknown key; did you mean 'name'?\n"
     "t.yaml:3:67: sources[0].devices[0].unit_id: must be from 1 to 247, not 0\n"
     "t.yaml:3:80: sources[0].devices[0].sensors[0]: needs exactly one of the keys holding | input\n"
     "t.yaml:5:23: rules[0].sensor: 'zz' matches no sensor; there are d/s\n"},
    /* clang-format on */
};

static void each_broken_file_is_told_exactly(void **state)
{
    size_t failed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct config *config = NULL;
        struct config_errors errors;
        char *told = NULL;
        size_t size;
        FILE *f = open_memstream(&told, &size);

        enum gw_err err = fixture_parse(cases[i].text, &config, &errors);
        config_errors_print(&errors, "t.yaml", f);
        fclose(f);
        if (err != GW_ECONFIG || config || strcmp(told, cases[i].expect) != 0) {
            print_message("%s:\n  expected %s  got      %s", cases[i].name, cases[i].expect, told);
            failed++;
        }
        config_errors_free(&errors);
        free(told);
    }
    assert_int_equal(failed, 0);
    assert_true(sizeof(cases) / sizeof(cases[0]) >= 100);
}

/* What every row is broken from must itself be right, or the rows would prove nothing. */
static void the_base_of_the_rows_is_right(void **state)
{
    struct config *config = NULL;
    struct config_errors errors;

    (void)state;
    assert_int_equal(fixture_parse(BASE, &config, &errors), GW_OK);
    assert_int_equal(errors.count, 0);
    config_free(config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_base_of_the_rows_is_right),
        cmocka_unit_test(each_broken_file_is_told_exactly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
