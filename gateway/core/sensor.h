/* SPDX-License-Identifier: Apache-2.0 */
/* The table of sensors: a reading's `sensor` is an index into it. It only ever grows, up to a
 * capacity fixed at creation. An entry never changes; a reload may put another one in its place,
 * which describes the sensor anew. Reading one needs no lock. */
#ifndef SENSORGW_CORE_SENSOR_H
#define SENSORGW_CORE_SENSOR_H

#include "gateway/core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SENSOR_NONE UINT32_MAX
#define SENSOR_NAME_MAX 200 /* bytes without the NUL; a name is part of an MQTT topic */

struct sensor {
    const char *name;   /* full name, "device/sensor" or "source/sensor"; unique */
    const char *unit;   /* UTF-8; "" for none */
    const char *device; /* "" where the driver has no devices */
    uint32_t source;    /* index of the source, as in the configuration */
    int64_t every_us;   /* polling period; 0 for a sensor that is pushed to us */
    bool gone;          /* no longer in the configuration; kept for what is stored of it */
    bool was_good; /* good readings of it were stored before it was added, or before a reload */
};

struct sensor_table;

/* Room for `capacity` sensors; memory for each is taken when it is added. */
enum gw_err sensor_table_create(struct sensor_table **out, size_t capacity);
void sensor_table_destroy(struct sensor_table *t); /* NULL is ok */

/* Adds a sensor and gives its index. Copies all strings. GW_EEXIST (index still given) when the
 * name is taken, GW_EFULL at capacity, GW_EINVAL for a name that sensor_name_valid() refuses. Any
 * thread. */
enum gw_err sensor_table_add(struct sensor_table *t, const struct sensor *s, uint32_t *index);

/* The same, but describes a sensor that is there anew, where the description differs. Who got the
 * former entry may still read it. */
enum gw_err sensor_table_put(struct sensor_table *t, const struct sensor *s, uint32_t *index);

/* The entry, or NULL for an index not given out. The pointer stays valid until the table is
 * destroyed. Any thread. */
const struct sensor *sensor_table_get(const struct sensor_table *t, uint32_t index);

/* Index by name, or SENSOR_NONE. Any thread. */
uint32_t sensor_table_find(struct sensor_table *t, const char *name);

size_t sensor_table_count(const struct sensor_table *t);
size_t sensor_table_capacity(const struct sensor_table *t);

/* 1 to SENSOR_NAME_MAX bytes of UTF-8 without control characters, '+', '#' or spaces at either end,
 * no empty level between slashes and no leading '$': what is safe as a part of a topic. NULL when
 * valid, else what is wrong (static). */
const char *sensor_name_problem(const char *name);

#endif
