/* SPDX-License-Identifier: Apache-2.0 */
/* Home Assistant's MQTT discovery: one retained message for each sensor, and one for each rule that
 * watches it. Keys and device classes are those of the MQTT "sensor" and "binary_sensor"
 * integrations. Pure. */
#ifndef SENSORGW_GATEWAY_DISCOVERY_H
#define SENSORGW_GATEWAY_DISCOVERY_H

#include "config/config.h"
#include "gateway/core/sensor.h"
#include "gateway/message.h"

/* The message for a sensor; rule: the one for that rule's alerts instead. Returns owned; the topic
 * in *topic. */
char *discovery_message(const struct config *c, const struct sensor *s,
                        const struct rule_config *rule, char topic[static TOPIC_SIZE]);

#endif
