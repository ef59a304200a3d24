/* SPDX-License-Identifier: Apache-2.0 */
/* What workers hand to the writer: a reading, with the alert transitions that it caused, so that
 * both are committed in one transaction. */
#ifndef SENSORGW_CORE_RECORD_H
#define SENSORGW_CORE_RECORD_H

#include "gateway/core/reading.h"

#include <stdbool.h>
#include <stdint.h>

#define RULE_NAME_MAX 64 /* bytes without the NUL; a rule's name is the last level of a topic */

enum severity { SEVERITY_NONE, SEVERITY_WARNING, SEVERITY_CRITICAL };

/* Stored by name in `alert_event.state` and published as "state". */
enum alert_state { ALERT_RAISED, ALERT_ESCALATED, ALERT_CLEARED, ALERT_ACKNOWLEDGED };

/* One transition of one alert. A heap object with one owner at a time. */
struct alert_change {
    struct alert_change
        *next; /* another transition of the same record; owned; NULL ends the list */
    int64_t
        alert_id; /* one per excursion, given when it is raised, the same in all its transitions */
    int64_t time_us;  /* when the transition happened: UTC, µs */
    int64_t since_us; /* when the excursion was raised: UTC, µs */
    double value;     /* the reading's; NAN where there is none (stale) */
    double limit;     /* the limit that was crossed, in the sensor's unit (rate: per `per`; stale:
                         seconds) */
    uint32_t sensor;  /* index into the sensor table */
    uint8_t state;    /* enum alert_state */
    uint8_t severity; /* enum severity: the worst since it was raised */
    char rule[RULE_NAME_MAX + 1]; /* the rule's name */
};

struct record {
    struct reading reading;
    struct alert_change *changes; /* owned by the record; NULL for most */
    bool has_reading;             /* false: only `changes` (a rule that fired on the clock) */
};

/* "raised", "escalated", "cleared", "acknowledged"; "warning", "critical", "none". Static. */
const char *alert_state_name(unsigned state);
const char *severity_name(unsigned severity);

/* Frees a list of transitions; NULL is ok. */
void alert_change_free(struct alert_change *list);

#endif
