/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/wave.h"

#include "gateway/core/clock.h"

#include <math.h>

static int64_t start_us;
static double period = 10;

void wave_start(double period_s)
{
    start_us = clock_mono_us();
    period = period_s;
}

double wave_time(void)
{
    return (double)(clock_mono_us() - start_us) / 1e6;
}

static double turn(double phase)
{
    double turns = wave_time() / period + phase;

    return turns - floor(turns);
}

double wave_sine(double middle, double amplitude, double phase)
{
    return middle + amplitude * sin(2 * M_PI * turn(phase));
}

double wave_ramp(double low, double high, double phase)
{
    return low + (high - low) * turn(phase);
}

double wave_square(double low, double high, double phase)
{
    return turn(phase) < 0.5 ? low : high;
}
