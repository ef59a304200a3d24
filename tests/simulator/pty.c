/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/pty.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

/* A symbolic link of an earlier run is replaced; anything else is left alone. */
static bool make_link(const char *target, const char *link)
{
    char old[64];

    if (readlink(link, old, sizeof(old)) >= 0)
        unlink(link);
    return symlink(target, link) == 0;
}

static bool plug(struct pty *p)
{
    struct termios raw;
    char device[64];

    p->master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (p->master < 0 || grantpt(p->master) != 0 || unlockpt(p->master) != 0 ||
        ptsname_r(p->master, device, sizeof(device)) != 0)
        return false;
    p->keeper = open(device, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (p->keeper < 0 || tcgetattr(p->keeper, &raw) != 0)
        return false;
    cfmakeraw(&raw);
    return tcsetattr(p->keeper, TCSANOW, &raw) == 0 && make_link(device, p->link);
}

static void unplug(struct pty *p)
{
    unlink(p->link);
    if (p->keeper >= 0)
        close(p->keeper);
    if (p->master >= 0)
        close(p->master);
    p->keeper = p->master = -1;
}

bool pty_init(struct pty *p, const char *link)
{
    p->link = link;
    p->master = p->keeper = -1;
    atomic_init(&p->plugged, true);
    if (plug(p))
        return true;
    fprintf(stderr, "sensorgw-sim: no pseudo-terminal at %s: %s\n", link, strerror(errno));
    unplug(p);
    return false;
}

void pty_fini(struct pty *p)
{
    unplug(p);
}

bool pty_follow(struct pty *p)
{
    bool wanted = atomic_load(&p->plugged);

    if (wanted == (p->master >= 0))
        return wanted;
    if (!wanted || !plug(p))
        unplug(p);
    return p->master >= 0;
}

void pty_write(const struct pty *p, const void *bytes, size_t n)
{
    ssize_t ignored = write(p->master, bytes, n);

    (void)ignored;
}
