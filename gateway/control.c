/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/control.h"

#include "gateway/control_answer.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/thread.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECTIONS 8
#define UNNAMED ".new" /* until it listens */
#define REQUEST_MAX 1024
#define TICK_MS 200  /* how soon it sees that it must stop */
#define PATIENCE_S 2 /* for a client that does not read */

struct connection {
    int fd; /* −1: free */
    size_t have;
    char in[REQUEST_MAX];
};

struct control {
    struct control_options o;
    char path[CONTROL_PATH_SIZE];
    int listener; /* −1: none */
    struct stop_flag stop;
    struct thread thread;
    struct connection connections[CONNECTIONS];
};

bool control_path(const struct config *config, char out[CONTROL_PATH_SIZE])
{
    const char *set = config->gateway.control;
    int n = set ? snprintf(out, CONTROL_PATH_SIZE, "%s", set)
                : snprintf(out, CONTROL_PATH_SIZE, "%s.control", config->storage.path);

    return n > 0 && (size_t)n + strlen(UNNAMED) < CONTROL_PATH_SIZE && strcmp(out, "off") != 0;
}

/* --- connections --- */

static void drop(struct connection *n)
{
    close(n->fd);
    n->fd = -1;
    n->have = 0;
}

static bool send_all(int fd, const char *bytes, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, bytes, n, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        bytes += sent;
        n -= (size_t)sent;
    }
    return true;
}

static bool serve(struct control *c, struct connection *n, char *line)
{
    char *text = NULL;
    size_t length = 0;
    FILE *f = open_memstream(&text, &length);

    if (!f)
        return false;
    control_answer(&c->o, line, f);
    fputs(CONTROL_END "\n", f);
    bool sent = fclose(f) == 0 && send_all(n->fd, text, length);
    free(text);
    return sent;
}

/* All whole lines that have come. */
static bool serve_lines(struct control *c, struct connection *n)
{
    char *end;

    while ((end = memchr(n->in, '\n', n->have))) {
        *end = '\0';
        if (!serve(c, n, n->in))
            return false;
        size_t used = (size_t)(end + 1 - n->in);
        n->have -= used;
        memmove(n->in, end + 1, n->have);
    }
    return n->have < sizeof(n->in);
}

static void receive(struct control *c, struct connection *n)
{
    ssize_t got = recv(n->fd, n->in + n->have, sizeof(n->in) - n->have, MSG_DONTWAIT);

    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (got > 0)
        n->have += (size_t)got;
    if (got <= 0 || !serve_lines(c, n))
        drop(n);
}

static void accept_one(struct control *c)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0) { /* without a pause, poll() would come back at once */
        log_warning("control socket: cannot take a connection: %s", log_errno(errno));
        clock_sleep_us(TICK_MS * US_PER_MS);
        return;
    }
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
    for (size_t i = 0; i < CONNECTIONS; i++) {
        if (c->connections[i].fd < 0) {
            c->connections[i].fd = fd;
            return;
        }
    }
    close(fd);
}

static void run(void *arg)
{
    struct control *c = arg;

    while (!stop_flag_raised(&c->stop)) {
        struct pollfd fds[CONNECTIONS + 1];
        thread_promise(THREAD_SLOW_US);          /* an answer may wait for a line's thread */
        for (size_t i = 0; i < CONNECTIONS; i++) /* poll passes over −1 */
            fds[i] = (struct pollfd){.fd = c->connections[i].fd, .events = POLLIN};
        fds[CONNECTIONS] = (struct pollfd){.fd = c->listener, .events = POLLIN};
        if (poll(fds, CONNECTIONS + 1, TICK_MS) <= 0)
            continue;
        for (size_t i = 0; i < CONNECTIONS; i++) {
            if (fds[i].revents)
                receive(c, &c->connections[i]);
        }
        if (fds[CONNECTIONS].revents)
            accept_one(c);
    }
}

/* --- life --- */

/* What a killed gateway left behind. There is one gateway to a database, so it is nobody's. */
static bool remove_stale(const char *path)
{
    struct stat st;

    if (lstat(path, &st) == 0) {
        if (S_ISSOCK(st.st_mode))
            return unlink(path) == 0;
        errno = EEXIST;
        return false;
    }
    return errno == ENOENT;
}

/* It gets its name when it listens: whoever finds it is neither refused nor let in too widely. */
static bool listen_at(int fd, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    errno = ENAMETOOLONG;
    if (snprintf(address.sun_path, sizeof(address.sun_path), "%s" UNNAMED, path) >=
            (int)sizeof(address.sun_path) ||
        !remove_stale(path) || !remove_stale(address.sun_path) ||
        bind(fd, (const struct sockaddr *)&address, sizeof(address)) != 0)
        return false;
    if (chmod(address.sun_path, 0660) == 0 && listen(fd, CONNECTIONS) == 0 &&
        rename(address.sun_path, path) == 0)
        return true;
    int error = errno;
    unlink(address.sun_path);
    errno = error;
    return false;
}

static bool open_listener(struct control *c)
{
    c->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->listener >= 0 && listen_at(c->listener, c->path))
        return true;
    log_warning("no control socket at %s: %s; health, reload, monitor, write and others will not "
                "reach this "
                "gateway",
                c->path, log_errno(errno));
    if (c->listener >= 0)
        close(c->listener);
    c->listener = -1;
    return false;
}

enum gw_err control_start(struct control **out, const struct control_options *options)
{
    struct control *c = calloc(1, sizeof(*c));

    if (!c)
        return GW_ENOMEM;
    c->o = *options;
    c->listener = -1;
    stop_flag_init(&c->stop);
    for (size_t i = 0; i < CONNECTIONS; i++)
        c->connections[i].fd = -1;
    *out = c;
    if (!control_path(options->config, c->path)) {
        if (!options->config->gateway.control)
            log_warning("no control socket: the name of the database is too long for one; set "
                        "gateway.control");
        return GW_OK;
    }
    return open_listener(c) ? thread_start(&c->thread, "control", run, c) : GW_OK;
}

void control_stop(struct control *c)
{
    if (!c)
        return;
    stop_flag_raise(&c->stop);
    thread_join(&c->thread);
    for (size_t i = 0; i < CONNECTIONS; i++) {
        if (c->connections[i].fd >= 0)
            drop(&c->connections[i]);
    }
    if (c->listener >= 0) {
        unlink(c->path);
        close(c->listener);
    }
    stop_flag_fini(&c->stop);
    free(c);
}
