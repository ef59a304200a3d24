/* SPDX-License-Identifier: Apache-2.0 */
/* How the simulated devices misbehave, on request. One table for the whole simulator; any thread.
 */
#ifndef SENSORGW_TESTS_SIMULATOR_FAULT_H
#define SENSORGW_TESTS_SIMULATOR_FAULT_H

#include <stdbool.h>

#define FAULT_MODES(X)                                                                             \
    X(FAULT_GOOD, "good", 0, "as it should be")                                                    \
    X(FAULT_MUTE, "mute", 0, "no answer, no line, no message")                                     \
    X(FAULT_LATE, "late", 500, "the right answer, VALUE ms late")                                  \
    X(FAULT_EXCEPTION, "exception", 4, "Modbus exception VALUE")                                   \
    X(FAULT_GARBAGE, "garbage", 0, "noise in place of an answer, a line or a message")             \
    X(FAULT_DAMAGED, "damaged", 0, "one bit of the answer is flipped (RTU: a wrong CRC)")          \
    X(FAULT_SHORT, "short", 0, "the last two bytes are missing")                                   \
    X(FAULT_UNIT, "unit", 0, "another unit's id in the answer")                                    \
    X(FAULT_TRANSACTION, "transaction", 0, "TCP: the id of another transaction")                   \
    X(FAULT_DROP, "drop", 0, "TCP: the connection is closed")

enum fault_mode {
#define X(code, name, value, help) code,
    FAULT_MODES(X)
#undef X
        FAULT_MODE_COUNT
};

struct fault {
    enum fault_mode mode;
    int value;
    unsigned every; /* of so many requests one is spoilt */
    unsigned seen;  /* requests since it was set */
};

enum fault_target { FAULT_LINE = 256, FAULT_MQTT, FAULT_TARGET_COUNT }; /* below: a unit id */

/* "TARGET=MODE[:VALUE][/N]", TARGET being modbus (every unit), unit3, line or mqtt. False: it is
 * not of that form, and nothing changed. */
bool fault_set(const char *text);

/* Counts a request of the target and says what to do with it. */
struct fault fault_take(int target);

const char *fault_name(enum fault_mode mode);
const char *fault_help(enum fault_mode mode);

#endif
