/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts acknowledged and shelved over MQTT: <prefix>/<gateway>/alerts/<sensor>/<rule>/ack and
 * …/shelve. The answer is the alert's own topic, which says "acknowledged" or "shelved" then. */
#ifndef SENSORGW_GATEWAY_ALERT_REMOTE_H
#define SENSORGW_GATEWAY_ALERT_REMOTE_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/record.h"

#include <stddef.h>
#include <stdint.h>

struct alert_book;
struct alert_remote;
struct requests;

/* What a payload says: nothing, or {"who": …, "comment": …}; to shelve also "for", or the time
 * alone: 2h; "off" or 0s ends a shelf. */
struct alert_remote_payload {
    int64_t shelve_us; /* −1: not said */
    char who[ALERT_WHO_MAX + 1], comment[ALERT_COMMENT_MAX + 1];
};
/* Pure. NULL when it is understood, else what is wrong (static). */
const char *alert_remote_parse(const char *payload, size_t length,
                               struct alert_remote_payload *out);

/* "2h", "30m"; "off" and "0s" are 0. False: neither. */
bool alert_parse_shelve(const char *text, int64_t *us);

/* Cuts "<sensor>/<rule>/<verb>" in place. False: it has not these parts. Pure. */
bool alert_remote_cut(char *topic, const char **sensor, const char **rule, const char **verb);

/* Adds itself to the requests. Borrows all. Nothing happens, and *out is NULL, without requests. */
enum gw_err alert_remote_create(struct alert_remote **out, const struct config *config,
                                struct alert_book *alerts, struct requests *requests);
/* Another configuration is in force: listens for deeper names of sensors, too. NULL is ok. */
void alert_remote_follow(struct alert_remote *r, const struct config *now);
/* After requests_stop(). NULL is ok. */
void alert_remote_destroy(struct alert_remote *r);

#endif
