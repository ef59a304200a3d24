/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks. Durations and schedules use the monotonic clock; only what is stored or shown
 * uses wall time. Everything in the gateway asks these functions, so a test can stand still or run
 * days in milliseconds. */
#ifndef SENSORGW_CORE_CLOCK_H
#define SENSORGW_CORE_CLOCK_H

#include <stddef.h>
#include <stdint.h>
#include <time.h>

#define US_PER_MS INT64_C(1000)
#define US_PER_SECOND INT64_C(1000000)
#define US_PER_MINUTE (60 * US_PER_SECOND)
#define US_PER_HOUR (60 * US_PER_MINUTE)
#define US_PER_DAY (24 * US_PER_HOUR)

/* µs since an arbitrary point; never steps (CLOCK_MONOTONIC). Any thread. */
int64_t clock_mono_us(void);

/* µs since 1970-01-01T00:00:00Z (CLOCK_REALTIME); may step either way. Any thread. */
int64_t clock_wall_us(void);

/* Freezes both clocks at the given values until clock_fake_stop(). Tests only; any thread may read
 * meanwhile. Waits on condition variables are not affected: they follow the real monotonic clock.
 */
void clock_fake(int64_t mono_us, int64_t wall_us);
/* Moves the frozen clocks on by the same amount, in µs. */
void clock_fake_advance(int64_t us);
void clock_fake_stop(void);

/* The real CLOCK_MONOTONIC time `us` from now, for pthread_cond_timedwait. */
struct timespec clock_deadline(int64_t us);

/* Sleeps that long on the monotonic clock, in µs; 0 or less returns at once. */
void clock_sleep_us(int64_t us);

#define CLOCK_UTC_SIZE 28 /* "2026-01-31T23:59:59.123456Z" and its NUL */

/* RFC 3339 UTC with `digits` decimals (0, 3 or 6); returns buf. */
const char *clock_format_utc(int64_t wall_us, int digits, char buf[static CLOCK_UTC_SIZE]);

#endif
