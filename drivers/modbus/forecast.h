/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a line has time for what it is asked: what `sensorgw check` says before anything runs. */
#ifndef SENSORGW_DRIVERS_MODBUS_FORECAST_H
#define SENSORGW_DRIVERS_MODBUS_FORECAST_H

#include "config/config.h"
#include "gateway/core/err.h"

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct forecast {
    size_t requests;     /* of all devices on the line */
    size_t bytes;        /* of all of them and their replies, once */
    double cycle_us;     /* the same in time */
    double load;         /* part of the line's time that is used; above 1 polls fall out */
    int64_t shortest_us; /* period; 0 without requests */
};

/* Of sources that share a line, 1 or more. baud: at that speed; 0: at the line's own. */
enum gw_err forecast_line(const struct source_config *const *sources, size_t count, int64_t baud,
                          struct forecast *out);

/* driver.describe_line */
void forecast_describe(const struct source_config *const *sources, size_t count, FILE *f);

#endif
