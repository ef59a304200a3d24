/* SPDX-License-Identifier: Apache-2.0 */
/* RS-485 by the kernel: what it is asked for. The port is played by the test. */
#include "drivers/rs485.h"

#include <errno.h>
#include <linux/serial.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
/* cmocka wants the ones above first */
#include <cmocka.h>

int __wrap_ioctl(int fd, unsigned long request, ...);

static struct {
    int error;                 /* of TIOCSRS485 */
    unsigned known;            /* flags that the driver can do */
    struct serial_rs485 asked; /* for */
} port;

int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list args;

    (void)fd;
    va_start(args, request);
    struct serial_rs485 *settings = va_arg(args, struct serial_rs485 *);
    va_end(args);
    if (port.error) {
        errno = port.error;
        return -1;
    }
    if (request == TIOCSRS485) {
        port.asked = *settings;
    } else {
        assert_int_equal(request, TIOCGRS485);
        *settings = port.asked;
        settings->flags &= port.known;
    }
    return 0;
}

static const struct rs485_options usual = {
    .rts_on_send = true, .delay_before_us = 1000, .delay_after_us = 2000};

static void options_become_the_kernels(void **state)
{
    char fault[200];

    (void)state;
    port.known = ~0U;
    assert_int_equal(rs485_enable(3, &usual, fault, sizeof(fault)), GW_OK);
    assert_int_equal(port.asked.flags, SER_RS485_ENABLED | SER_RS485_RTS_ON_SEND);
    assert_int_equal(port.asked.delay_rts_before_send, 1);
    assert_int_equal(port.asked.delay_rts_after_send, 2);
    struct rs485_options other = {.rts_after_send = true, .rx_during_tx = true};
    assert_int_equal(rs485_enable(3, &other, fault, sizeof(fault)), GW_OK);
    assert_int_equal(port.asked.flags,
                     SER_RS485_ENABLED | SER_RS485_RTS_AFTER_SEND | SER_RS485_RX_DURING_TX);
}

static void a_port_without_it_is_told_how_to_do_without(void **state)
{
    char fault[200];

    (void)state;
    port.error = ENOTTY;
    assert_int_equal(rs485_enable(3, &usual, fault, sizeof(fault)), GW_EINVAL);
    assert_non_null(strstr(fault, "no RS-485 mode (Inappropriate ioctl for device)"));
    assert_non_null(strstr(fault, "leave out \"rs485:\""));
    port.error = 0;
}

static void levels_that_the_driver_takes_otherwise_are_refused(void **state)
{
    char fault[200];

    (void)state;
    port.known = SER_RS485_ENABLED;
    assert_int_equal(rs485_enable(3, &usual, fault, sizeof(fault)), GW_EINVAL);
    assert_non_null(strstr(fault, "rts_on_send: true"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_become_the_kernels),
        cmocka_unit_test(a_port_without_it_is_told_how_to_do_without),
        cmocka_unit_test(levels_that_the_driver_takes_otherwise_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
