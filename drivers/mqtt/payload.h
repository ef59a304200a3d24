/* SPDX-License-Identifier: Apache-2.0 */
/* What a message says: numbers and times out of plain text or JSON. Pure. */
#ifndef SENSORGW_DRIVERS_MQTT_PAYLOAD_H
#define SENSORGW_DRIVERS_MQTT_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PAYLOAD_DEPTH 8 /* of JSON; deeper ones are refused before they are parsed */

/* A parsed message; only plain numbers and words are taken without a parser. */
struct payload {
    const char *text; /* borrowed; not NUL-terminated */
    size_t length;
    void *json; /* owned; NULL until a pointer is asked for */
    bool refused;
};

void payload_init(struct payload *p, const char *text, size_t length);
void payload_fini(struct payload *p);

/* The number at a JSON Pointer (RFC 6901; NULL: the message itself). true, on: 1; false, off: 0. A
 * text that is a number counts. False: there is none, or the message is no JSON, is nested too
 * deeply, has a key twice, or has a number that is not finite. */
bool payload_number(struct payload *p, const char *pointer, double *value);

/* The time there as UTC µs: RFC 3339, or seconds, ms or µs since the epoch, told by the size.
 * False: none, or not between 2000 and a day after now_us. */
bool payload_time(struct payload *p, const char *pointer, int64_t now_us, int64_t *time_us);

/* NULL when the pointer is well-formed, else what is wrong (static). */
const char *payload_pointer_problem(const char *pointer);

#endif
