/* SPDX-License-Identifier: Apache-2.0 */
/* The publisher thread: alert transitions from the outbox to the broker, at least once and in order
 * for each rule; readings and the gateway's own figures on request. Topics: DESIGN of the README,
 * below <prefix>/<gateway>/. */
#ifndef SENSORGW_GATEWAY_PUBLISHER_H
#define SENSORGW_GATEWAY_PUBLISHER_H

#include "config/config.h"
#include "drivers/mqtt/client.h"
#include "gateway/core/err.h"
#include "gateway/core/ledger.h"
#include "gateway/core/reading.h"
#include "gateway/core/record.h"
#include "gateway/core/sensor.h"
#include "gateway/plant.h"
#include "storage/store.h"

#include <stddef.h>
#include <stdint.h>

struct publisher;
struct source;

/* All borrowed; must outlive the publisher. */
struct publisher_options {
    const struct config *config; /* mqtt section present */
    struct mqtt_client *client;
    struct sensor_table *sensors;
    struct ledger *ledger;
    struct plants *plants; /* for the figures; NULL: none */
    const char *database;  /* path; the publisher opens a read-only connection of its own */
    const char *instance;  /* store_instance(), for ids of transitions that are not stored yet */
    /* Takes the broker's answer for an outbox row (writer_outbox_done()); GW_EFULL: it will be said
     * again. */
    enum gw_err (*outbox_done)(void *arg, const struct outbox_result *result);
    void *arg;
};

enum gw_err publisher_start(struct publisher **out, const struct publisher_options *options);

/* There are new rows in the outbox. Any thread; never blocks. */
void publisher_wake(struct publisher *p);

/* The connection came or went: for mqtt_client_options.on_connection. Any thread; never blocks. */
void publisher_connection(struct publisher *p, bool connected);

/* Another configuration is in force: Home Assistant is told what there is now, and what is no
 * more. Any thread. */
void publisher_follow(struct publisher *p);

/* Publishes a transition that could not be stored, marked "durable":false. Copies; any thread;
 * never blocks. A list that is full (256) drops its oldest and logs it. */
void publisher_send_now(struct publisher *p, const struct alert_change *change);

/* Readings to publish as mqtt.publish_readings says: kept for the thread as far as there is room
 * (4096), the rest counted as not published. Any thread; never blocks. */
void publisher_offer(struct publisher *p, const struct reading *readings, size_t n);

/* Ends the thread, after what is in flight had up to wait_us to be acknowledged. From then on
 * outbox_done is not called, and all functions above do nothing. NULL is ok. */
void publisher_stop(struct publisher *p, int64_t wait_us);
void publisher_destroy(
    struct publisher *p); /* stopped, and nobody will call it again; NULL is ok */

#endif
