/* SPDX-License-Identifier: Apache-2.0 */
/* The open port or connection below a transport: the part that libmodbus does for us. */
#ifndef SENSORGW_DRIVERS_MODBUS_LINK_H
#define SENSORGW_DRIVERS_MODBUS_LINK_H

#include "drivers/modbus/transport.h"
#include "gateway/core/err.h"

struct link {
    int fd;    /* non-blocking; −1 when closed */
    int lock;  /* of the serial port; −1: none */
    void *ctx; /* libmodbus' */
};

/* Opens the serial port, exclusively, or connects within o->timeout_us (3 s at most) for each
 * address that the name has. On error the link is closed and `fault` says why; GW_ECLOSED:
 * o->stopping. */
enum gw_err link_open(struct link *l, const struct transport_options *o,
                      char fault[LINK_FAULT_SIZE]);
void link_close(struct link *l); /* idempotent */

#endif
