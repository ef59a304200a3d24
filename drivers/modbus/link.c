/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/link.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <errno.h>
#include <fcntl.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

/* A peer that is gone is noticed after 10 + 3 × 5 s when idle, 15 s when written to. */
#define KEEPALIVE_IDLE_S 10
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_PROBES 3
#define USER_TIMEOUT_MS 15000

static enum gw_err translated(int err)
{
    switch (err) {
    case ENOMEM:
        return GW_ENOMEM;
    case ENOENT:
    case ENODEV:
    case ENXIO:
        return GW_ENOENT;
    case EACCES:
    case EPERM:
        return GW_EACCES;
    case EBUSY:
    case EWOULDBLOCK:
        return GW_EBUSY;
    default:
        return GW_EIO;
    }
}

static enum gw_err fail(struct link *l, enum gw_err err, const char *what,
                        char fault[LINK_FAULT_SIZE])
{
    snprintf(fault, LINK_FAULT_SIZE, "%s", what);
    link_close(l);
    return err;
}

/* libmodbus select()s while it connects, which writes beyond its set for a descriptor that large.
 */
static bool descriptors_left(void)
{
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (fd >= 0)
        close(fd);
    return fd >= 0 && fd < FD_SETSIZE;
}

static enum gw_err open_serial(struct link *l, const struct transport_options *o,
                               char fault[LINK_FAULT_SIZE])
{
    l->ctx = modbus_new_rtu(o->port, o->baud, o->parity, o->data_bits, o->stop_bits);
    if (!l->ctx)
        return fail(l, translated(errno), log_errno(errno), fault);
    if (modbus_connect(l->ctx) != 0)
        return fail(l, translated(errno), errno == EBUSY ? "in use by another" : log_errno(errno),
                    fault);
    l->fd = modbus_get_socket(l->ctx);
    if (!isatty(l->fd))
        return fail(l, GW_EINVAL, "not a serial port", fault);
    if (flock(l->fd, LOCK_EX | LOCK_NB) != 0)
        return fail(l, GW_EBUSY, "in use by another process", fault);
    ioctl(l->fd, TIOCEXCL);
    tcflush(l->fd, TCIOFLUSH);
    return GW_OK;
}

static void set_option(int fd, int level, int name, int value)
{
    if (setsockopt(fd, level, name, &value, sizeof(value)) != 0)
        log_warning("modbus: cannot set a socket option: %s", log_errno(errno));
}

static enum gw_err open_tcp(struct link *l, const struct transport_options *o,
                            char fault[LINK_FAULT_SIZE])
{
    if (!descriptors_left())
        return fail(l, GW_ESYS, "too many open files", fault);
    l->ctx = modbus_new_tcp_pi(o->host, o->service);
    if (!l->ctx)
        return fail(l, GW_EINVAL, "not a host and port", fault);
    modbus_set_response_timeout(l->ctx, (uint32_t)(o->timeout_us / US_PER_SECOND),
                                (uint32_t)(o->timeout_us % US_PER_SECOND));
    errno = 0;
    if (modbus_connect(l->ctx) != 0) {
        /* libmodbus leaves EINPROGRESS after a time-out, and nothing when the name is unknown. */
        int err = errno;
        return fail(l, GW_ECONN,
                    err == EINPROGRESS || err == ETIMEDOUT ? "no answer to the connect"
                    : err == 0 || err == EMBBADDATA        ? "host not found"
                                                           : log_errno(err),
                    fault);
    }
    l->fd = modbus_get_socket(l->ctx);
    set_option(l->fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(l->fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(l->fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(l->fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_option(l->fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    set_option(l->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
    return GW_OK;
}

enum gw_err link_open(struct link *l, const struct transport_options *o,
                      char fault[LINK_FAULT_SIZE])
{
    *l = (struct link){.fd = -1};
    enum gw_err err = o->port ? open_serial(l, o, fault) : open_tcp(l, o, fault);
    if (err != GW_OK)
        return err;
    int flags = fcntl(l->fd, F_GETFL);
    if (flags < 0 || fcntl(l->fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return fail(l, GW_ESYS, log_errno(errno), fault);
    return GW_OK;
}

void link_close(struct link *l)
{
    if (l->ctx && l->fd >= 0)
        modbus_close(l->ctx);
    if (l->ctx)
        modbus_free(l->ctx);
    *l = (struct link){.fd = -1};
}
