/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/mqtt/diagnosis.h"

#include "drivers/mqtt/tls.h"
#include "drivers/resolve.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define LIMIT_US (5 * US_PER_SECOND)
#define LOOK_UP_US (2 * US_PER_SECOND)
#define STEP_US (2 * US_PER_SECOND) /* one address, or one answer */
#define SLICE_MS 100

#define REACH "look whether the broker runs and can be reached, and at mqtt.url"
#define FILES "look at mqtt.ca_file, mqtt.cert_file and mqtt.key_file"
#define TRUST "look at mqtt.url, mqtt.ca_file and the broker's certificate"
#define SCHEME "look at mqtt.url: mqtts:// (mostly port 8883) is for TLS, mqtt:// (1883) for none"

enum peer { PEER_TLS, PEER_PLAIN, PEER_SILENT };

struct patience {
    int64_t deadline_us;
    bool (*stopping)(void *arg);
    void *arg;
};

__attribute__((format(printf, 3, 4))) static void say(struct diagnosis *out, const char *hint,
                                                      const char *format, ...)
{
    va_list args;

    va_start(args, format);
    vsnprintf(out->text, sizeof(out->text), format, args);
    va_end(args);
    out->hint = hint;
}

/* --- files --- */

/* False, and said, when the file has no part of that kind. */
static bool is_pem(const char *key, const char *path, const char *kind, struct diagnosis *out)
{
    FILE *f = fopen(path, "re");
    char line[256];
    bool found = false;

    if (!f) {
        say(out, FILES, "mqtt.%s cannot be read: %s: %s", key, path, log_errno(errno));
        return false;
    }
    while (!found && fgets(line, sizeof(line), f))
        found = strncmp(line, "-----BEGIN ", 11) == 0 && strstr(line, kind);
    fclose(f);
    if (!found)
        say(out, FILES, "mqtt.%s cannot be used: no %s in PEM format in %s", key,
            kind[0] == 'C' ? "certificate" : "private key", path);
    return found;
}

static bool files_are_good(const struct mqtt_section *m, struct diagnosis *out)
{
    return (!m->ca_file || is_pem("ca_file", m->ca_file, "CERTIFICATE", out)) &&
           (!m->cert_file || is_pem("cert_file", m->cert_file, "CERTIFICATE", out)) &&
           (!m->key_file || is_pem("key_file", m->key_file, "PRIVATE KEY", out));
}

/* --- the other side --- */

static bool wait_ready(int fd, short events, const struct patience *p)
{
    int64_t deadline = clock_mono_us() + STEP_US;
    struct pollfd pfd = {.fd = fd, .events = events};

    if (deadline > p->deadline_us)
        deadline = p->deadline_us;
    while (!p->stopping(p->arg) && clock_mono_us() < deadline) {
        if (poll(&pfd, 1, SLICE_MS) > 0)
            return true;
    }
    return false;
}

/* Returns a descriptor, or −1 with errno. */
static int connect_to(const char *address, int port, const struct patience *p)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                                   .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
    struct addrinfo *a;
    char service[16];
    int error = 0;
    socklen_t size = sizeof(error);

    snprintf(service, sizeof(service), "%d", port);
    errno = EINVAL;
    if (getaddrinfo(address, service, &hints, &a) != 0)
        return -1;
    int fd = socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
        error = errno;
        if (error == EINPROGRESS && !wait_ready(fd, POLLOUT, p))
            error = ETIMEDOUT;
        else if (error == EINPROGRESS)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    } else if (fd < 0) {
        error = errno;
    }
    freeaddrinfo(a);
    if (error == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    errno = error;
    return -1;
}

/* Begins a handshake: whoever knows TLS answers with one of its records, or with an alert. */
static enum peer ask_for_tls(int fd, const struct patience *p)
{
    /* clang-format off */
    static const unsigned char hello[58] = {
        0x16, 3, 1, 0, 53,                                   /* handshake, length */
        1, 0, 0, 49, 3, 3,                                   /* ClientHello, length, TLS 1.2 */
        [43] = 0, 0, 10,                                     /* (random), session, ciphers */
        0xc0, 0x2f, 0xc0, 0x30, 0, 0x9c, 0, 0x2f, 0, 0xff,
        1, 0,                                                /* no compression */
    };
    /* clang-format on */
    unsigned char first = 0;

    if (send(fd, hello, sizeof(hello), MSG_NOSIGNAL) != (ssize_t)sizeof(hello))
        return PEER_PLAIN;
    if (!wait_ready(fd, POLLIN, p))
        return PEER_SILENT;
    bool answers = recv(fd, &first, 1, 0) == 1;
    return answers && (first == 0x15 || first == 0x16) ? PEER_TLS : PEER_PLAIN;
}

static void say_errno(struct diagnosis *out, int error)
{
    if (error == ECONNREFUSED)
        say(out, REACH, "connection refused: nothing listens on that port");
    else if (error == ETIMEDOUT)
        say(out, REACH, "timed out: the host does not answer");
    else
        say(out, REACH, "%s", log_errno(error));
}

/* Something listens there, and yet it was no connection. */
static void examine(const struct mqtt_section *m, const char *tls_reason, enum peer peer,
                    struct diagnosis *out)
{
    if (peer == PEER_SILENT)
        say(out, REACH, "what listens there takes connections, but does not answer");
    else if (!m->tls && peer == PEER_TLS)
        say(out, SCHEME, "the other side speaks TLS");
    else if (!m->tls)
        say(out, REACH, "no MQTT 5 answer from what listens there");
    else if (peer == PEER_PLAIN && (!tls_reason[0] || strstr(tls_reason, "wrong version number")))
        say(out, SCHEME, "the other side speaks no TLS");
    else if (tls_reason[0])
        say(out, TRUST, "TLS: %s", tls_reason);
    else if (m->cert_file)
        say(out, TRUST,
            "the broker's certificate is for another host than %s, or it does not take the "
            "certificate in mqtt.cert_file with that mqtt.key_file",
            m->host);
    else
        say(out, TRUST,
            "the broker's certificate is for another host than %s, or it asks for one of ours "
            "(mqtt.cert_file)",
            m->host);
}

static void look_there(const struct mqtt_section *m, const char *tls_reason,
                       const struct patience *p, struct diagnosis *out)
{
    struct resolved found;
    int fd = -1, error = ETIMEDOUT;
    enum gw_err err = resolve_host(m->host, LOOK_UP_US, p->stopping, p->arg, &found);

    if (err == GW_ENOENT)
        say(out, REACH, "host not found: %s", m->host);
    else if (err == GW_ETIMEDOUT)
        say(out, REACH, "no name server says what the address of %s is", m->host);
    if (err != GW_OK)
        return;
    for (size_t i = 0; i < found.count && fd < 0 && !p->stopping(p->arg); i++) {
        fd = connect_to(found.addresses[i], m->port, p);
        error = errno;
    }
    if (fd < 0) {
        say_errno(out, error);
        return;
    }
    enum peer peer = ask_for_tls(fd, p);
    close(fd);
    examine(m, tls_reason, peer, out);
}

void diagnose(const struct mqtt_section *m, const char *tls_reason, bool (*stopping)(void *arg),
              void *arg, struct diagnosis *out)
{
    const struct patience patience = {
        .deadline_us = clock_mono_us() + LIMIT_US, .stopping = stopping, .arg = arg};
    const char *words = m->tls ? tls_reason_words(tls_reason) : NULL;

    say(out, REACH, "no connection");
    if (m->tls && !files_are_good(m, out))
        return;
    if (words)
        say(out, TRUST, "%s", words);
    else
        look_there(m, tls_reason, &patience, out);
    if (stopping(arg)) /* then nothing was found out */
        say(out, REACH, "no connection");
}
