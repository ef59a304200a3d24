/* SPDX-License-Identifier: Apache-2.0 */
/* What the simulated sensors show: functions of the time since the simulator's start, the same in
 * every run. */
#ifndef SENSORGW_TESTS_SIMULATOR_WAVE_H
#define SENSORGW_TESTS_SIMULATOR_WAVE_H

/* Starts the time; period_s is the length of one turn of every wave. Before the first thread. */
void wave_start(double period_s);

/* Seconds since wave_start(). Any thread, like all below. */
double wave_time(void);

/* phase: a part of the period, 0 to 1, by which the wave is ahead. */
double wave_sine(double middle, double amplitude, double phase);
double wave_ramp(double low, double high, double phase);   /* rises, then falls back at once */
double wave_square(double low, double high, double phase); /* low in the first half */

#endif
