/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/daemon.h"

#include "config/suggest.h"
#include "gateway/control.h"
#include "gateway/core/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

struct daemon {
    FILE *in;
    int fd; /* of `in` */
    char *text;
    size_t room; /* of text */
    char **lines;
    size_t lines_room;
    bool lost;
};

static int connect_to(const struct config *config, const char **why)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    *why = "gateway.control is off";
    if (!control_path(config, address.sun_path))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
        return fd;
    *why = errno == ENOENT || errno == ECONNREFUSED ? "no gateway runs"
           : errno == EACCES ? "not permitted. Join the gateway's group, or become root"
                             : log_errno(errno);
    if (fd >= 0)
        close(fd);
    return -1;
}

struct daemon *daemon_open(const struct config *config, const char **why)
{
    int fd = connect_to(config, why);

    if (fd < 0)
        return NULL;
    struct daemon *d = calloc(1, sizeof(*d));
    FILE *in = d ? fdopen(fd, "r") : NULL;
    if (!in) {
        *why = "out of memory";
        close(fd);
        free(d);
        return NULL;
    }
    d->in = in;
    d->fd = fd;
    return d;
}

int daemon_find(const struct cli *cli, struct daemon **out)
{
    struct config *config;
    const char *why;
    int status = cli_load_places(cli, &config);

    if (status != CLI_OK)
        return status;
    *out = daemon_open(config, &why);
    config_free(config);
    if (*out)
        return CLI_OK;
    fprintf(stderr, "sensorgw: cannot ask the gateway: %s\n", why);
    return CLI_FAILED;
}

bool daemon_did(char *const *lines, const char *what)
{
    const char *answer = lines ? lines[0] : NULL;

    if (answer && (strcmp(answer, "ok") == 0 || strncmp(answer, "ok ", 3) == 0))
        return true;
    if (!answer)
        fprintf(stderr, "sensorgw: the gateway has stopped\n");
    else
        fprintf(stderr, "sensorgw: %s: %s\n", what,
                strncmp(answer, "error ", 6) == 0 ? answer + 6 : answer);
    return false;
}

void daemon_suggest(struct daemon *d, const char *sensor)
{
    struct suggest s;

    suggest_init(&s, sensor);
    for (char **lines = daemon_ask(d, "sensors"); lines && *lines; lines++) {
        char *word;
        daemon_words(*lines, &word, 1);
        if (strcmp(word, sensor) == 0)
            return;
        suggest_offer(&s, word);
    }
    if (s.best)
        fprintf(stderr, "sensorgw: did you mean '%s'?\n", s.best);
}

void daemon_limit(struct daemon *d, int64_t us)
{
    const struct timeval limit = {.tv_sec = us / 1000000, .tv_usec = us % 1000000};

    setsockopt(d->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

bool daemon_lost(const struct daemon *d)
{
    return d->lost;
}

void daemon_close(struct daemon *d)
{
    if (!d)
        return;
    fclose(d->in);
    free(d->text);
    free(d->lines);
    free(d);
}

__attribute__((format(printf, 2, 0))) static bool send_request(struct daemon *d, const char *format,
                                                               va_list args)
{
    char request[512];
    int n = vsnprintf(request, sizeof(request) - 1, format, args);

    if (n < 0 || (size_t)n >= sizeof(request) - 1)
        return false;
    request[n] = '\n';
    return send(d->fd, request, (size_t)n + 1, MSG_NOSIGNAL) == n + 1;
}

/* Appends a line to text; false without memory. */
static bool keep(struct daemon *d, size_t *used, const char *line, size_t length)
{
    while (*used + length + 1 > d->room) {
        size_t room = d->room ? 2 * d->room : 4096;
        char *more = realloc(d->text, room);
        if (!more)
            return false;
        d->text = more;
        d->room = room;
    }
    memcpy(d->text + *used, line, length + 1);
    *used += length + 1;
    return true;
}

/* The lines up to the dot, one after the other in d->text; how many, or −1. */
static long receive(struct daemon *d)
{
    char *line = NULL;
    size_t size = 0, used = 0;
    long count = 0;
    ssize_t n;

    while ((n = getline(&line, &size, d->in)) > 0) {
        if (line[n - 1] == '\n')
            line[--n] = '\0';
        if (strcmp(line, CONTROL_END) == 0) {
            free(line);
            return count;
        }
        if (!keep(d, &used, line, (size_t)n))
            break;
        count++;
    }
    free(line);
    return -1;
}

char **daemon_ask(struct daemon *d, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    bool sent = send_request(d, format, args);
    va_end(args);
    long count = sent ? receive(d) : -1;
    d->lost = count < 0;
    if (count < 0)
        return NULL;
    if ((size_t)count + 1 > d->lines_room) {
        char **more = realloc(d->lines, ((size_t)count + 1) * sizeof(*more));
        if (!more)
            return NULL;
        d->lines = more;
        d->lines_room = (size_t)count + 1;
    }
    char *at = d->text;
    for (long i = 0; i < count; i++) {
        d->lines[i] = at;
        at += strlen(at) + 1;
    }
    d->lines[count] = NULL;
    return d->lines;
}

size_t daemon_words(char *line, char **words, size_t max)
{
    static char none[] = "";
    size_t n = 0;

    while (n < max && line)
        words[n++] = strsep(&line, "\t");
    for (size_t i = n; i < max; i++)
        words[i] = none;
    return n;
}
