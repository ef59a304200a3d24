/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/rs485.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <errno.h>
#include <linux/serial.h>
#include <stdio.h>
#include <sys/ioctl.h>

enum gw_err rs485_enable(int fd, const struct rs485_options *o, char *fault, size_t size)
{
    struct serial_rs485 wanted = {
        .flags = SER_RS485_ENABLED | (o->rts_on_send ? SER_RS485_RTS_ON_SEND : 0U) |
                 (o->rts_after_send ? SER_RS485_RTS_AFTER_SEND : 0U) |
                 (o->rx_during_tx ? SER_RS485_RX_DURING_TX : 0U),
        .delay_rts_before_send = (unsigned)(o->delay_before_us / US_PER_MS),
        .delay_rts_after_send = (unsigned)(o->delay_after_us / US_PER_MS)};
    struct serial_rs485 got = {0};

    /* A driver takes what it can do of what it is asked for: the settings are read back. */
    if (ioctl(fd, TIOCSRS485, &wanted) != 0 || ioctl(fd, TIOCGRS485, &got) != 0) {
        snprintf(
            fault, size,
            "the kernel's driver of this port has no RS-485 mode (%s); leave out \"rs485:\" if "
            "the adapter changes direction by itself",
            log_errno(errno));
        return GW_EINVAL;
    }
    const unsigned levels = SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND | SER_RS485_RTS_AFTER_SEND;
    if ((got.flags & levels) != (wanted.flags & levels)) {
        snprintf(fault, size,
                 "the kernel's driver of this port cannot do RS-485 with rts_on_send: %s and "
                 "rts_after_send: %s",
                 o->rts_on_send ? "true" : "false", o->rts_after_send ? "true" : "false");
        return GW_EINVAL;
    }
    return GW_OK;
}
