/* SPDX-License-Identifier: Apache-2.0 */
/* A serial port in raw mode: termios(3). One thread. */
#ifndef SENSORGW_DRIVERS_SERIAL_PORT_H
#define SENSORGW_DRIVERS_SERIAL_PORT_H

#include "drivers/serial/options.h"
#include "gateway/core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

bool port_speed_known(int64_t baud);

/* Opens for this process alone (drivers/portlock.h), non-blocking, with nothing in its buffers. On
 * error `fault` says why. */
enum gw_err port_open(int *out, const struct serial_source *o, char *fault, size_t size);
void port_close(int fd);

/* Waits up to timeout_us and reads what is there: its length, 0: nothing came; −1: the port is
 * gone, with errno. */
ssize_t port_read(int fd, char *bytes, size_t size, int64_t timeout_us);
/* Writes all, waiting up to a second; false with errno. */
bool port_write(int fd, const char *bytes, size_t n);

#endif
