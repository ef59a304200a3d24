/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's part of the configuration. */
#ifndef SENSORGW_DRIVERS_FILE_OPTIONS_H
#define SENSORGW_DRIVERS_FILE_OPTIONS_H

#include "config/config.h"

#include <regex.h>

/* A sensor's keys; `regex` is made from `match` by the check. */
struct file_sensor {
    char *path, *match;
    int format; /* enum file_format */
    regex_t *regex;
};

extern const struct option file_source_options[], file_sensor_options[];

void file_check_sensor(struct sensor_config *c, const struct device_config *device,
                       struct config_reporter *r);
void file_free_sensor(void *options);

#endif
