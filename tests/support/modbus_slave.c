/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/modbus_slave.h"

#include "gateway/core/clock.h"
#include "gateway/core/thread.h"
#include "tests/support/own_address.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define PENDING_MAX 1024
#define FRAME_ROOM 300

/* Bytes on their way to the master. */
struct pending {
    int64_t due_us, asked_us;
    uint8_t held_unit; /* 0: not held */
    size_t n;
    uint8_t bytes[FRAME_ROOM];
};

struct modbus_slave {
    struct modbus_slave_options o;
    bool tcp;                 /* a socket */
    bool mbap;                /* with the frames of Modbus TCP, not of RTU */
    int listener, fd, keeper; /* keeper: holds the pty's other end open */
    int port;
    char host[INET_ADDRSTRLEN], path[64];
    struct thread thread;
    atomic_bool stop;
    atomic_uint requests, connections;
    uint8_t in[FRAME_ROOM];
    size_t have;
    struct pending *pending;
    size_t pending_count;
    int64_t held_us; /* how long the last answer was held */
};

uint16_t modbus_slave_value(uint8_t unit, uint16_t address)
{
    return (uint16_t)(unit << 8 ^ address);
}

static uint16_t crc16(const uint8_t *p, size_t n)
{
    uint16_t crc = 0xFFFF;

    for (size_t i = 0; i < n * 8; i++) {
        if (i % 8 == 0)
            crc ^= p[i / 8];
        crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xA001 : crc >> 1);
    }
    return crc;
}

static void later(struct modbus_slave *s, const uint8_t *bytes, size_t n, int64_t delay_us)
{
    if (s->pending_count == PENDING_MAX)
        return;
    struct pending *p = &s->pending[s->pending_count++];
    p->asked_us = clock_mono_us();
    p->due_us = p->asked_us + delay_us;
    p->held_unit = 0;
    p->n = n;
    memcpy(p->bytes, bytes, n);
}

static void hang_up(struct modbus_slave *s)
{
    if (s->tcp && s->fd >= 0) {
        close(s->fd);
        s->fd = -1;
    }
    s->have = 0;
    s->pending_count = 0;
}

/* A held answer is lost when this machine, not the line, makes it later still. */
#define HELD_TOO_LATE_US (100 * US_PER_MS)

static void send_due(struct modbus_slave *s)
{
    int64_t now = clock_mono_us();
    size_t kept = 0;

    for (size_t i = 0; i < s->pending_count; i++) {
        struct pending *p = &s->pending[i];
        if (p->due_us > now)
            s->pending[kept++] = *p;
        else if (p->held_unit && now - p->due_us > HELD_TOO_LATE_US)
            continue;
        else if (s->tcp ? send(s->fd, p->bytes, p->n, MSG_NOSIGNAL) < 0
                        : write(s->fd, p->bytes, p->n) < 0)
            break;
    }
    s->pending_count = kept;
}

static size_t answer_pdu(const struct slave_request *q, enum slave_fault fault, uint8_t *pdu)
{
    uint16_t count = fault == SLAVE_COUNT && q->count > 1 ? q->count - 1 : q->count;

    if (fault == SLAVE_ILLEGAL_ADDRESS || fault == SLAVE_BUSY) {
        pdu[0] = q->function | 0x80;
        pdu[1] = fault == SLAVE_BUSY ? 6 : 2;
        return 2;
    }
    pdu[0] = fault == SLAVE_FUNCTION ? (uint8_t)(7 - q->function) : q->function;
    memset(pdu + 2, 0, 250);
    for (uint16_t i = 0; i < count; i++) {
        uint16_t value = modbus_slave_value(q->unit, (uint16_t)(q->address + i));
        if (q->function >= 3) {
            pdu[2 + 2 * i] = (uint8_t)(value >> 8);
            pdu[3 + 2 * i] = (uint8_t)value;
        } else {
            pdu[2 + i / 8] |= (uint8_t)((value & 1) << i % 8);
        }
    }
    pdu[1] = (uint8_t)(q->function >= 3 ? 2 * count : (count + 7) / 8);
    return 2U + pdu[1];
}

static size_t frame_answer(const struct modbus_slave *s, const uint8_t *request,
                           const struct slave_request *q, enum slave_fault fault, uint8_t *out)
{
    size_t at = 0;

    if (s->mbap) {
        memcpy(out, request, 4);
        out[1] = (uint8_t)(out[1] + (fault == SLAVE_TRANSACTION));
        at = 6;
    }
    out[at] = fault == SLAVE_UNIT ? (uint8_t)(q->unit + 100) : q->unit;
    size_t n = 1 + answer_pdu(q, fault, out + at + 1);
    if (s->mbap) {
        out[4] = (uint8_t)(n >> 8);
        out[5] = (uint8_t)n;
        return at + n;
    }
    uint16_t crc = crc16(out, n);
    out[n++] = (uint8_t)crc;
    out[n++] = (uint8_t)(crc >> 8);
    return n;
}

/* As late as a master must reckon with, and a little less. */
#define HELD_AT_MOST_US (9 * US_PER_SECOND / 2)

static void hold(struct modbus_slave *s, uint8_t unit, const uint8_t *out, size_t n)
{
    size_t at = s->pending_count;

    int64_t delay = s->held_us ? s->held_us * 3 / 2 : HELD_AT_MOST_US;

    later(s, out, n, delay < HELD_AT_MOST_US ? delay : HELD_AT_MOST_US);
    if (s->pending_count > at)
        s->pending[at].held_unit = unit;
}

static void release(struct modbus_slave *s, uint8_t unit)
{
    int64_t now = clock_mono_us(), longest = 0;

    for (size_t i = 0; i < s->pending_count; i++) {
        struct pending *p = &s->pending[i];
        if (p->held_unit != unit || p->due_us < now)
            continue;
        p->due_us = now;
        if (now - p->asked_us > longest)
            longest = now - p->asked_us;
    }
    if (longest > 0)
        s->held_us = longest;
}

static void misbehave(struct modbus_slave *s, enum slave_fault fault, uint8_t *out, size_t n)
{
    if (fault == SLAVE_DRIP) {
        for (size_t i = 0; i < n; i++)
            later(s, out + i, 1, s->o.drip_after_us + (int64_t)(i + 1) * s->o.drip_us);
        return;
    }
    if (fault == SLAVE_GARBAGE) {
        for (size_t i = 0; i < n; i++)
            out[i] = (uint8_t)(out[i] * 37 + 91 * (i + 1));
    }
    if (fault == SLAVE_DAMAGED)
        out[n / 2] ^= 0x10;
    if (fault == SLAVE_SHORT)
        n -= 2;
    if (fault == SLAVE_LONG)
        n += 3;
    later(s, out, n, fault == SLAVE_LATE ? s->o.late_us : 0);
}

static void answer(struct modbus_slave *s, const uint8_t *request)
{
    const uint8_t *unit = request + (s->mbap ? 6 : 0);
    struct slave_request q = {.unit = unit[0],
                              .function = unit[1],
                              .address = (uint16_t)(unit[2] << 8 | unit[3]),
                              .count = (uint16_t)(unit[4] << 8 | unit[5]),
                              .number = atomic_fetch_add(&s->requests, 1)};
    enum slave_fault fault = s->o.fault ? s->o.fault(s->o.arg, &q) : SLAVE_GOOD;
    uint8_t out[FRAME_ROOM] = {0};

    if (s->o.echo)
        later(s, request, s->mbap ? 12 : 8, 0);
    release(s, q.unit);
    if (fault == SLAVE_DROP)
        hang_up(s);
    else if (fault == SLAVE_HELD)
        hold(s, q.unit, out, frame_answer(s, request, &q, fault, out));
    else if (fault != SLAVE_MUTE)
        misbehave(s, fault, out, frame_answer(s, request, &q, fault, out));
}

static void consume(struct modbus_slave *s, size_t n)
{
    s->have -= n;
    memmove(s->in, s->in + n, s->have);
}

static void serve(struct modbus_slave *s)
{
    size_t length = s->mbap ? 12 : 8;
    ssize_t n = read(s->fd, s->in + s->have, sizeof(s->in) - s->have);

    if (n <= 0) {
        hang_up(s);
        return;
    }
    s->have += (size_t)n;
    while (s->have >= length) {
        uint8_t request[12];
        memcpy(request, s->in, length);
        bool whole = s->mbap || crc16(request, 8) == 0;
        consume(s, whole ? length : 1);
        if (whole)
            answer(s, request);
    }
}

static int wait_ms(const struct modbus_slave *s)
{
    int64_t least = 20000;
    int64_t now = clock_mono_us();

    for (size_t i = 0; i < s->pending_count; i++) {
        if (s->pending[i].due_us - now < least)
            least = s->pending[i].due_us - now;
    }
    return least > 0 ? (int)((least + 999) / 1000) : 0;
}

static void run(void *arg)
{
    struct modbus_slave *s = arg;

    while (!atomic_load(&s->stop)) {
        struct pollfd fds[] = {{.fd = s->fd, .events = POLLIN},
                               {.fd = s->fd < 0 ? s->listener : -1, .events = POLLIN}};
        poll(fds, 2, wait_ms(s));
        if (s->fd < 0 && s->tcp && fds[1].revents) {
            s->fd = accept(s->listener, NULL, NULL);
            atomic_fetch_add(&s->connections, 1);
        } else if (s->fd >= 0 && fds[0].revents) {
            serve(s);
        }
        if (s->fd >= 0)
            send_due(s);
    }
}

static struct modbus_slave *new_slave(const struct modbus_slave_options *o, bool tcp)
{
    struct modbus_slave *s = calloc(1, sizeof(*s));

    if (!s)
        return NULL;
    s->o = *o;
    s->tcp = tcp;
    s->mbap = tcp && !o->rtu_over_tcp;
    s->listener = s->fd = s->keeper = -1;
    s->pending = calloc(PENDING_MAX, sizeof(*s->pending));
    return s;
}

static struct modbus_slave *start(struct modbus_slave *s, bool ok)
{
    if (ok && s->pending && thread_start(&s->thread, "slave", run, s) == GW_OK)
        return s;
    modbus_slave_stop(s);
    return NULL;
}

struct modbus_slave *modbus_slave_start_tcp(const struct modbus_slave_options *o)
{
    struct modbus_slave *s = new_slave(o, true);
    struct sockaddr_in at = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)o->port),
                             .sin_addr.s_addr = own_address()};
    socklen_t length = sizeof(at);
    int one = 1;

    if (!s)
        return NULL;
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    bool ok = bind(s->listener, (struct sockaddr *)&at, sizeof(at)) == 0 &&
              listen(s->listener, 4) == 0 &&
              getsockname(s->listener, (struct sockaddr *)&at, &length) == 0;
    s->port = ntohs(at.sin_port);
    ok = ok && inet_ntop(AF_INET, &at.sin_addr, s->host, sizeof(s->host));
    return start(s, ok);
}

struct modbus_slave *modbus_slave_start_pty(const struct modbus_slave_options *o)
{
    struct modbus_slave *s = new_slave(o, false);

    if (!s)
        return NULL;
    s->fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    bool ok = s->fd >= 0 && grantpt(s->fd) == 0 && unlockpt(s->fd) == 0 &&
              ptsname_r(s->fd, s->path, sizeof(s->path)) == 0;
    if (ok) {
        struct termios raw;
        s->keeper = open(s->path, O_RDWR | O_NOCTTY | O_CLOEXEC);
        ok = s->keeper >= 0 && tcgetattr(s->keeper, &raw) == 0;
        cfmakeraw(&raw);
        ok = ok && tcsetattr(s->keeper, TCSANOW, &raw) == 0;
    }
    return start(s, ok);
}

void modbus_slave_stop(struct modbus_slave *s)
{
    if (!s)
        return;
    atomic_store(&s->stop, true);
    thread_join(&s->thread);
    int fds[] = {s->listener, s->fd, s->keeper};
    for (size_t i = 0; i < 3; i++) {
        if (fds[i] >= 0)
            close(fds[i]);
    }
    free(s->pending);
    free(s);
}

const char *modbus_slave_host(const struct modbus_slave *s)
{
    return s->host;
}

int modbus_slave_port(const struct modbus_slave *s)
{
    return s->port;
}

const char *modbus_slave_path(const struct modbus_slave *s)
{
    return s->path;
}

unsigned modbus_slave_requests(struct modbus_slave *s)
{
    return atomic_load(&s->requests);
}

unsigned modbus_slave_connections(struct modbus_slave *s)
{
    return atomic_load(&s->connections);
}
