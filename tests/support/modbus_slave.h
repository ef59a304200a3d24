/* SPDX-License-Identifier: Apache-2.0 */
/* A Modbus slave in a thread, for tests: TCP on a free port of this process's own
 * loopback address, or RTU on a pseudo-terminal. It is every unit at once. A register of unit u at
 * address a holds modbus_slave_value(u, a), a coil or discrete input is that value's lowest bit; so
 * a value that is attributed to the wrong place shows. It misbehaves as it is told. */
#ifndef SENSORGW_TESTS_SUPPORT_MODBUS_SLAVE_H
#define SENSORGW_TESTS_SUPPORT_MODBUS_SLAVE_H

#include <stdbool.h>
#include <stdint.h>

struct modbus_slave;

enum slave_fault {
    SLAVE_GOOD,
    SLAVE_MUTE,
    SLAVE_LATE, /* answers after late_us; other units answer meanwhile */
    SLAVE_HELD, /* answers when its unit is asked again, or 1.5 times as long after as it then was
                 */
    SLAVE_TRANSACTION, /* TCP: of an answer to come */
    SLAVE_UNIT,
    SLAVE_FUNCTION,
    SLAVE_SHORT,   /* the last two bytes are missing */
    SLAVE_COUNT,   /* one register fewer, in a frame that is whole */
    SLAVE_LONG,    /* bytes after the frame */
    SLAVE_GARBAGE, /* noise for an answer */
    SLAVE_DAMAGED, /* a bit of the answer flips */
    SLAVE_DRIP,    /* byte by byte, each after drip_us, the first after drip_after_us more */
    SLAVE_DROP,    /* TCP: closes the connection */
    SLAVE_ILLEGAL_ADDRESS,
    SLAVE_BUSY,
};

struct slave_request {
    uint8_t unit, function;
    uint16_t address, count;
    unsigned number; /* counted from 0 */
};

struct modbus_slave_options {
    /* In the slave's thread; NULL: always good. */
    enum slave_fault (*fault)(void *arg, const struct slave_request *q);
    void *arg;
    int64_t late_us, drip_us, drip_after_us;
    int port;          /* TCP: 0 for a free one */
    bool echo;         /* gives each request back before its answer, as some adapters do */
    bool rtu_over_tcp; /* TCP: RTU frames on the connection */
};

/* NULL when the machine does not allow it. */
struct modbus_slave *modbus_slave_start_tcp(const struct modbus_slave_options *o);
struct modbus_slave *modbus_slave_start_pty(const struct modbus_slave_options *o);
void modbus_slave_stop(struct modbus_slave *s); /* NULL is ok */

const char *modbus_slave_host(const struct modbus_slave *s);
int modbus_slave_port(const struct modbus_slave *s);
const char *modbus_slave_path(const struct modbus_slave *s);
unsigned modbus_slave_requests(struct modbus_slave *s);
unsigned modbus_slave_connections(struct modbus_slave *s);

uint16_t modbus_slave_value(uint8_t unit, uint16_t address);

#endif
