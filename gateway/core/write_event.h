/* SPDX-License-Identifier: Apache-2.0 */
/* A sensor that was set, or that somebody wanted to set: what the database keeps of it. */
#ifndef SENSORGW_CORE_WRITE_EVENT_H
#define SENSORGW_CORE_WRITE_EVENT_H

#include "gateway/core/sensor.h"

#include <stdint.h>

#define WRITE_ID_MAX 64
#define WRITE_ERROR_MAX 159

/* A plain value: copied. Texts are cut to what fits. */
struct write_event {
    int64_t time_us;                  /* when it was asked for: UTC, µs */
    double value;                     /* asked for, in the sensor's unit; NAN: not understood */
    double read_back;                 /* from the device; NAN: nothing was */
    char sensor[SENSOR_NAME_MAX + 1]; /* as it was asked for: there may be no such sensor */
    char origin[16];                  /* who asked: "mqtt", "control", "http" */
    char id[WRITE_ID_MAX + 1];        /* the request's own; "" for none */
    char error[WRITE_ERROR_MAX + 1];  /* why it failed or was refused; "": it was done */
};

#endif
