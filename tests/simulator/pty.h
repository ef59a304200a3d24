/* SPDX-License-Identifier: Apache-2.0 */
/* A pseudo-terminal with a lasting name: what a serial port is to the gateway. It can be unplugged
 * and plugged in again, like a USB adapter. */
#ifndef SENSORGW_TESTS_SIMULATOR_PTY_H
#define SENSORGW_TESTS_SIMULATOR_PTY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct pty {
    const char *link;    /* a symbolic link to the device; borrowed */
    int master;          /* the simulated device's end, non-blocking; −1 while unplugged */
    int keeper;          /* holds the other end open, so that the master may close and open it */
    atomic_bool plugged; /* wanted; any thread */
};

/* Opens it and makes the link. False: it cannot, and standard error says why. */
bool pty_init(struct pty *p, const char *link);
void pty_fini(struct pty *p);

/* Follows `plugged`. The thread that uses the master calls it. True: there is a master. */
bool pty_follow(struct pty *p);

/* As much as the line takes at once; the rest is lost, as on a line that nobody listens to. */
void pty_write(const struct pty *p, const void *bytes, size_t n);

#endif
