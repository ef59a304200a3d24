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
enum alert_state {
    ALERT_RAISED,
    ALERT_ESCALATED,
    ALERT_CLEARED,
    ALERT_ACKNOWLEDGED,
    ALERT_SHELVED,
    ALERT_LIMITED, /* of a rule, not of one alert: it raises too often, and some are withheld */
    ALERT_STATE_COUNT
};

/* What made the rule fire; stored by name in `alert_event.reason` and published as "reason". */
enum alert_reason {
    REASON_UNKNOWN,
    REASON_HIGH,
    REASON_LOW,
    REASON_RATE,
    REASON_SILENT,     /* stale: it was seen, and is not any more */
    REASON_NEVER_SEEN, /* stale: no good value ever came */
    REASON_QUALITY,
    REASON_EXPRESSION,
    REASON_COUNT
};

/* Why a transition is stored, but not published. */
enum alert_withheld { ALERT_TOLD, ALERT_WITHHELD_SHELVED, ALERT_WITHHELD_LIMITED };

/* What a transition does to the shelf of its rule and sensor. */
enum alert_shelf { SHELF_KEEP, SHELF_PUT, SHELF_DROP };

#define ALERT_WHO_MAX 64 /* bytes without the NUL */
#define ALERT_COMMENT_MAX 200
/* The comment on the end of an alert whose rule or sensor has left the configuration. */
#define ALERT_UNWATCHED "no rule watches it any more"

/* One transition of one alert. A heap object with one owner at a time. */
struct alert_change {
    struct alert_change
        *next;        /* another transition of the same record; owned; NULL ends the list */
    int64_t alert_id; /* one per excursion, given when it is raised, the same in all its
                       * transitions; 0: only the shelf changes */
    int64_t time_us;  /* when the transition happened: UTC, µs */
    int64_t since_us; /* when the excursion was raised: UTC, µs */
    double value;     /* the reading's; NAN where there is none (stale) */
    double limit;     /* the limit that was crossed, in the sensor's unit (rate: per `per`; stale:
                         seconds) */
    uint32_t sensor;  /* index into the sensor table */
    uint8_t state;    /* enum alert_state */
    uint8_t severity; /* enum severity: the worst since it was raised */
    uint8_t reason;   /* enum alert_reason */
    uint8_t withheld; /* enum alert_withheld */
    uint8_t shelf;    /* enum alert_shelf */
    uint32_t repeat;  /* the number of a reminder of what was told before; 0: none */
    int64_t until_us; /* SHELF_PUT: shelved until, UTC µs */
    char rule[RULE_NAME_MAX + 1];        /* the rule's name */
    char who[ALERT_WHO_MAX + 1];         /* acknowledged or shelved by; "" for none */
    char comment[ALERT_COMMENT_MAX + 1]; /* of who; "" for none */
};

struct record {
    struct reading reading;
    struct alert_change *changes; /* owned by the record; NULL for most */
    bool has_reading;             /* false: only `changes` (a rule that fired on the clock) */
};

/* "raised", "escalated", "cleared", …; "warning", "critical", "none"; "high", "never_seen", …;
 * "shelved", "limited", NULL for what is told. Static. */
const char *alert_state_name(unsigned state);
const char *severity_name(unsigned severity);
const char *alert_reason_name(unsigned reason);
const char *alert_withheld_name(unsigned withheld);
/* The other way round: REASON_UNKNOWN for a name that is none. */
enum alert_reason alert_reason_from(const char *name);

/* Frees a list of transitions; NULL is ok. */
void alert_change_free(struct alert_change *list);

#endif
