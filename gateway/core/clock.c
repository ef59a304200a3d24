/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/clock.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

static atomic_bool fake;
static _Atomic int64_t fake_mono;
static _Atomic int64_t fake_wall;

static int64_t now_us(clockid_t id)
{
    struct timespec ts;

    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * US_PER_SECOND + ts.tv_nsec / 1000;
}

int64_t clock_mono_us(void)
{
    if (atomic_load_explicit(&fake, memory_order_acquire))
        return atomic_load(&fake_mono);
    return now_us(CLOCK_MONOTONIC);
}

int64_t clock_wall_us(void)
{
    if (atomic_load_explicit(&fake, memory_order_acquire))
        return atomic_load(&fake_wall);
    return now_us(CLOCK_REALTIME);
}

void clock_fake(int64_t mono_us, int64_t wall_us)
{
    atomic_store(&fake_mono, mono_us);
    atomic_store(&fake_wall, wall_us);
    atomic_store_explicit(&fake, true, memory_order_release);
}

void clock_fake_advance(int64_t us)
{
    atomic_fetch_add(&fake_mono, us);
    atomic_fetch_add(&fake_wall, us);
}

void clock_fake_stop(void)
{
    atomic_store(&fake, false);
}

struct timespec clock_deadline(int64_t us)
{
    int64_t at = now_us(CLOCK_MONOTONIC) + (us > 0 ? us : 0);

    return (struct timespec){.tv_sec = (time_t)(at / US_PER_SECOND),
                             .tv_nsec = (long)(at % US_PER_SECOND) * 1000};
}

void clock_sleep_us(int64_t us)
{
    if (us <= 0)
        return;
    struct timespec until = clock_deadline(us);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
        continue;
}

const char *clock_format_utc(int64_t wall_us, int digits, char buf[static CLOCK_UTC_SIZE])
{
    int64_t micros = wall_us % US_PER_SECOND;
    int64_t seconds = wall_us / US_PER_SECOND;
    if (micros < 0) {
        micros += US_PER_SECOND;
        seconds--;
    }
    time_t t = (time_t)seconds;
    struct tm tm;
    gmtime_r(&t, &tm);
    size_t n = strftime(buf, CLOCK_UTC_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
    if (digits == 3)
        snprintf(buf + n, CLOCK_UTC_SIZE - n, ".%03dZ", (int)(micros / 1000));
    else if (digits == 6)
        snprintf(buf + n, CLOCK_UTC_SIZE - n, ".%06dZ", (int)micros);
    else
        snprintf(buf + n, CLOCK_UTC_SIZE - n, "Z");
    return buf;
}
