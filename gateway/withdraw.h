/* SPDX-License-Identifier: Apache-2.0 */
/* Takes back what an earlier configuration announced to Home Assistant. The broker keeps those
 * messages, so they come in after each connection; ours that describe a sensor or rule that is no
 * more are replaced by empty ones, which makes Home Assistant forget them. Without
 * `home_assistant` all of ours are, and it only looks for the first minute of being connected. */
#ifndef SENSORGW_GATEWAY_WITHDRAW_H
#define SENSORGW_GATEWAY_WITHDRAW_H

#include "config/config.h"
#include "drivers/mqtt/client.h"
#include "gateway/core/err.h"
#include "gateway/core/sensor.h"
#include "gateway/plant.h"

#include <stdbool.h>
#include <stddef.h>

struct withdraw;

/* Subscribes. Borrows all. */
enum gw_err withdraw_create(struct withdraw **out, struct plants *plants,
                            struct sensor_table *sensors, struct mqtt_client *client);
/* To be called while connected. Sends what is due, until send() says no; `text` is taken by it. One
 * thread. */
void withdraw_work(struct withdraw *w,
                   bool (*send)(void *arg, const char *topic, char *text, int qos), void *arg);
/* Another configuration is in force: has the broker send all of them once more. */
void withdraw_again(struct withdraw *w);
/* Unsubscribes and frees it; NULL is ok. */
void withdraw_destroy(struct withdraw *w);

/* Whether a discovery message is of this gateway, but of nothing that it has now. Pure. */
bool withdraw_is_due(const struct config *config, struct sensor_table *sensors, const char *payload,
                     size_t length);

#endif
