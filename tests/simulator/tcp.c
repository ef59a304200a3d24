/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/sim.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int listen_on(const char *address, int *port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)*port)};
    socklen_t length = sizeof(at);
    int one = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (inet_pton(AF_INET, address, &at.sin_addr) == 1 &&
        bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0 && listen(fd, TCP_CLIENTS_MAX) == 0 &&
        getsockname(fd, (struct sockaddr *)&at, &length) == 0) {
        *port = ntohs(at.sin_port);
        return fd;
    }
    close(fd);
    return -1;
}

static void take_client(struct tcp_server *t)
{
    int one = 1;
    int fd = accept4(t->fds[0].fd, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (t->fd_count == 1 + TCP_CLIENTS_MAX) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    t->fds[t->fd_count++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static bool serve_client(struct tcp_server *t, int fd)
{
    uint8_t request[MODBUS_TCP_MAX_ADU_LENGTH];

    modbus_set_socket(t->slave.ctx, fd);
    int n = modbus_receive(t->slave.ctx, request);
    return n > 0 && slave_answer(&t->slave, fd, request, n);
}

static void drop_client(struct tcp_server *t, nfds_t i)
{
    slave_forget(&t->slave, t->fds[i].fd);
    close(t->fds[i].fd);
    t->fds[i] = t->fds[--t->fd_count];
}

static void run(void *arg)
{
    struct tcp_server *t = arg;

    while (!atomic_load(&t->stop)) {
        if (poll(t->fds, t->fd_count, slave_send_late(&t->slave)) <= 0)
            continue;
        for (nfds_t i = t->fd_count; i-- > 1;) {
            if (t->fds[i].revents && !serve_client(t, t->fds[i].fd))
                drop_client(t, i);
        }
        if (t->fds[0].revents)
            take_client(t);
    }
}

bool tcp_start(struct tcp_server *t, const char *address, int port)
{
    t->port = port;
    atomic_init(&t->stop, false);
    int fd = listen_on(address, &t->port);
    if (fd < 0) {
        fprintf(stderr, "sensorgw-sim: cannot listen on %s:%d: %s\n", address, port,
                strerror(errno));
        return false;
    }
    t->fds[0] = (struct pollfd){.fd = fd, .events = POLLIN};
    t->fd_count = 1;
    return slave_init(&t->slave, false) && thread_start(&t->thread, "tcp", run, t) == GW_OK;
}

void tcp_stop(struct tcp_server *t)
{
    atomic_store(&t->stop, true);
    thread_join(&t->thread);
    for (nfds_t i = 0; i < t->fd_count; i++)
        close(t->fds[i].fd);
    t->fd_count = 0;
    slave_fini(&t->slave);
}
