/* SPDX-License-Identifier: Apache-2.0 */
/* The one connection to the broker: Paho's MQTTAsync with MQTT 5, driven by one thread of ours with
 * an explicit state machine. All calls to Paho come from that thread; its callbacks only hand
 * things over. Used by the mqtt driver (messages in) and by the gateway's publisher (messages out).
 */
#ifndef SENSORGW_DRIVERS_MQTT_CLIENT_H
#define SENSORGW_DRIVERS_MQTT_CLIENT_H

#include "config/config.h"
#include "gateway/core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mqtt_client;

struct mqtt_message {
    const char *topic;   /* NUL-terminated here, also when Paho's is not; no NUL inside */
    const char *payload; /* not NUL-terminated */
    size_t topic_length, length;
    bool retained;
};

/* Runs in Paho's receive thread under its process-wide lock: must not block, must not call this
 * client. Borrowed for the call. */
typedef void mqtt_message_fn(void *arg, const struct mqtt_message *message);

struct mqtt_client_options {
    const struct mqtt_section *mqtt; /* borrowed */
    const char *client_id;           /* copied */
    const char *status_topic; /* copied; retained "online" after each connect, "offline" as last
                               * will and at stop; NULL: none */
    /* In the client's thread, after each connect once subscriptions and status are sent, and after
     * each loss. NULL: nobody. */
    void (*on_connection)(void *arg, bool connected);
    void *arg;
};

enum gw_err mqtt_client_create(struct mqtt_client **out, const struct mqtt_client_options *options);
void mqtt_client_destroy(struct mqtt_client *c); /* stopped; NULL is ok */

/* Adds a subscription (MQTT filter, `$share/…` too), sent on every connect. Copies the filter. Any
 * thread. The callback sees the messages that match this filter; a message that matches several
 * filters is given to each once. Returns an id to take it back with, in *id. */
enum gw_err mqtt_client_subscribe(struct mqtt_client *c, const char *filter, int qos,
                                  mqtt_message_fn *fn, void *arg, unsigned *id);
/* After this returns the callback is not running and will not run again. */
void mqtt_client_unsubscribe(struct mqtt_client *c, unsigned id);

/* Has the broker forget those filters that were unsubscribed and that nobody has any more; without
 * this it keeps them with the session. Any thread. */
void mqtt_client_tidy(struct mqtt_client *c);

/* Begins to connect, and goes on trying with a back-off from 1 to 30 s; a broker that is absent is
 * no error. */
enum gw_err mqtt_client_start(struct mqtt_client *c);

/* How a publish ended. reason: the MQTT 5 reason code of the broker's answer (≥ 0x80: refused; Paho
 * 1.3.12 gives 0 for all that succeeded; 0x95 also when the message is larger than what the broker
 * said that it takes, and was not sent), or −1: the connection was lost or was not there, so
 * nobody knows. */
typedef void mqtt_published_fn(void *arg, int64_t cookie, int reason);

/* Queues a message for sending; copies topic and payload. GW_EFULL: as many are waiting as the
 * client keeps (64); GW_ECONN: not connected. With QoS 1 `done` (may be NULL) is called exactly
 * once, from any thread, must not block and must not call this client. Any thread, but no callback
 * of this client. */
enum gw_err mqtt_client_publish(struct mqtt_client *c, const char *topic, const void *payload,
                                size_t length, int qos, bool retained, mqtt_published_fn *done,
                                void *arg, int64_t cookie);

/* Our own note of the state; never asks Paho. Any thread, callbacks too. */
bool mqtt_client_connected(const struct mqtt_client *c);

/* What keeps it from the broker, and what to do about that (*hint, static); also while it is
 * connected, when connections end again and again. False, an empty text, and the hint is left
 * alone: nothing that is known. Any thread. */
bool mqtt_client_trouble(struct mqtt_client *c, char *text, size_t size, const char **hint);

/* Did the broker have our session still when the last connection began? If not, it may have
 * forgotten what it kept, too. Any thread. */
bool mqtt_client_had_session(const struct mqtt_client *c);

/* How many subscriptions the broker has refused, the first one's filter in `filter`. Any thread. */
size_t mqtt_client_refused(struct mqtt_client *c, char *filter, size_t size);

/* Publishes "offline", disconnects, ends the thread: within about 2 s whatever the broker does.
 * Idempotent. */
void mqtt_client_stop(struct mqtt_client *c);

#endif
