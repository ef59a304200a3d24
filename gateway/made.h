/* SPDX-License-Identifier: Apache-2.0 */
/* Sensors that sources make while they run, from patterns like "greenhouse/{1}/humidity". After a
 * restart the source has not seen them yet, but the database has: they are put into the table
 * again, so that one that stays away is noticed. The same when a reload brings the rule that misses
 * them, or a sensor of the file that earlier runs had. */
#ifndef SENSORGW_GATEWAY_MADE_H
#define SENSORGW_GATEWAY_MADE_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/sensor.h"

/* The pattern that makes a sensor of that name, and its source (may be NULL); NULL: none does.
 * Pure.
 */
const struct sensor_config *made_by(const struct config *config, const char *name,
                                    const struct source_config **source);

/* Adds what a `stale` rule watches, the last seen first, and notes of those that are in the table
 * already that they were good once, so that they went silent, and were not never seen. With those
 * that it has made already each source gets half of what it may make at most: the rest of the room
 * is for devices that are new. The database must be there, if there is such a rule. */
enum gw_err made_add_known(const struct config *config, const char *database,
                           struct sensor_table *sensors);

#endif
