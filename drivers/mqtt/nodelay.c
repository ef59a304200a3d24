/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/nodelay.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

static int peer_port(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer = {.v6 = {.sin6_family = AF_UNSPEC}};
    socklen_t size = sizeof(peer);

    if (getpeername(fd, &peer.any, &size) != 0)
        return -1;
    if (peer.any.sa_family == AF_INET)
        return ntohs(peer.v4.sin_port);
    return peer.any.sa_family == AF_INET6 ? ntohs(peer.v6.sin6_port) : -1;
}

int nodelay_set(int port)
{
    DIR *dir = opendir("/proc/self/fd");
    const struct dirent *entry;
    int found = 0, yes = 1;

    if (!dir)
        return 0;
    /* cppcheck-suppress readdirCalled ; a DIR of our own: readdir(3) */
    while ((entry = readdir(dir)) != NULL) {
        int fd = (int)strtol(entry->d_name, NULL, 10);
        if (entry->d_name[0] != '.' && peer_port(fd) == port)
            found += setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes)) == 0;
    }
    closedir(dir);
    return found;
}
