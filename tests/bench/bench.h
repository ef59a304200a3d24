/* SPDX-License-Identifier: Apache-2.0 */
/* What the benchmarks share: a stopwatch, CPU time, and the median of several runs. Header only. */
#ifndef SENSORGW_TESTS_BENCH_H
#define SENSORGW_TESTS_BENCH_H

#include <stddef.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#define BENCH_RUNS 5

/* Seconds, monotonic. */
static inline double bench_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* CPU seconds of the whole process so far, user and system. */
static inline double bench_cpu(void)
{
    struct rusage u;

    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static inline int bench_compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Sorts in place. */
static inline double bench_median(double *values, size_t n)
{
    qsort(values, n, sizeof(values[0]), bench_compare);
    return n % 2 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

#endif
