/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/counter.h"

static enum counter_event judge(const struct counter *c, double wrap, double raw, double *increase)
{
    *increase = raw - c->last;
    if (*increase >= 0)
        return COUNTER_COUNTED;
    if (wrap > 0 && *increase + wrap >= 0 && *increase + wrap < wrap / 2) {
        *increase += wrap;
        return COUNTER_WRAPPED;
    }
    bool reset = raw < c->last / 2;
    *increase = reset && raw > 0 ? raw : 0;
    return reset ? COUNTER_RESET : COUNTER_BACK;
}

enum counter_event counter_step(struct counter *c, double wrap, double raw, double *increase)
{
    if (!c->begun) {
        *c = (struct counter){.begun = true, .last = raw};
        *increase = 0;
        return COUNTER_BEGUN;
    }
    enum counter_event event = judge(c, wrap, raw, increase);
    if (event != COUNTER_COUNTED)
        c->base += c->last + *increase - raw;
    c->last = raw;
    return event;
}

double counter_total(const struct counter *c)
{
    return c->base + c->last;
}
