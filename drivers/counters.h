/* SPDX-License-Identifier: Apache-2.0 */
/* All counters of a gateway, kept in a small file beside the database, so that a total goes on
 * after a restart where it was. The file is written when a counter has wrapped or been reset,
 * every ten minutes while something counts, and at the end: seldom enough for an SD card, and what
 * a crash costs is made good by the next reading, since a total is the raw value plus a base. */
#ifndef SENSORGW_DRIVERS_COUNTERS_H
#define SENSORGW_DRIVERS_COUNTERS_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/reading.h"
#include "gateway/core/sensor.h"

#include <stdint.h>

struct counters;

/* Reads the file, the database's path with ".counters", when there is one (a damaged line is logged
 * and left out), and starts the thread that writes it. Borrows the sensors. *out is NULL when no
 * sensor of the configuration is a counter. */
enum gw_err counters_create(struct counters **out, const struct config *config,
                            const struct sensor_table *sensors);
void counters_destroy(struct counters *c); /* writes the file; NULL is ok */

/* Turns a good reading of a sensor with `counter: true` into the total, or into the increase per
 * `per`, in the sensor's unit; of the latter the first is QUALITY_INVALID, since it takes two.
 * Other readings stay as they are. now_us: when it was measured, on a clock for this sensor that
 * only matters for differences. Any thread. */
void counters_apply(struct counters *c, const struct sensor_config *config, struct reading *r,
                    int64_t now_us);

#endif
