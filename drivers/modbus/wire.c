/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/wire.h"

/* Between the last bit of a request and the first of its reply: most devices take 1 to 10 ms. */
#define TURNAROUND_US 5000
/* Of a request over TCP, device included; a few where there is no serial line behind it. */
#define ROUND_TRIP_US 3000
#define TCP_BYTE_US 0.1 /* 100 Mbit/s */

struct wire wire_of(const struct modbus_source *o)
{
    struct transport_options t = modbus_transport_options(o);

    if (!o->port)
        return (struct wire){
            .framing = t.framing, .byte_us = TCP_BYTE_US, .overhead_us = ROUND_TRIP_US};
    return (struct wire){.framing = t.framing,
                         .byte_us = (double)transport_wire_us(&t, 1000) / 1000,
                         .overhead_us = 2.0 * (double)transport_silence_us(t.baud) + TURNAROUND_US};
}

size_t wire_bytes(const struct wire *w, uint8_t table, uint16_t count)
{
    struct frame_request q = {.function = table, .count = count};
    uint8_t frame[FRAME_MAX];

    return frame_build(w->framing, &q, frame) + frame_reply_length(w->framing, &q);
}

double wire_us(const struct wire *w, uint8_t table, uint16_t count)
{
    return w->overhead_us + w->byte_us * (double)wire_bytes(w, table, count);
}

/* A second request costs all of an empty one. */
uint16_t wire_gap(const struct wire *w, uint8_t table, uint16_t max_gap)
{
    bool bits = table == TABLE_COIL || table == TABLE_DISCRETE;
    double saved_bytes = wire_us(w, table, 0) / w->byte_us;
    double gap = bits ? saved_bytes * 8 : saved_bytes / 2;

    return gap < max_gap ? (uint16_t)gap : max_gap;
}
