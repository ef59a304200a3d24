/* SPDX-License-Identifier: Apache-2.0 */
/* Two drivers that exist in these tests only: "bus" is polled and has devices, "push" is told
 * values and makes sensors from wildcards. */
#ifndef SENSORGW_TESTS_CONFIG_FIXTURE_H
#define SENSORGW_TESTS_CONFIG_FIXTURE_H

#include "config/config.h"

#include <stdio.h>
#include <string.h>

struct bus_source {
    char *port, *address;
    int64_t baud;
    int parity;
};
struct bus_device {
    int64_t unit_id;
};
struct bus_sensor {
    int64_t holding, input;
    bool flag;
};
struct push_source {
    char *topic;
    int64_t max_sensors;
};

static const char *const parity_choices[] = {"none", "even", "odd", NULL};
static const struct option bus_source_options[] = {{.key = "port",
                                                    .type = OPTION_STRING,
                                                    .offset = offsetof(struct bus_source, port),
                                                    .fallback = OPTION_OPTIONAL,
                                                    .group = "port | address",
                                                    .help = "Serial device"},
                                                   {.key = "address",
                                                    .type = OPTION_STRING,
                                                    .offset = offsetof(struct bus_source, address),
                                                    .fallback = OPTION_OPTIONAL,
                                                    .group = "port | address",
                                                    .help = "Host"},
                                                   {.key = "baud",
                                                    .type = OPTION_INTEGER,
                                                    .offset = offsetof(struct bus_source, baud),
                                                    .fallback = "9600",
                                                    .min = 50,
                                                    .max = 4000000,
                                                    .help = "Bits per second"},
                                                   {.key = "parity",
                                                    .type = OPTION_ENUM,
                                                    .offset = offsetof(struct bus_source, parity),
                                                    .fallback = "even",
                                                    .choices = parity_choices,
                                                    .help = "Parity"},
                                                   {0}};
static const struct option bus_device_options[] = {{.key = "unit_id",
                                                    .type = OPTION_INTEGER,
                                                    .offset = offsetof(struct bus_device, unit_id),
                                                    .min = 1,
                                                    .max = 247,
                                                    .each = "unit",
                                                    .help = "Number of the device on its bus"},
                                                   {0}};
static const struct option bus_sensor_options[] = {{.key = "holding",
                                                    .type = OPTION_INTEGER,
                                                    .offset = offsetof(struct bus_sensor, holding),
                                                    .fallback = OPTION_OPTIONAL,
                                                    .min = 0,
                                                    .max = 65535,
                                                    .group = "holding | input",
                                                    .help = "Holding register"},
                                                   {.key = "input",
                                                    .type = OPTION_INTEGER,
                                                    .offset = offsetof(struct bus_sensor, input),
                                                    .fallback = OPTION_OPTIONAL,
                                                    .min = 0,
                                                    .max = 65535,
                                                    .group = "holding | input",
                                                    .help = "Input register"},
                                                   {.key = "flag",
                                                    .type = OPTION_BOOL,
                                                    .offset = offsetof(struct bus_sensor, flag),
                                                    .fallback = "false",
                                                    .help = "A flag"},
                                                   {0}};
static const struct option push_source_options[] = {
    {.key = "topic",
     .type = OPTION_STRING,
     .offset = offsetof(struct push_source, topic),
     .help = "Topic filter"},
    {.key = "max_sensors",
     .type = OPTION_INTEGER,
     .offset = offsetof(struct push_source, max_sensors),
     .fallback = "1000",
     .min = 1,
     .max = 100000,
     .help = "Sensors that may be made"},
    {0}};
static const struct option no_options[] = {{0}};

static void check_push(struct source_config *s, struct config_reporter *r)
{
    const struct push_source *o = s->options;

    if (strchr(o->topic, ' '))
        config_report(r, s->node, "topic", "'%s' holds a space", o->topic);
    s->extra_sensors = (size_t)o->max_sensors;
}

static const struct driver_schema bus_schema = {
    .name = "bus",
    .help = "A field bus.",
    .source_options = bus_source_options,
    .device_options = bus_device_options,
    .sensor_options = bus_sensor_options,
    .source_size = sizeof(struct bus_source),
    .device_size = sizeof(struct bus_device),
    .sensor_size = sizeof(struct bus_sensor),
    .polled = true,
};
static const struct driver_schema push_schema = {
    .name = "push",
    .help = "Is told values.",
    .source_options = push_source_options,
    .sensor_options = no_options,
    .source_size = sizeof(struct push_source),
    .needs_mqtt = true,
    .wildcard_names = true,
    .check_source = check_push,
};
static const struct driver_schema *const fixture_drivers[] = {&bus_schema, &push_schema};

/* Parses a text under the name "t.yaml". */
static inline enum gw_err fixture_parse(const char *text, struct config **out,
                                        struct config_errors *errors)
{
    return config_parse("t.yaml", text, strlen(text), fixture_drivers, 2, out, errors);
}

#endif
