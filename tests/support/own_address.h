/* SPDX-License-Identifier: Apache-2.0 */
/* A loopback address that no other test listens on: a port of it that is free stays free while what
 * listens there is away for a while. */
#ifndef SENSORGW_TESTS_SUPPORT_OWN_ADDRESS_H
#define SENSORGW_TESTS_SUPPORT_OWN_ADDRESS_H

#include <arpa/inet.h>
#include <stdint.h>
#include <unistd.h>

static inline in_addr_t own_address(void)
{
    return htonl(0x7f010101U + ((uint32_t)getpid() & 0x3fffffU));
}

#endif
