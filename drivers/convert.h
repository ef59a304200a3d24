/* SPDX-License-Identifier: Apache-2.0 */
/* Raw value → value in the sensor's unit, or why not. Pure. */
#ifndef SENSORGW_DRIVERS_CONVERT_H
#define SENSORGW_DRIVERS_CONVERT_H

#include "config/config.h"
#include "gateway/core/reading.h"

#include <stdint.h>

/* value = raw × scale + offset. QUALITY_INVALID: raw is one of the sensor's `invalid` values, or
 * not finite. QUALITY_OVERFLOW: the result is not finite. QUALITY_OUT_OF_RANGE: the result is
 * outside min and max. *value is written only with QUALITY_GOOD. */
enum quality convert_real(const struct sensor_config *c, double raw, double *value);

/* A reading of the given sensor index made from a raw value. */
struct reading convert_reading(const struct sensor_config *c, uint32_t sensor, int64_t time_us,
                               double raw);
struct reading convert_integer(const struct sensor_config *c, uint32_t sensor, int64_t time_us,
                               int64_t raw);
/* A reading without a value; `why` is not QUALITY_GOOD. */
struct reading convert_bad(uint32_t sensor, int64_t time_us, enum quality why);

#endif
