/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/convert.h"

#include <math.h>

#define EXACT_MAX (INT64_C(1) << 53) /* beyond it a double has no room for every whole number */

static bool is_invalid(const struct sensor_config *c, double raw)
{
    for (size_t i = 0; i < c->invalid.count; i++) {
        if (c->invalid.items[i].real == raw)
            return true;
    }
    return false;
}

enum quality convert_real(const struct sensor_config *c, double raw, double *value)
{
    if (!isfinite(raw) || is_invalid(c, raw))
        return QUALITY_INVALID;
    double result = raw * c->scale + c->offset;
    if (!isfinite(result))
        return QUALITY_OVERFLOW;
    if (result < c->min || result > c->max) /* false for a limit that is NAN */
        return QUALITY_OUT_OF_RANGE;
    *value = result;
    return QUALITY_GOOD;
}

struct reading convert_bad(uint32_t sensor, int64_t time_us, enum quality why)
{
    return (struct reading){
        .time_us = time_us, .value = (double)NAN, .sensor = sensor, .quality = (uint8_t)why};
}

struct reading convert_reading(const struct sensor_config *c, uint32_t sensor, int64_t time_us,
                               double raw)
{
    double value;
    enum quality quality = convert_real(c, raw, &value);

    if (quality != QUALITY_GOOD)
        return convert_bad(sensor, time_us, quality);
    return (struct reading){.time_us = time_us, .value = value, .sensor = sensor};
}

/* An exact comparison: the double next to a large raw value would match its neighbours too. */
static bool is_invalid_integer(const struct sensor_config *c, int64_t raw)
{
    for (size_t i = 0; i < c->invalid.count; i++) {
        if (c->invalid.items[i].is_integer && c->invalid.items[i].integer == raw)
            return true;
    }
    return false;
}

struct reading convert_integer(const struct sensor_config *c, uint32_t sensor, int64_t time_us,
                               int64_t raw)
{
    bool plain = c->scale == 1 && c->offset == 0;
    bool exact = raw >= -EXACT_MAX && raw <= EXACT_MAX;

    if (!plain || exact)
        return convert_reading(c, sensor, time_us, (double)raw);
    if (is_invalid_integer(c, raw))
        return convert_bad(sensor, time_us, QUALITY_INVALID);
    if ((double)raw < c->min || (double)raw > c->max)
        return convert_bad(sensor, time_us, QUALITY_OUT_OF_RANGE);
    return (struct reading){
        .time_us = time_us, .integer = raw, .sensor = sensor, .flags = READING_INTEGER};
}
