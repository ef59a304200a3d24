/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's part of the configuration. */
#ifndef SENSORGW_DRIVERS_MQTT_OPTIONS_H
#define SENSORGW_DRIVERS_MQTT_OPTIONS_H

#include "config/config.h"

struct mqtt_source {
    char *topic;
    int64_t qos, max_sensors, max_payload;
};

struct mqtt_sensor {
    char *value, *time; /* JSON Pointers; NULL: the message itself; arrival time */
};

extern const struct option mqtt_source_options[], mqtt_sensor_options[];

void mqtt_check_sensor(struct sensor_config *c, const struct device_config *device,
                       struct config_reporter *r);
void mqtt_check_source(struct source_config *c, struct config_reporter *r);

#endif
