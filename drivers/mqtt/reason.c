/* SPDX-License-Identifier: Apache-2.0 */
/* Reason codes in words. */
#include "drivers/mqtt/link.h"

#include <MQTTAsync.h>

const char *link_reason(int reason)
{
    static const struct {
        int reason;
        const char *words;
    } known[] = {
        {LINK_NO_ANSWER, "no answer"},
        {-1, "no connection"},
        {0x82, "protocol error"},
        {0x85, "the client id is not accepted"},
        {0x86, "bad user name or password"},
        {0x87, "not authorized"},
        {0x88, "server unavailable"},
        {0x8b, "server shutting down"},
        {0x8e, "another client took over the client id"},
        {0x95, "packet too large"},
        {0x97, "quota exceeded"},
    };

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i].reason == reason)
            return known[i].words;
    }
    const char *words = reason < 0 ? MQTTAsync_strerror(reason)
                                   : MQTTReasonCode_toString((enum MQTTReasonCodes)reason);
    return words ? words : "unknown reason";
}
