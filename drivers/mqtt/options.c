/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/options.h"

#include "drivers/mqtt/payload.h"
#include "drivers/mqtt/topic.h"
#include "gateway/core/sensor.h"

#include <stddef.h>
#include <string.h>

#define AT(field) offsetof(struct mqtt_source, field)
const struct option mqtt_source_options[] = {
    {.key = "topic",
     .type = OPTION_STRING,
     .offset = AT(topic),
     .help = "Topic filter, with + and # as wildcards; $share/<group>/<filter> to share the load"},
    {.key = "qos",
     .type = OPTION_INTEGER,
     .offset = AT(qos),
     .fallback = "1",
     .min = 0,
     .max = 2,
     .help = "Quality of service asked for; 1 keeps messages at the broker while the gateway is "
             "away for less than an hour"},
    {.key = "max_sensors",
     .type = OPTION_INTEGER,
     .offset = AT(max_sensors),
     .fallback = "1000",
     .min = 1,
     .max = 100000,
     .help = "Sensors that messages may create through {1}, {2} in names"},
    {.key = "max_payload",
     .type = OPTION_SIZE,
     .offset = AT(max_payload),
     .fallback = "4kB",
     .min = 16,
     .max = 262144,
     .help = "Longest message that is looked at"},
    {0}};
#undef AT

#define AT(field) offsetof(struct mqtt_sensor, field)
const struct option mqtt_sensor_options[] = {
    {.key = "value",
     .type = OPTION_STRING,
     .offset = AT(value),
     .fallback = OPTION_OPTIONAL,
     .help = "JSON Pointer to the value, like /humidity; when left out the message itself is a "
             "number, or true, false, on, off"},
    {.key = "time",
     .type = OPTION_STRING,
     .offset = AT(time),
     .fallback = OPTION_OPTIONAL,
     .help = "JSON Pointer to the time of measurement: RFC 3339, or seconds, ms or µs since 1970; "
             "without a plausible one the time of arrival counts"},
    {0}};
#undef AT

static void check_pointer(const struct sensor_config *c, const char *key, const char *pointer,
                          struct config_reporter *r)
{
    const char *problem = pointer ? payload_pointer_problem(pointer) : NULL;

    if (problem)
        config_report(r, c->node, key, "'%s' %s", pointer, problem);
}

void mqtt_check_sensor(struct sensor_config *c, const struct device_config *device,
                       struct config_reporter *r)
{
    const struct mqtt_sensor *o = c->options;

    (void)device;
    check_pointer(c, "value", o->value, r);
    check_pointer(c, "time", o->time, r);
}

static void check_captures(const struct source_config *c, const struct mqtt_source *o,
                           struct config_reporter *r)
{
    const struct device_config *d = &c->devices[0];
    size_t wildcards = topic_wildcards(o->topic);

    for (size_t i = 0; i < d->sensor_count; i++) {
        size_t highest = topic_highest_capture(d->sensors[i].name);
        if (highest > wildcards)
            config_report(r, d->sensors[i].node, "name",
                          "has {%zu}, but the topic %s has %zu wildcard%s", highest, o->topic,
                          wildcards, wildcards == 1 ? "" : "s");
        for (size_t k = 0; highest > 0 && k < i; k++) {
            if (strcmp(d->sensors[k].name, d->sensors[i].name) == 0)
                config_report(r, d->sensors[i].node, "name", "'%s' is there twice",
                              d->sensors[i].name);
        }
    }
}

void mqtt_check_source(struct source_config *c, struct config_reporter *r)
{
    const struct mqtt_source *o = c->options;
    const char *problem = topic_filter_problem(o->topic);

    if (problem) {
        config_report(r, c->node, "topic", "'%s' %s", o->topic, problem);
        return;
    }
    check_captures(c, o, r);
    for (size_t i = 0; i < c->devices[0].sensor_count; i++) {
        if (c->devices[0].sensors[i].index == SENSOR_NONE)
            c->extra_sensors = (size_t)o->max_sensors;
    }
}
