/* SPDX-License-Identifier: Apache-2.0 */
/* Sensors set over MQTT: <prefix>/<gateway>/write/<sensor> asks, …/write/<sensor>/result answers.
 *
 * A retained request is refused: the broker would repeat it at every connect. */
#ifndef SENSORGW_GATEWAY_REMOTE_H
#define SENSORGW_GATEWAY_REMOTE_H

#include "config/config.h"
#include "drivers/mqtt/client.h"
#include "gateway/core/err.h"

#include <stdbool.h>
#include <stddef.h>

struct remote;
struct requests;
struct setter;

#define REMOTE_ID_SIZE 65

/* What a request says: 21.5, true, "on", or {"value": …, "id": "…"} with an id of the caller's that
 * comes back in the answer. */
struct remote_request {
    double value;
    char id[REMOTE_ID_SIZE]; /* "" for none; cut to 64 bytes */
};
/* Pure. on, off, true and false: 1 or 0 in *value. */
bool remote_parse_word(const char *word, double *value);
/* Pure. NULL when it is understood, else what is wrong, static; an id that could be read is kept.
 */
const char *remote_parse(const char *payload, size_t length, struct remote_request *out);

/* Adds itself to the requests. Borrows all. Nothing happens, and *out is NULL, without them. */
enum gw_err remote_create(struct remote **out, const struct config *config,
                          struct mqtt_client *client, struct setter *setter,
                          struct requests *requests);
/* After requests_stop(). NULL is ok. */
void remote_destroy(struct remote *r);

#endif
