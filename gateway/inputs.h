/* SPDX-License-Identifier: Apache-2.0 */
/* The newest values of the sensors that expressions ask for, written by the lanes that they come
 * by, read by the lanes that judge. Sensors that no expression asks for cost one look at a byte. */
#ifndef SENSORGW_GATEWAY_INPUTS_H
#define SENSORGW_GATEWAY_INPUTS_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/reading.h"
#include "gateway/core/sensor.h"

#include <stddef.h>
#include <stdint.h>

struct inputs;

/* Borrows both. *out is NULL when the configuration has no expression. */
enum gw_err inputs_create(struct inputs **out, const struct config *config,
                          struct sensor_table *sensors);
void inputs_destroy(struct inputs *in); /* NULL is ok */

/* Copies what another one knows of the same sensors, as far as they belong to the lane: a sensor's
 * lane is its index modulo their number. Of its own lane only the lane's thread, or, with lanes 1,
 * before `to` is used. */
void inputs_take(struct inputs *to, struct inputs *from, size_t lane, size_t lanes);

/* Takes a reading's value, or that there is none now. Retained ones, of unknown age, are none.
 * The thread of the sensor's lane. */
void inputs_note(struct inputs *in, const struct reading *r, int64_t now_mono_us);

enum inputs_verdict {
    INPUTS_NOTHING_NEW, /* since the last time; or an input is bad now, or it divides by zero */
    INPUTS_VERDICT,
    INPUTS_TOO_OLD /* an input was never there, or not for max_age */
};

/* Evaluates the expression of a rule (its index in the configuration) when an input has changed
 * since *judged, which is the caller's, 0 at first. INPUTS_VERDICT: the result as a reading of the
 * time of the newest input. Any thread. */
enum inputs_verdict inputs_judge(struct inputs *in, size_t rule, int64_t now_mono_us,
                                 uint64_t *judged, struct reading *out);

#endif
