/* SPDX-License-Identifier: Apache-2.0 */
/* The subscriptions of the client: who wants which messages, and what the broker said to it. Any
 * thread unless said otherwise. */
#ifndef SENSORGW_DRIVERS_MQTT_SUBSCRIPTIONS_H
#define SENSORGW_DRIVERS_MQTT_SUBSCRIPTIONS_H

#include "drivers/mqtt/client.h"

struct subscriptions;
struct mqtt_link;

struct subscriptions *subscriptions_create(void); /* NULL without memory */
void subscriptions_destroy(struct subscriptions *s);

enum gw_err subscriptions_add(struct subscriptions *s, const char *filter, int qos,
                              mqtt_message_fn *fn, void *arg, unsigned *id);
/* After this its callback is not running and will not run again. */
void subscriptions_remove(struct subscriptions *s, unsigned id);

/* What was removed is unsubscribed at the broker too, with the next subscriptions_send(). */
void subscriptions_tidy(struct subscriptions *s);

/* All must be sent again: the broker may have forgotten them. */
void subscriptions_renew(struct subscriptions *s);
/* Sends those that wait. The client's thread. */
void subscriptions_send(struct subscriptions *s, struct mqtt_link *link);
/* The broker's answer to one (reason code, or −1): noted. Paho's threads. */
void subscriptions_answered(struct subscriptions *s, unsigned id, int reason);
/* Logs the refusals noted since the last call. The client's thread. */
void subscriptions_complain(struct subscriptions *s);

/* How many are refused, the first one's filter in `filter`. Any thread. */
size_t subscriptions_refused(struct subscriptions *s, char *filter, size_t size);

/* Gives a message to all whose filter it matches. Paho's receive thread. */
void subscriptions_give(struct subscriptions *s, const struct mqtt_message *message);

#endif
