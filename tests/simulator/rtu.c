/* SPDX-License-Identifier: Apache-2.0 */
/* Frames are found here and not by modbus_receive(), which answers for one unit only. */
#include "tests/simulator/sim.h"

#include "gateway/core/clock.h"

#include <string.h>
#include <termios.h>
#include <unistd.h>

/* Bytes of the request that begins here with its checksum; 0: more is needed to tell. */
static int request_length(const uint8_t *frame, int have)
{
    if (have < 2)
        return 0;
    if (frame[1] != MODBUS_FC_WRITE_MULTIPLE_COILS &&
        frame[1] != MODBUS_FC_WRITE_MULTIPLE_REGISTERS)
        return 8;
    return have < 7 ? 0 : 9 + frame[6];
}

static void consume(struct rtu_bus *b, int n)
{
    b->have -= n;
    memmove(b->in, b->in + n, (size_t)b->have);
}

/* Takes whole requests from the buffer; a byte that begins none is skipped. */
static void serve(struct rtu_bus *b)
{
    for (;;) {
        int n = request_length(b->in, b->have);
        if (n == 0 || (n > b->have && n <= (int)sizeof(b->in)))
            return;
        if (n > (int)sizeof(b->in) || slave_crc(b->in, n) != 0) {
            consume(b, 1);
            continue;
        }
        if (b->in[0] >= 1 && b->in[0] <= b->units)
            slave_answer(&b->slave, b->pty.master, b->in, n);
        consume(b, n);
    }
}

/* Of the parity a pseudo-terminal keeps only which one it would be; without parity there are two
 * stop bits, which it keeps too. */
static bool has_parity(const struct rtu_bus *b, const struct termios *t)
{
    bool is_odd = t->c_cflag & PARODD, has_two_stops = t->c_cflag & CSTOPB;
    char heard = is_odd ? 'O' : has_two_stops ? 'N' : 'E';

    return b->parity == 0 || b->parity == heard;
}

/* A pseudo-terminal remembers the speed that the other side has set. */
static bool hears(const struct rtu_bus *b)
{
    static const struct {
        int baud;
        speed_t code;
    } speeds[] = {{2400, B2400},   {4800, B4800},   {9600, B9600},    {19200, B19200},
                  {38400, B38400}, {57600, B57600}, {115200, B115200}};
    struct termios t;

    if (tcgetattr(b->pty.master, &t) != 0 || !has_parity(b, &t))
        return b->baud == 0 && b->parity == 0;
    if (b->baud == 0)
        return true;
    for (size_t i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
        if (speeds[i].code == cfgetospeed(&t))
            return speeds[i].baud == b->baud;
    }
    return false;
}

static void run(void *arg)
{
    struct rtu_bus *b = arg;

    while (!atomic_load(&b->stop)) {
        if (!pty_follow(&b->pty)) {
            b->have = b->slave.late_count = 0;
            clock_sleep_us(20 * US_PER_MS);
            continue;
        }
        struct pollfd fd = {.fd = b->pty.master, .events = POLLIN};
        if (poll(&fd, 1, slave_send_late(&b->slave)) <= 0)
            continue;
        ssize_t n = read(b->pty.master, b->in + b->have, sizeof(b->in) - (size_t)b->have);
        if (n > 0 && hears(b)) {
            b->have += (int)n;
            serve(b);
        }
    }
}

bool rtu_start(struct rtu_bus *b, const char *link, int units, int baud, char parity)
{
    b->units = units;
    b->baud = baud;
    b->parity = parity;
    b->have = 0;
    atomic_init(&b->stop, false);
    return pty_init(&b->pty, link) && slave_init(&b->slave, true) &&
           thread_start(&b->thread, "rtu", run, b) == GW_OK;
}

void rtu_stop(struct rtu_bus *b)
{
    atomic_store(&b->stop, true);
    thread_join(&b->thread);
    slave_fini(&b->slave);
    pty_fini(&b->pty);
}
