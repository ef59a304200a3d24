/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/histogram.h"

#include <stdatomic.h>

const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS] = {1000,    2500,    5000,    10000,  25000,
                                                       50000,   100000,  250000,  500000, 1000000,
                                                       2500000, 5000000, 10000000};

static struct {
    _Atomic uint64_t in[HISTOGRAM_BOUNDS + 1]; /* the last one: longer than all bounds */
    _Atomic int64_t sum_us;
} kept[HISTOGRAM_COUNT];

void histogram_note(enum histogram h, int64_t us)
{
    int i = 0;

    while (i < HISTOGRAM_BOUNDS && us > histogram_bounds_us[i])
        i++;
    atomic_fetch_add_explicit(&kept[h].in[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&kept[h].sum_us, us, memory_order_relaxed);
}

struct histogram_counts histogram_get(enum histogram h)
{
    static const struct {
        const char *name, *help;
    } infos[HISTOGRAM_COUNT] = {
#define X(id, name_, help_) [id] = {(name_), (help_)},
        GW_HISTOGRAMS(X)
#undef X
    };
    struct histogram_counts c = {.name = infos[h].name, .help = infos[h].help};

    for (int i = 0; i <= HISTOGRAM_BOUNDS; i++) {
        c.count += atomic_load_explicit(&kept[h].in[i], memory_order_relaxed);
        if (i < HISTOGRAM_BOUNDS)
            c.up_to[i] = c.count;
    }
    c.sum_us = atomic_load_explicit(&kept[h].sum_us, memory_order_relaxed);
    return c;
}
