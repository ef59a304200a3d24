/* SPDX-License-Identifier: Apache-2.0 */
/* What the publisher sends and need not keep: readings as mqtt.publish_readings says, and Home
 * Assistant discovery after each connection. */
#ifndef SENSORGW_GATEWAY_FEED_H
#define SENSORGW_GATEWAY_FEED_H

#include "config/config.h"
#include "gateway/core/reading.h"
#include "gateway/core/sensor.h"
#include "gateway/plant.h"

#include <stdbool.h>
#include <stddef.h>

struct feed;

/* All borrowed; must outlive the feed. */
struct feed_options {
    const struct config *config;
    struct sensor_table *sensors;
    struct plants *plants; /* the rules in force; NULL: config's */
    /* Sends `text`, which it takes (NULL: there was no memory for it); false when the connection
     * takes no more now. */
    bool (*send)(void *arg, const char *topic, char *text, int qos);
    void *arg;
};

struct feed *feed_create(const struct feed_options *options); /* NULL: no memory */
void feed_destroy(struct feed *f);

/* Readings to publish: kept as far as there is room (4096), the rest counted as not published. True
 * when there is something for feed_work() that was not there before. Any thread; never blocks. */
bool feed_offer(struct feed *f, const struct reading *readings, size_t n);

/* Nothing is taken any more: what is offered is counted as not published. */
void feed_close(struct feed *f);

/* A new connection, or another configuration: discovery is sent anew. One thread calls this and
 * feed_work(). */
void feed_greet(struct feed *f);

/* Sends what there is, until send() says no. */
void feed_work(struct feed *f);

#endif
