/* SPDX-License-Identifier: Apache-2.0 */
/* Requests that come over MQTT: subscriptions whose messages are handed, one after the other, to a
 * thread that may take its time, which Paho's callbacks may not.
 *
 * They are subscribed with QoS 0: the broker keeps nothing for a gateway that is away, so that no
 * request comes hours late. */
#ifndef SENSORGW_GATEWAY_REQUESTS_H
#define SENSORGW_GATEWAY_REQUESTS_H

#include "drivers/mqtt/client.h"
#include "gateway/core/err.h"

#include <stdbool.h>
#include <stddef.h>

#define REQUEST_TOPIC_SIZE 768
#define REQUEST_PAYLOAD_MAX 512

struct request {
    char topic[REQUEST_TOPIC_SIZE];
    char payload[REQUEST_PAYLOAD_MAX]; /* not NUL-terminated */
    size_t length; /* of the payload; more than REQUEST_PAYLOAD_MAX: too long, not kept */
    bool retained; /* the broker would repeat it at every connect: refuse it */
};

/* In the requests' own thread. */
typedef void request_fn(void *arg, const struct request *request);

struct requests;

enum gw_err requests_create(struct requests **out, struct mqtt_client *client);
/* From the thread that starts, or later from one at a time: it is subscribed then. Topics that end
 * with `/` and `ignore` are not for fn; NULL: all are. */
enum gw_err requests_add(struct requests *r, const char *filter, const char *ignore, request_fn *fn,
                         void *arg);
/* Starts the thread, and subscribes; nothing when nothing was added. */
enum gw_err requests_start(struct requests *r);
/* Ends within what the request under way takes. NULL is ok; frees it. */
void requests_stop(struct requests *r);

#endif
