/* SPDX-License-Identifier: Apache-2.0 */
/* The modbus driver on a line of units of which every register holds a value made of its unit and
 * address, so that every good reading is checked for its origin. The test drives it: no thread. */
#ifndef SENSORGW_TESTS_SUPPORT_MODBUS_RIG_H
#define SENSORGW_TESTS_SUPPORT_MODBUS_RIG_H

#include "drivers/driver.h"
#include "drivers/modbus/options.h"
#include "gateway/core/clock.h"
#include "tests/support/modbus_slave.h"

#include <stdint.h>

#define UNITS_MAX 12
#define SENSORS_MAX 128
#define RIG_TIMEOUT_US (60 * US_PER_MS)
/* Where nothing is to time out because the machine is busy. */
#define RIG_PATIENCE_US (20 * US_PER_SECOND)
/* Of a run that ends earlier when all is well. */
#define RIG_RUN_US (120 * US_PER_SECOND)

extern const struct driver driver_modbus;

struct rig {
    size_t units, sensors;
    struct modbus_source source_options;
    char host[16], address[32];
    struct modbus_device device_options[UNITS_MAX];
    struct modbus_sensor sensor_options[UNITS_MAX][SENSORS_MAX];
    struct sensor_config sensor_configs[UNITS_MAX][SENSORS_MAX];
    struct device_config devices[UNITS_MAX];
    struct source_config config;
    struct source_env env;
    struct source *source;
    int64_t next_us;
    enum gw_err poll_error;
    /* what came, by unit */
    unsigned good[UNITS_MAX], bad[UNITS_MAX][QUALITY_COUNT];
    int64_t last_good_us[UNITS_MAX], longest_gap_us[UNITS_MAX];
    int64_t longest_poll_us;
};

/* `units` devices, the first of them unit 1, with `sensors` holding registers each, 7, 17, 27 …,
 * one request each. May be changed before rig_open(). */
void rig_prepare(struct rig *r, struct modbus_slave *slave, size_t units, size_t sensors,
                 int64_t every_us);
/* The registers of all units lie side by side, from `first` on: one request. */
void rig_side_by_side(struct rig *r, uint16_t first);
void rig_open(struct rig *r);
void rig_close(struct rig *r);
void rig_reopen(struct rig *r); /* as a source's thread does */

/* Waits until something is due, polls once, and checks what came. */
void rig_step(struct rig *r);
/* Until there are `good` good readings, or the time is over. */
void rig_run(struct rig *r, unsigned good, int64_t most_us);

unsigned rig_good(const struct rig *r);
unsigned rig_bad(const struct rig *r, size_t unit);

/* Whether one of so many attempts goes well: what has real time as its subject may be spoilt by a
 * machine that stands still, but not each time. */
bool rig_succeeds(bool (*attempt)(void), int attempts);

#endif
