/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/link.h"

#include "drivers/portlock.h"
#include "drivers/resolve.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/thread.h"

#include <errno.h>
#include <fcntl.h>
#include <modbus/modbus.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

/* A peer that is gone is noticed after 10 + 3 × 5 s when idle, 15 s when written to. */
#define KEEPALIVE_IDLE_S 10
#define KEEPALIVE_INTERVAL_S 5
#define KEEPALIVE_PROBES 3
#define USER_TIMEOUT_MS 15000
/* libmodbus cannot be stopped while it connects. */
#define CONNECT_MOST_US (3 * US_PER_SECOND)
/* How long the sensors behind a name wait for the name server before they are said to be lost. */
#define RESOLVE_MOST_US (5 * US_PER_SECOND)

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

/* The lock comes first: libmodbus changes the settings of what it opens. */
static enum gw_err open_serial(struct link *l, const struct transport_options *o,
                               char fault[LINK_FAULT_SIZE])
{
    enum gw_err err = portlock_take(&l->lock, o->port, fault, LINK_FAULT_SIZE);
    if (err != GW_OK)
        return err;
    l->ctx = modbus_new_rtu(o->port, o->baud, o->parity, o->data_bits, o->stop_bits);
    bool connected = l->ctx && modbus_connect(l->ctx) == 0;
    if (l->ctx && !connected && errno == EINVAL) {
        portlock_unsettle(l->lock);
        connected = modbus_connect(l->ctx) == 0;
    }
    if (!connected)
        return fail(l, portlock_error(errno), log_errno(errno), fault);
    l->fd = modbus_get_socket(l->ctx);
    portlock_exclude(l->lock);
    if (o->rs485) {
        err = rs485_enable(l->fd, o->rs485, fault, LINK_FAULT_SIZE);
        if (err != GW_OK) {
            link_close(l);
            return err;
        }
    }
    tcflush(l->fd, TCIOFLUSH);
    return GW_OK;
}

static void set_option(int fd, int level, int name, int value)
{
    if (setsockopt(fd, level, name, &value, sizeof(value)) != 0)
        log_warning("modbus: cannot set a socket option: %s", log_errno(errno));
}

static const char *connect_fault(int error)
{
    /* libmodbus leaves EINPROGRESS after a time-out. */
    return error == EINPROGRESS || error == ETIMEDOUT ? "no answer to the connect"
                                                      : log_errno(error);
}

static bool connect_to(struct link *l, const char *address, const struct transport_options *o,
                       char fault[LINK_FAULT_SIZE])
{
    int64_t wait = o->timeout_us < CONNECT_MOST_US ? o->timeout_us : CONNECT_MOST_US;

    l->ctx = modbus_new_tcp_pi(address, o->service);
    if (!l->ctx)
        return fail(l, GW_EINVAL, "not a host and port", fault) == GW_OK;
    modbus_set_response_timeout(l->ctx, (uint32_t)(wait / US_PER_SECOND),
                                (uint32_t)(wait % US_PER_SECOND));
    if (modbus_connect(l->ctx) != 0)
        return fail(l, GW_ECONN, connect_fault(errno), fault) == GW_OK;
    l->fd = modbus_get_socket(l->ctx);
    return true;
}

static void set_up_socket(int fd)
{
    set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
    set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, KEEPALIVE_IDLE_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S);
    set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, KEEPALIVE_PROBES);
    set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, USER_TIMEOUT_MS);
}

static enum gw_err open_tcp(struct link *l, const struct transport_options *o,
                            char fault[LINK_FAULT_SIZE])
{
    struct resolved to;

    if (!descriptors_left())
        return fail(l, GW_ESYS, "too many open files", fault);
    enum gw_err err = resolve_host(o->host, RESOLVE_MOST_US, o->stopping, o->arg, &to);
    if (err != GW_OK)
        return fail(l, err == GW_ECLOSED ? err : GW_ECONN,
                    err == GW_ENOENT ? "host not found" : "the name server does not answer", fault);
    for (size_t i = 0; i < to.count; i++) {
        if (o->stopping(o->arg))
            return fail(l, GW_ECLOSED, "stopping", fault);
        if (connect_to(l, to.addresses[i], o, fault)) {
            set_up_socket(l->fd);
            return GW_OK;
        }
    }
    return GW_ECONN;
}

enum gw_err link_open(struct link *l, const struct transport_options *o,
                      char fault[LINK_FAULT_SIZE])
{
    *l = (struct link){.fd = -1, .lock = -1};
    thread_promise(THREAD_SLOW_US + o->timeout_us);
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
    portlock_release(l->lock);
    *l = (struct link){.fd = -1, .lock = -1};
}
