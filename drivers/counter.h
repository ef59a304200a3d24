/* SPDX-License-Identifier: Apache-2.0 */
/* A device's counter → a total that never falls. Pure.
 *
 * A meter's register wraps (a 16-bit one goes from 65535 to 0) and begins again at 0 when the meter
 * is reset. Its total is the raw value plus a base, which changes with every such event and at no
 * other time. */
#ifndef SENSORGW_DRIVERS_COUNTER_H
#define SENSORGW_DRIVERS_COUNTER_H

#include <stdbool.h>

struct counter {
    bool begun;
    double last; /* raw value of the last good reading */
    double base; /* total = base + raw */
};

enum counter_event {
    COUNTER_BEGUN,   /* the first value: total = raw, increase 0 */
    COUNTER_COUNTED, /* not less than before */
    COUNTER_WRAPPED, /* less, and an increase of less than half of `wrap` explains it */
    COUNTER_RESET,   /* less than half of what it was: it began again at 0 */
    COUNTER_BACK     /* a smaller step back: a correction, another device; nothing is added, and it
                        counts on from there */
};

/* Takes the next raw value. wrap: where the counter begins again at 0, 0: it never does. *increase
 * is 0 or more. */
enum counter_event counter_step(struct counter *c, double wrap, double raw, double *increase);

double counter_total(const struct counter *c);

#endif
