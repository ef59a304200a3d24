/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/metrics.h"

#include <stdatomic.h>

#define COUNTER METRIC_KIND_COUNTER
#define GAUGE METRIC_KIND_GAUGE
#define COUNTER_US METRIC_KIND_COUNTER_US
#define GAUGE_US METRIC_KIND_GAUGE_US

static const struct metric_info infos[METRIC_COUNT] = {
#define METRIC(id, kind_, name_, help_)                                                            \
    [METRIC_##id] = {.name = (name_), .help = (help_), .kind = (kind_)},
#include "gateway/core/metrics.def"
#undef METRIC
};

static _Atomic int64_t values[METRIC_COUNT];

void metric_add(enum metric m, int64_t n)
{
    atomic_fetch_add_explicit(&values[m], n, memory_order_relaxed);
}

void metric_set(enum metric m, int64_t value)
{
    atomic_store_explicit(&values[m], value, memory_order_relaxed);
}

void metric_max(enum metric m, int64_t value)
{
    int64_t seen = atomic_load_explicit(&values[m], memory_order_relaxed);

    while (value > seen &&
           !atomic_compare_exchange_weak_explicit(&values[m], &seen, value, memory_order_relaxed,
                                                  memory_order_relaxed))
        continue;
}

int64_t metric_get(enum metric m)
{
    return atomic_load_explicit(&values[m], memory_order_relaxed);
}

const struct metric_info *metric_info(enum metric m)
{
    return &infos[m];
}
