/* SPDX-License-Identifier: Apache-2.0 */
/* A serial port belongs to one process: two that read one port take each other's bytes.
 *
 * Other users are kept out by the kernel (TIOCEXCL), root and well-mannered programs by a lock on
 * the device (flock). Both belong to an open descriptor and are gone with it, however the process
 * ends. */
#ifndef SENSORGW_DRIVERS_PORTLOCK_H
#define SENSORGW_DRIVERS_PORTLOCK_H

#include "gateway/core/err.h"

#include <stddef.h>

/* Opens the port without touching it (it may be one that another process uses) and locks it.
 * Returns a descriptor to keep as long as the port is used, closed by portlock_release(). GW_EBUSY:
 * another has it, and `fault` names the process, as far as it can be seen; GW_ENOENT, GW_EACCES,
 * GW_EINVAL (not a serial port), GW_EIO, also with `fault`. A name below /dev/serial/by-id is
 * followed. */
enum gw_err portlock_take(int *out, const char *path, char *fault, size_t size);

/* Refuses all other opens of the port from now on, but root's; for a port that has been locked and
 * opened as often as this process needs it. */
void portlock_exclude(int lock);

/* A pseudo-terminal does not keep parity, and glibc then refuses (EINVAL) settings that change
 * nothing else of what the port has. This changes its speed, so that the same settings are taken
 * when they are tried again. */
void portlock_unsettle(int lock);

void portlock_release(int lock); /* −1 is ok */

/* What errno means for a port: GW_ENOENT, GW_EACCES, GW_EBUSY, GW_ENOMEM, else GW_EIO. */
enum gw_err portlock_error(int error);

#endif
