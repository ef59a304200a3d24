/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/fault.h"
#include "tests/simulator/sim.h"
#include "tests/simulator/wave.h"

#include "gateway/core/clock.h"

#include <stdio.h>

#define LATE_TICK_US (20 * US_PER_MS)

static int write_line(const struct line_sensor *l, unsigned number, char *out, size_t size)
{
    double weight = wave_sine(50, 30, 0.25);

    switch (l->format) {
    case LINE_CSV:
        return snprintf(out, size, "%u,%.2f,%.1f\r\n", number, weight, wave_ramp(0, 100, 0));
    case LINE_PAIRS:
        return snprintf(out, size, "n=%u weight=%.2f level=%.1f\r\n", number, weight,
                        wave_ramp(0, 100, 0));
    case LINE_SCALE:
    default:
        return snprintf(out, size, "W %8.2f kg\r\n", weight);
    }
}

static void say(struct line_sensor *l)
{
    unsigned number = atomic_fetch_add(&l->lines, 1) + 1;
    struct fault fault = fault_take(FAULT_LINE);
    char line[80];
    int n = write_line(l, number, line, sizeof(line));

    switch (fault.mode) {
    case FAULT_MUTE:
        return;
    case FAULT_GARBAGE:
        for (int i = 0; i < n - 2; i++)
            line[i] = (char)(line[i] * 37 + 91 * (i + 1)) | (char)0x80;
        break;
    case FAULT_SHORT:
        n -= 2;
        break;
    case FAULT_GOOD:
    case FAULT_LATE:
    case FAULT_EXCEPTION:
    case FAULT_DAMAGED:
    case FAULT_UNIT:
    case FAULT_TRANSACTION:
    case FAULT_DROP:
    case FAULT_MODE_COUNT:
    default:
        break;
    }
    pty_write(&l->pty, line, (size_t)n);
}

static void run(void *arg)
{
    struct line_sensor *l = arg;
    int64_t next = clock_mono_us();

    for (;;) {
        int64_t wait = next - clock_mono_us();
        if (stop_flag_wait(&l->stop, wait > LATE_TICK_US ? LATE_TICK_US : wait))
            return;
        if (!pty_follow(&l->pty) || clock_mono_us() < next)
            continue;
        say(l);
        next += l->every_us;
    }
}

bool line_start(struct line_sensor *l, const char *link, enum line_format format, int64_t every_us)
{
    l->format = format;
    l->every_us = every_us;
    stop_flag_init(&l->stop);
    return pty_init(&l->pty, link) && thread_start(&l->thread, "line", run, l) == GW_OK;
}

void line_stop(struct line_sensor *l)
{
    stop_flag_raise(&l->stop);
    thread_join(&l->thread);
    pty_fini(&l->pty);
    stop_flag_fini(&l->stop);
}
