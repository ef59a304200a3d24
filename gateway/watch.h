/* SPDX-License-Identifier: Apache-2.0 */
/* Rules bound to a sensor, and the state of each. The binding follows the configuration; a state
 * belongs to the rule's name and the sensor, so it can move into a new binding. */
#ifndef SENSORGW_GATEWAY_WATCH_H
#define SENSORGW_GATEWAY_WATCH_H

#include "config/config.h"
#include "gateway/core/record.h"
#include "gateway/notice.h"
#include "gateway/rule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watched {
    const struct rule_config *rule; /* borrowed */
    size_t index;                   /* of the rule in the configuration */
    struct rule_state state;
    struct notice notice;
    uint64_t judged; /* RULE_EXPRESSION: inputs_judge() */
};

struct watch {
    uint32_t sensor;
    size_t count;
    struct reading last;  /* what a rule that a reload brings judges first */
    int64_t seen_mono_us; /* last good reading, or when the watch began */
    bool has_last, seen;
    struct watched items[];
};

/* Whether the rule's glob takes the sensor. */
bool watch_takes(const struct rule_config *rule, const char *sensor_name);
/* The configuration's rule of that name, if it watches the sensor; else NULL. */
const struct rule_config *watch_rule(const struct config *config, const char *rule,
                                     const char *sensor_name);

/* All rules of the configuration that watch the sensor, in their order. since_mono_us: what `stale`
 * counts from. Returns owned (free()); NULL without memory. */
struct watch *watch_create(const struct config *config, uint32_t sensor, const char *sensor_name,
                           int64_t since_mono_us);

/* An earlier run has seen the sensor: if it is mute now, it went silent. */
void watch_note_seen(struct watch *w);

/* Notes the sensor's newest reading; one of unknown age (retained) is none. */
void watch_note(struct watch *w, const struct reading *r, int64_t now_mono_us);

/* The rule of that name, or NULL. */
struct watched *watch_find(struct watch *w, const char *rule);

/* An alert, or a shelf, of the last run goes on (store_active_alerts(), store_shelves()). */
void watch_restore(struct watched *item, const struct alert_change *change, int64_t now_mono_us,
                   int64_t now_wall_us);

#endif
