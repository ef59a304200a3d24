/* SPDX-License-Identifier: Apache-2.0 */
/* Paho's MQTTAsync behind what the client needs of it. Functions are called by the client's thread
 * alone (create and destroy: while it does not run); callbacks come from Paho's threads under its
 * global lock, and must not block or call back in. */
#ifndef SENSORGW_DRIVERS_MQTT_LINK_H
#define SENSORGW_DRIVERS_MQTT_LINK_H

#include "config/config.h"
#include "drivers/mqtt/client.h"
#include "drivers/mqtt/diagnosis.h"
#include "drivers/mqtt/subscriptions.h"

struct mqtt_link;

enum link_event {
    LINK_UP = 1 << 0,      /* CONNACK */
    LINK_REFUSED = 1 << 1, /* no connection came about */
    LINK_LOST = 1 << 2,    /* it ended, by us too */
};

#define LINK_NO_TOKEN UINT64_MAX /* nobody waits for the answer */
#define LINK_NO_ANSWER (-1000)   /* a reason of our own */
#define LINK_TOO_LARGE 0x95      /* MQTT 5: packet too large */
#define LINK_TAKEN_OVER 0x8e     /* MQTT 5: session taken over */

struct link_options {
    const struct mqtt_section *mqtt;     /* borrowed */
    const char *client_id;               /* borrowed */
    const char *will_topic, *will;       /* borrowed; topic NULL: no will */
    struct subscriptions *subscriptions; /* borrowed: told the answers to link_subscribe() */
    void (*on_event)(void *arg, enum link_event event, int reason);
    void (*on_published)(void *arg, uint64_t token, int reason);
    void (*on_message)(void *arg, const struct mqtt_message *message);
    void *arg;
};

enum gw_err link_create(struct mqtt_link **out, const struct link_options *options);
void link_destroy(struct mqtt_link *l); /* NULL is ok */

/* Between two connections: makes Paho forget what it would send again, for when that may be what
 * the broker hangs up on. What waits for an answer gets none. */
enum gw_err link_renew(struct mqtt_link *l);
/* Begins to connect; LINK_UP or LINK_REFUSED follows. */
enum gw_err link_connect(struct mqtt_link *l);
/* After LINK_UP: did the broker have a session of ours? Any thread. */
bool link_had_session(const struct mqtt_link *l);
/* After LINK_UP, in any thread but Paho's: what Paho leaves to be set on its socket. */
void link_tune(struct mqtt_link *l);
/* Begins to disconnect; LINK_LOST follows, sooner or later. */
void link_disconnect(struct mqtt_link *l, int timeout_ms);

struct link_message {
    const char *topic;
    const void *payload;
    size_t length;
    int qos;
    bool retained;
};
/* Paho copies. on_published() follows once, unless token is LINK_NO_TOKEN. GW_EREFUSED: it is
 * larger than what the broker said that it takes. */
enum gw_err link_send(struct mqtt_link *l, const struct link_message *m, uint64_t token);
enum gw_err link_subscribe(struct mqtt_link *l, const char *filter, int qos, unsigned id);

/* Nobody waits for the answer: what is lost with the connection is asked for once more by nobody.
 */
enum gw_err link_unsubscribe(struct mqtt_link *l, const char *filter);

const char *link_url(const struct mqtt_link *l); /* for messages */
const char *link_client_id(const struct mqtt_link *l);
/* What a reason code means, in words; what to do about it. Both static. */
const char *link_reason(int reason);
const char *link_hint(int reason);
/* After LINK_REFUSED without a reason code: looks for one, see diagnose(). */
void link_diagnose(struct mqtt_link *l, bool (*stopping)(void *arg), void *arg,
                   struct diagnosis *out);

#endif
