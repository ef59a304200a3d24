/* SPDX-License-Identifier: Apache-2.0 */
/* Host names → addresses, without being at the mercy of a name server: the question is asked in a
 * thread of its own, which may hang for a minute when the server is silent; who wants to know waits
 * only as long as it likes, and then takes what the name meant the last time. Any thread. */
#ifndef SENSORGW_DRIVERS_RESOLVE_H
#define SENSORGW_DRIVERS_RESOLVE_H

#include "gateway/core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RESOLVE_ADDRESSES_MAX 8
#define RESOLVE_ADDRESS_SIZE 64 /* fits an IPv6 address with its scope */

struct resolved {
    size_t count;
    char addresses[RESOLVE_ADDRESSES_MAX][RESOLVE_ADDRESS_SIZE]; /* numeric, best first */
};

/* Waits at most timeout_us (half a second for a name whose meaning is known from before), and not
 * when stopping(arg) is true, which is asked every 100 ms; an address in numbers needs no waiting.
 * GW_ENOENT: there is no such host; GW_ETIMEDOUT: no answer yet, and the name was never known: the
 * question stays asked, and the next call may have the answer; GW_ECLOSED: stopping; GW_ENOMEM. */
enum gw_err resolve_host(const char *host, int64_t timeout_us, bool (*stopping)(void *arg),
                         void *arg, struct resolved *out);

#endif
