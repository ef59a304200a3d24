/* SPDX-License-Identifier: Apache-2.0 */
/* What the kernel says of this process. Any thread; each figure is 0 where it cannot be read. */
#ifndef SENSORGW_CORE_PROCESS_H
#define SENSORGW_CORE_PROCESS_H

#include <stdint.h>

struct process_figures {
    int64_t resident_bytes;
    int64_t start_us; /* UTC */
    int64_t cpu_us;   /* user and system */
    int64_t open_fds, max_fds, threads;
};
void process_figures_get(struct process_figures *out);

#endif
