/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/record.h"

#include <stdlib.h>

const char *alert_state_name(unsigned state)
{
    static const char *const names[] = {
        [ALERT_RAISED] = "raised",
        [ALERT_ESCALATED] = "escalated",
        [ALERT_CLEARED] = "cleared",
        [ALERT_ACKNOWLEDGED] = "acknowledged",
    };
    return state < sizeof(names) / sizeof(names[0]) ? names[state] : "unknown";
}

const char *severity_name(unsigned severity)
{
    static const char *const names[] = {
        [SEVERITY_NONE] = "none",
        [SEVERITY_WARNING] = "warning",
        [SEVERITY_CRITICAL] = "critical",
    };
    return severity < sizeof(names) / sizeof(names[0]) ? names[severity] : "unknown";
}

void alert_change_free(struct alert_change *list)
{
    while (list) {
        struct alert_change *next = list->next;
        free(list);
        list = next;
    }
}
