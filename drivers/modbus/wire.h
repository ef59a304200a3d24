/* SPDX-License-Identifier: Apache-2.0 */
/* What requests cost on a line: bytes, and time. Pure. */
#ifndef SENSORGW_DRIVERS_MODBUS_WIRE_H
#define SENSORGW_DRIVERS_MODBUS_WIRE_H

#include "drivers/modbus/options.h"
#include "drivers/modbus/plan.h"

#include <stddef.h>
#include <stdint.h>

struct wire {
    enum framing framing;
    double byte_us;     /* each byte takes so long; on a TCP connection as good as nothing */
    double overhead_us; /* of each request beside its bytes: silences, the device's time to answer;
                           on a TCP connection the way there and back */
};

struct wire wire_of(const struct modbus_source *o);
/* Of a request and its reply. */
size_t wire_bytes(const struct wire *w, uint8_t table, uint16_t count);
double wire_us(const struct wire *w, uint8_t table, uint16_t count);

/* The most unused registers (or bits) for which one longer request takes less time than two; at
 * most `max_gap`. */
uint16_t wire_gap(const struct wire *w, uint8_t table, uint16_t max_gap);

#endif
