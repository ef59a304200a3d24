/* SPDX-License-Identifier: Apache-2.0 */
/* How long things took, counted by length. Process-wide like metrics.h; any thread, relaxed
 * atomics. */
#ifndef SENSORGW_CORE_HISTOGRAM_H
#define SENSORGW_CORE_HISTOGRAM_H

#include <stdint.h>

/* id, name (Prometheus, seconds), help */
#define GW_HISTOGRAMS(X)                                                                           \
    X(HISTOGRAM_COMMIT, "sensorgw_store_commit_seconds", "How long a commit took")

enum histogram {
#define X(id, name, help) id,
    GW_HISTOGRAMS(X)
#undef X
        HISTOGRAM_COUNT
};

#define HISTOGRAM_BOUNDS 13
extern const int64_t histogram_bounds_us[HISTOGRAM_BOUNDS]; /* upper ones, inclusive */

struct histogram_counts {
    const char *name, *help; /* static */
    uint64_t up_to[HISTOGRAM_BOUNDS],
        count; /* up_to[i]: at most bounds[i], shorter ones included */
    int64_t sum_us;
};

void histogram_note(enum histogram h, int64_t us);
struct histogram_counts histogram_get(enum histogram h);

#endif
