/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/slave.h"

#include "gateway/core/clock.h"
#include "tests/simulator/fault.h"
#include "tests/simulator/registers.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_MS 50
#define MBAP_LENGTH 7

bool slave_init(struct slave *s, bool rtu)
{
    s->rtu = rtu;
    s->tap[0] = s->tap[1] = -1;
    s->late_count = 0;
    atomic_init(&s->requests, 0);
    /* Neither is ever connected by libmodbus: it writes to the descriptor that it is given. */
    s->ctx = rtu ? modbus_new_rtu("/dev/null", 9600, 'E', 8, 1) : modbus_new_tcp("127.0.0.1", 502);
    s->map = registers_create();
    if (s->ctx && s->map && socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s->tap) == 0)
        return true;
    slave_fini(s);
    return false;
}

void slave_fini(struct slave *s)
{
    for (int i = 0; i < 2; i++) {
        if (s->tap[i] >= 0)
            close(s->tap[i]);
        s->tap[i] = -1;
    }
    if (s->map)
        modbus_mapping_free(s->map);
    if (s->ctx)
        modbus_free(s->ctx);
    s->map = NULL;
    s->ctx = NULL;
}

/* Modbus over Serial Line 1.02, 6.2.2 */
uint16_t slave_crc(const uint8_t *bytes, int n)
{
    uint16_t crc = 0xFFFF;

    for (int i = 0; i < n * 8; i++) {
        if (i % 8 == 0)
            crc ^= bytes[i / 8];
        crc = (uint16_t)(crc & 1 ? crc >> 1 ^ 0xA001 : crc >> 1);
    }
    return crc;
}

static void close_frame(const struct slave *s, uint8_t *frame, int length)
{
    if (!s->rtu)
        return;
    uint16_t crc = slave_crc(frame, length - 2);
    frame[length - 2] = (uint8_t)crc;
    frame[length - 1] = (uint8_t)(crc >> 8);
}

/* How long the answer is after the fault. */
static int spoil(const struct slave *s, enum fault_mode mode, uint8_t *frame, int length)
{
    int unit = s->rtu ? 0 : MBAP_LENGTH - 1;

    switch (mode) {
    case FAULT_GARBAGE:
        for (int i = 0; i < length; i++)
            frame[i] = (uint8_t)(frame[i] * 37 + 91 * (i + 1));
        break;
    case FAULT_DAMAGED:
        frame[length / 2] ^= 0x10;
        break;
    case FAULT_SHORT:
        return length - 2;
    case FAULT_UNIT:
        frame[unit] = (uint8_t)(frame[unit] + 100);
        close_frame(s, frame, length);
        break;
    case FAULT_TRANSACTION:
        if (!s->rtu)
            frame[1]++;
        break;
    case FAULT_GOOD:
    case FAULT_MUTE:
    case FAULT_LATE:
    case FAULT_EXCEPTION:
    case FAULT_DROP:
    case FAULT_MODE_COUNT:
        break;
    }
    return length;
}

static void send_frame(const struct slave *s, int fd, const uint8_t *frame, int length)
{
    ssize_t ignored =
        s->rtu ? write(fd, frame, (size_t)length) : send(fd, frame, (size_t)length, MSG_NOSIGNAL);

    (void)ignored;
}

static void keep_late(struct slave *s, int fd, const uint8_t *frame, int length, int late_ms)
{
    if (s->late_count == SLAVE_LATE_MAX)
        return;
    struct slave_late *late = &s->late[s->late_count++];
    late->due_us = clock_mono_us() + late_ms * US_PER_MS;
    late->fd = fd;
    late->length = length;
    memcpy(late->frame, frame, (size_t)length);
}

static void answer_badly(struct slave *s, int fd, const uint8_t *request, int length,
                         const struct fault *fault)
{
    uint8_t frame[MODBUS_TCP_MAX_ADU_LENGTH];

    modbus_set_socket(s->ctx, s->tap[0]);
    if (fault->mode == FAULT_EXCEPTION)
        modbus_reply_exception(s->ctx, request, (unsigned)fault->value);
    else
        modbus_reply(s->ctx, request, length, s->map);
    int n = (int)recv(s->tap[1], frame, sizeof(frame), MSG_DONTWAIT);
    if (n <= 0)
        return;
    n = spoil(s, fault->mode, frame, n);
    if (fault->mode == FAULT_LATE)
        keep_late(s, fd, frame, n, fault->value);
    else
        send_frame(s, fd, frame, n);
}

bool slave_answer(struct slave *s, int fd, const uint8_t *request, int length)
{
    int unit = request[s->rtu ? 0 : MBAP_LENGTH - 1];
    struct fault fault = fault_take(unit);

    if (fault.mode == FAULT_DROP && !s->rtu)
        return false;
    unsigned count = atomic_fetch_add(&s->requests, 1) + 1;
    registers_update(s->map, unit, count);
    if (fault.mode == FAULT_GOOD) {
        modbus_set_socket(s->ctx, fd);
        return modbus_reply(s->ctx, request, length, s->map) >= 0;
    }
    if (fault.mode != FAULT_MUTE)
        answer_badly(s, fd, request, length, &fault);
    return true;
}

int slave_send_late(struct slave *s)
{
    int64_t now = clock_mono_us(), next = now + IDLE_MS * US_PER_MS;
    int kept = 0;

    for (int i = 0; i < s->late_count; i++) {
        struct slave_late *late = &s->late[i];
        if (late->due_us <= now) {
            send_frame(s, late->fd, late->frame, late->length);
            continue;
        }
        if (late->due_us < next)
            next = late->due_us;
        if (kept != i)
            s->late[kept] = *late;
        kept++;
    }
    s->late_count = kept;
    return (int)((next - now + US_PER_MS - 1) / US_PER_MS);
}

void slave_forget(struct slave *s, int fd)
{
    int kept = 0;

    for (int i = 0; i < s->late_count; i++) {
        if (s->late[i].fd == fd)
            continue;
        if (kept != i)
            s->late[kept] = s->late[i];
        kept++;
    }
    s->late_count = kept;
}
