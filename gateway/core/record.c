/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/record.h"

#include <stdlib.h>
#include <string.h>

const char *alert_state_name(unsigned state)
{
    static const char *const names[] = {
        [ALERT_RAISED] = "raised",   [ALERT_ESCALATED] = "escalated",
        [ALERT_CLEARED] = "cleared", [ALERT_ACKNOWLEDGED] = "acknowledged",
        [ALERT_SHELVED] = "shelved", [ALERT_LIMITED] = "limited",
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

const char *alert_reason_name(unsigned reason)
{
    static const char *const names[] = {
        [REASON_UNKNOWN] = "unknown", [REASON_HIGH] = "high",
        [REASON_LOW] = "low",         [REASON_RATE] = "rate",
        [REASON_SILENT] = "silent",   [REASON_NEVER_SEEN] = "never_seen",
        [REASON_QUALITY] = "quality", [REASON_EXPRESSION] = "expression",
    };
    return reason < REASON_COUNT ? names[reason] : names[REASON_UNKNOWN];
}

enum alert_reason alert_reason_from(const char *name)
{
    for (unsigned i = 0; i < REASON_COUNT; i++) {
        if (strcmp(name, alert_reason_name(i)) == 0)
            return (enum alert_reason)i;
    }
    return REASON_UNKNOWN;
}

const char *alert_withheld_name(unsigned withheld)
{
    return withheld == ALERT_WITHHELD_SHELVED   ? "shelved"
           : withheld == ALERT_WITHHELD_LIMITED ? "limited"
                                                : NULL;
}

void alert_change_free(struct alert_change *list)
{
    while (list) {
        struct alert_change *next = list->next;
        free(list);
        list = next;
    }
}
