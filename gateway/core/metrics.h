/* SPDX-License-Identifier: Apache-2.0 */
/* Process-wide figures, one row each in metrics.def. Any thread; relaxed atomics. */
#ifndef SENSORGW_CORE_METRICS_H
#define SENSORGW_CORE_METRICS_H

#include <stdint.h>

enum metric {
#define METRIC(id, kind, name, help) METRIC_##id,
#include "gateway/core/metrics.def"
#undef METRIC
    METRIC_COUNT
};

/* The last two are kept in µs and shown in seconds, Prometheus' base unit. */
enum metric_kind {
    METRIC_KIND_COUNTER,
    METRIC_KIND_GAUGE,
    METRIC_KIND_COUNTER_US,
    METRIC_KIND_GAUGE_US
};

struct metric_info {
    const char *name;
    const char *help;
    enum metric_kind kind;
};

void metric_add(enum metric m, int64_t n);
void metric_set(enum metric m, int64_t value);
void metric_max(enum metric m, int64_t value); /* keeps the larger */
int64_t metric_get(enum metric m);
const struct metric_info *metric_info(enum metric m); /* static */

#endif
