/* SPDX-License-Identifier: Apache-2.0 */
/* The texts and topics that the gateway publishes. Pure. Texts are JSON, returned owned (free());
 * NULL without memory. Times are RFC 3339 UTC with milliseconds, beside the same in µs. */
#ifndef SENSORGW_GATEWAY_MESSAGE_H
#define SENSORGW_GATEWAY_MESSAGE_H

#include "config/config.h"
#include "gateway/core/ledger.h"
#include "gateway/core/reading.h"
#include "gateway/core/sensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct alert_counts;
struct source;

/* Prefix, gateway, sensor, rule: at most 200 + 200 + 200 + 64 bytes, and slashes. */
#define TOPIC_SIZE 768

/* "<prefix>/<gateway>/<what>", or with a sensor, or with a sensor and a rule; NULL for none.
 * Returns buf. */
const char *message_topic(const struct config *c, const char *what, const char *sensor,
                          const char *rule, char buf[static TOPIC_SIZE]);

struct alert_message {
    const char *state, *severity, *sensor, *unit, *rule; /* borrowed */
    double value, limit;                                 /* NAN: null */
    int64_t since_us, time_us;
    const char *reason, *who, *comment; /* NULL or "" for none */
    int64_t until_us;                   /* of a shelf; 0: none */
    unsigned repeat;                    /* number of a reminder; 0: none */
    bool is_undated;                    /* time_us is of a clock that is not set */
    const char *instance;               /* the database's */
    int64_t alert_id;
    int64_t seq;  /* of the outbox; 0: not stored yet */
    bool durable; /* false: published before it could be stored */
};
char *message_alert(const struct config *c, const struct alert_message *m);
/* The state alone, for a broker that does not take the whole. */
char *message_brief(const struct config *c, const struct alert_message *m);
/* Of state "limited": value is how many were withheld, limit is max_raises. It is about the rule,
 * and so is its topic. */
char *message_limited(const struct config *c, const struct alert_message *m);
/* The text of either, by its state; the topic in *topic. */
char *message_transition(const struct config *c, const struct alert_message *m,
                         char topic[static TOPIC_SIZE]);

char *message_reading(const struct sensor *s, const struct reading *r);

/* The answer to a request to set a sensor: what was read back, or why it failed. id "": left out.
 */
char *message_write(const char *id, bool ok, double value, const char *why);

/* All figures that /metrics has, under the same names without their prefix: of the process, sums of
 * the ledger, alerts by severity and state (NULL: they are not known now), and how each source does
 * (sources_json()). */
char *message_health(const struct config *c, const struct ledger *l, struct source *const *sources,
                     const struct alert_counts *alerts, int64_t now_us);

#endif
