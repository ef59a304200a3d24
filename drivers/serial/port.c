/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/port.h"

#include "drivers/portlock.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <termios.h>
#include <unistd.h>

#define WRITE_LIMIT_US (1 * US_PER_SECOND)

static const struct {
    int64_t baud;
    speed_t speed;
} speeds[] = {
    {50, B50},           {75, B75},           {110, B110},         {134, B134},
    {150, B150},         {200, B200},         {300, B300},         {600, B600},
    {1200, B1200},       {1800, B1800},       {2400, B2400},       {4800, B4800},
    {9600, B9600},       {19200, B19200},     {38400, B38400},     {57600, B57600},
    {115200, B115200},   {230400, B230400},   {460800, B460800},   {500000, B500000},
    {576000, B576000},   {921600, B921600},   {1000000, B1000000}, {1152000, B1152000},
    {1500000, B1500000}, {2000000, B2000000}, {2500000, B2500000}, {3000000, B3000000},
    {3500000, B3500000}, {4000000, B4000000},
};

static speed_t speed_of(int64_t baud)
{
    for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
        if (speeds[i].baud == baud)
            return speeds[i].speed;
    }
    return B0;
}

bool port_speed_known(int64_t baud)
{
    return speed_of(baud) != B0;
}

static bool configure(int fd, const struct serial_source *o)
{
    static const tcflag_t sizes[] = {[5] = CS5, [6] = CS6, [7] = CS7, [8] = CS8};
    struct termios t;

    if (tcgetattr(fd, &t) != 0)
        return false;
    cfmakeraw(&t);
    t.c_cflag &= ~(tcflag_t)(CSIZE | CSTOPB | PARENB | PARODD | CRTSCTS);
    t.c_cflag |= CLOCAL | CREAD | sizes[o->data_bits];
    if (o->stop_bits == 2)
        t.c_cflag |= CSTOPB;
    if (o->parity != PARITY_NONE)
        t.c_cflag |= PARENB;
    if (o->parity == PARITY_ODD)
        t.c_cflag |= PARODD;
    /* A character with a parity error becomes a NUL, so that its line does not match. */
    t.c_iflag |= o->parity == PARITY_NONE ? 0 : INPCK;
    t.c_cc[VMIN] = 0;
    t.c_cc[VTIME] = 0;
    return cfsetspeed(&t, speed_of(o->baud)) == 0 && tcsetattr(fd, TCSANOW, &t) == 0;
}

enum gw_err port_open(int *out, const struct serial_source *o, char *fault, size_t size)
{
    int fd;
    enum gw_err err = portlock_take(&fd, o->port, fault, size);

    if (err != GW_OK)
        return err;
    portlock_exclude(fd);
    bool ok = configure(fd, o);
    if (!ok && errno == EINVAL) {
        portlock_unsettle(fd);
        ok = configure(fd, o);
    }
    if (!ok) {
        int error = errno;
        snprintf(fault, size, "cannot be set to %lld baud and these bits: %s", (long long)o->baud,
                 log_errno(error));
        portlock_release(fd);
        return portlock_error(error);
    }
    tcflush(fd, TCIOFLUSH);
    *out = fd;
    return GW_OK;
}

void port_close(int fd)
{
    portlock_release(fd);
}

/* True when the port is ready; false after the time, or with errno when it is gone. */
static bool wait_for(int fd, short events, int64_t timeout_us)
{
    struct pollfd p = {.fd = fd, .events = events};
    int n = poll(&p, 1, timeout_us > 0 ? (int)((timeout_us + US_PER_MS - 1) / US_PER_MS) : 0);

    errno = 0;
    if (n <= 0)
        return false;
    if (p.revents & events)
        return true;
    errno = EIO; /* hang-up: unplugged */
    return false;
}

ssize_t port_read(int fd, char *bytes, size_t size, int64_t timeout_us)
{
    if (!wait_for(fd, POLLIN, timeout_us))
        return errno ? -1 : 0;
    ssize_t n = read(fd, bytes, size);
    if (n > 0)
        return n;
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n == 0) /* readable, but nothing there: it hung up */
        errno = EIO;
    return -1;
}

bool port_write(int fd, const char *bytes, size_t n)
{
    int64_t deadline = clock_mono_us() + WRITE_LIMIT_US;

    while (n > 0) {
        ssize_t written = write(fd, bytes, n);
        if (written < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (written > 0) {
            bytes += written;
            n -= (size_t)written;
            continue;
        }
        int64_t left = deadline - clock_mono_us();
        if (left <= 0 || (!wait_for(fd, POLLOUT, left) && errno)) {
            errno = errno ? errno : ETIMEDOUT;
            return false;
        }
    }
    return true;
}
