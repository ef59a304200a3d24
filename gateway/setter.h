/* SPDX-License-Identifier: Apache-2.0 */
/* Sets sensors that are `writable: true`: finds the sensor, keeps to the rate, has the source's
 * thread do it, and logs what happened. */
#ifndef SENSORGW_GATEWAY_SETTER_H
#define SENSORGW_GATEWAY_SETTER_H

#include "config/config.h"
#include "drivers/driver.h"

struct setter;

/* Borrows both; `sources` in the order of config->sources. */
enum gw_err setter_create(struct setter **out, const struct config *config,
                          struct source *const *sources);
void setter_destroy(struct setter *s); /* NULL is ok */

/* Whether any sensor is writable. */
bool setter_has_any(const struct setter *s);

/* Sets `sensor` (its full name) to `value`, in its unit, and waits for what became of it:
 * out->err is GW_ENOENT without such a sensor, GW_EACCES when it is not writable, GW_EBUSY within a
 * second of the last time, GW_ETIMEDOUT when its line is too busy, or the driver's. `origin` goes
 * into the log. Any thread but a source's. */
void setter_set(struct setter *s, const char *sensor, double value, const char *origin,
                struct source_write *out);

#endif
