/* SPDX-License-Identifier: Apache-2.0 */
/* RS-485 lines whose transceiver the kernel switches from sending to receiving (TIOCSRS485). Done
 * by a program it would come too late, and the first bytes of an answer would be lost. */
#ifndef SENSORGW_DRIVERS_RS485_H
#define SENSORGW_DRIVERS_RS485_H

#include "gateway/core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rs485_options {
    bool rts_on_send, rts_after_send;        /* level of RTS: true is high */
    int64_t delay_before_us, delay_after_us; /* around sending; whole milliseconds */
    bool rx_during_tx;                       /* hear oneself */
};

/* Switches the open port to RS-485. GW_EINVAL, with `fault`: its driver cannot. */
enum gw_err rs485_enable(int fd, const struct rs485_options *o, char *fault, size_t size);

#endif
