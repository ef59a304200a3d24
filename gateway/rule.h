/* SPDX-License-Identifier: Apache-2.0 */
/* Threshold rules as a state machine: normal → pending (`for`) → raised → escalated → cleared.
 * Pure: no lock, no clock, no input or output, so that its test is a table.
 *
 * A high limit is crossed by value > limit and left by value ≤ limit − hysteresis; a low one by
 * value < limit and value ≥ limit + hysteresis. The severity of an excursion is the worst since it
 * was raised. Readings without a number change nothing, but for `stale`, which counts the time
 * since the last good one, and `bad_for`, which counts the time without a good one while there are
 * bad ones. All times are counted on the monotonic clock: a step of the wall clock, or of a
 * device's, neither raises nor clears anything. */
#ifndef SENSORGW_GATEWAY_RULE_H
#define SENSORGW_GATEWAY_RULE_H

#include "config/config.h"
#include "gateway/core/reading.h"
#include "gateway/core/record.h"

#include <stdbool.h>
#include <stdint.h>

/* How long a severity's limit has been crossed without a break. */
struct rule_held {
    int64_t since_mono_us; /* when the first reading beyond the limit was judged, monotonic */
    double value, limit;   /* of the newest reading beyond it */
    uint8_t reason;        /* enum alert_reason */
    bool held;
};

/* One per rule and sensor. All zero but seen_mono_us is the state "normal, never seen". */
struct rule_state {
    int64_t alert_id;         /* of the excursion; 0 while normal */
    int64_t since_us;         /* raised at: UTC µs */
    int64_t seen_mono_us;     /* last good reading, monotonic; at first: when the watch began */
    struct rule_held held[3]; /* by enum severity */
    double value, limit;      /* of its last transition; the limit that it crossed */
    int64_t last_us;          /* RULE_RATE: the previous good reading */
    double last;
    bool has_last;
    bool seen;        /* a good reading came at some time */
    bool escalated;   /* the excursion */
    uint8_t severity; /* enum severity of the excursion; NONE while normal */
    uint8_t reason;   /* enum alert_reason of the excursion */
};

/* What to do after a reading or a tick. The caller gives a new alert id on ALERT_RAISED, and writes
 * it into the state. */
struct rule_event {
    enum alert_state state;
    enum severity severity;
    enum alert_reason reason;
    double value, limit;
    int64_t time_us; /* UTC */
};

/* Judges one reading, of RULE_EXPRESSION its result made one. now_mono_us: when it is judged,
 * monotonic (a replay passes the reading's own time). True: *out holds a transition, and *state is
 * changed accordingly. */
bool rule_eval(const struct rule_config *rule, struct rule_state *state, const struct reading *r,
               int64_t now_mono_us, struct rule_event *out);

/* Lets time pass: `for` that has matured without a new reading, and stale. */
bool rule_tick(const struct rule_config *rule, struct rule_state *state, int64_t now_mono_us,
               int64_t now_wall_us, struct rule_event *out);

/* Another rule of the same name and kind takes the place of `before`, and goes on with its state:
 * what is raised stays so. What was crossed is forgotten when the limits differ. */
void rule_take_over(const struct rule_config *rule, const struct rule_config *before,
                    struct rule_state *state);

/* Judges what is now by a rule that is new or changed: `last` is the sensor's newest reading, NULL
 * for none. As rule_eval(); what needs two readings or an expression waits for the next. */
bool rule_review(const struct rule_config *rule, struct rule_state *state,
                 const struct reading *last, int64_t now_mono_us, int64_t now_wall_us,
                 struct rule_event *out);

/* What was crossed, but not yet for long enough, counts no more: nobody knows whether it still is.
 */
void rule_forget_held(struct rule_state *state);

#endif
