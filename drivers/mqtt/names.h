/* SPDX-License-Identifier: Apache-2.0 */
/* Topic → sensors: which sensors a topic's messages go to, made when the topic is first seen. One
 * thread. */
#ifndef SENSORGW_DRIVERS_MQTT_NAMES_H
#define SENSORGW_DRIVERS_MQTT_NAMES_H

#include "drivers/mqtt/client.h"
#include "drivers/source.h"

struct names;

/* Borrows the source. NULL without memory. */
struct names *names_create(struct source *s);
void names_destroy(struct names *n);

/* The sensors' indices for a topic that matches the source's filter, in the order of
 * source_sensor(); borrowed. NULL: it cannot have them, for *why. */
const uint32_t *names_find(struct names *n, const char *topic, enum drop_reason *why);

#endif
