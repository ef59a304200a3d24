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
        {LINK_TAKEN_OVER, "another client took over the client id"},
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

const char *link_hint(int reason)
{
    switch (reason) {
    case 0x86: /* bad user name or password */
    case 0x87: /* not authorized: mosquitto's answer to a wrong password */
    case 0x8c: /* bad authentication method */
        return "look at mqtt.username and mqtt.password_file, and at the broker's users";
    case 0x85: /* client id not valid */
        return "give it another gateway.name or mqtt.client_id";
    case LINK_TAKEN_OVER:
        return "give each gateway a gateway.name (or mqtt.client_id) of its own";
    default:
        return reason >= 0x80 ? "the broker answered, and refuses: look at its log"
                              : "look whether the broker runs and can be reached";
    }
}
