/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/process.h"

#include "gateway/core/clock.h"

#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

/* /proc/self/stat, proc(5): field 20 is the number of threads, 22 the start in clock ticks since
 * boot, 24 the resident pages. The name, field 2, may hold anything but ends with the last ')'. */
static void read_stat(struct process_figures *out)
{
    char line[1024] = "";
    int64_t threads = 0, ticks = 0, pages = 0;
    struct timespec up;
    FILE *f = fopen("/proc/self/stat", "re");

    if (!f)
        return;
    const char *rest = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
    fclose(f);
    if (!rest ||
        sscanf(rest + 1,
               " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %" SCNd64
               " %*d %" SCNd64 " %*u %" SCNd64,
               &threads, &ticks, &pages) != 3)
        return;
    clock_gettime(CLOCK_BOOTTIME, &up);
    int64_t age_us = (int64_t)up.tv_sec * US_PER_SECOND + up.tv_nsec / 1000 -
                     ticks * US_PER_SECOND / sysconf(_SC_CLK_TCK);
    out->threads = threads;
    out->start_us = clock_wall_us() - age_us;
    out->resident_bytes = pages * sysconf(_SC_PAGESIZE);
}

static int64_t count_fds(void)
{
    int64_t n = -3; /* ".", ".." and the folder itself */
    DIR *folder = opendir("/proc/self/fd");

    if (!folder)
        return 0;
    while (readdir(folder)) /* cppcheck-suppress readdirCalled ; a folder of our own */
        n++;
    closedir(folder);
    return n;
}

void process_figures_get(struct process_figures *out)
{
    struct rusage usage;
    struct rlimit limit;

    *out = (struct process_figures){0};
    read_stat(out);
    out->open_fds = count_fds();
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0)
        out->max_fds = (int64_t)limit.rlim_cur;
    if (getrusage(RUSAGE_SELF, &usage) == 0)
        out->cpu_us = ((int64_t)usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * US_PER_SECOND +
                      usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}
