/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/alert_counts.h"

#include "gateway/core/record.h"

#include <string.h>

struct counting {
    int64_t now_us;
    struct alert_counts counts;
};

static bool each_alert(void *arg, const struct alert_row *a)
{
    struct counting *c = arg;
    bool is_critical = strcmp(a->severity, severity_name(SEVERITY_CRITICAL)) == 0;
    int state = a->shelved_until_us > c->now_us ? ALERTS_SHELVED
                : a->acknowledged_us != 0       ? ALERTS_ACKNOWLEDGED
                                                : ALERTS_RAISED;

    c->counts.count[is_critical ? SEVERITY_CRITICAL : SEVERITY_WARNING][state]++;
    return true;
}

enum gw_err alert_counts_query(struct query *q, int64_t now_us, struct alert_counts *out)
{
    const struct alert_filter active = {.active = true};
    struct counting c = {.now_us = now_us};
    enum gw_err err = query_alerts(q, &active, each_alert, &c);

    if (err == GW_OK)
        *out = c.counts;
    return err;
}

const char *alert_counts_state(int state)
{
    static const char *const names[ALERTS_STATES] = {"raised", "acknowledged", "shelved"};

    return names[state];
}
