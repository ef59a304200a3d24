/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/timesync.h"

#include <stdio.h>
#include <string.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#define JUST_BOOTED_S 600
#define YEAR_2020_S 1577836800LL

static bool read_line(const char *path, char *out, int size)
{
    FILE *f = fopen(path, "re");

    if (!f)
        return false;
    bool good = fgets(out, size, f) != NULL;
    fclose(f);
    if (good)
        out[strcspn(out, "\n")] = '\0';
    return good;
}

static bool is_synchronised(void)
{
    struct timex t = {.modes = 0};

    return adjtimex(&t) != -1 && !(t.status & STA_UNSYNC);
}

static bool is_just_booted(void)
{
    struct timespec up;

    return clock_gettime(CLOCK_BOOTTIME, &up) == 0 && up.tv_sec < JUST_BOOTED_S;
}

/* Programs that carry the time from one start to the next leave a file; a machine that has neither
 * that nor a clock of its own is a container or a virtual one, whose host keeps the time. A clock
 * whose battery is empty or missing begins at 1970 (Raspberry Pi 5). */
static bool keeps_time(void)
{
    long long seconds;
    char line[32];

    if (read_line("/sys/class/rtc/rtc0/since_epoch", line, sizeof(line)))
        return sscanf(line, "%lld", &seconds) == 1 && seconds > YEAR_2020_S;
    return access("/var/lib/systemd/timesync/clock", F_OK) != 0 &&
           access("/etc/fake-hwclock.data", F_OK) != 0;
}

void timesync_look(struct timesync *out)
{
    *out = (struct timesync){
        .is_synchronised = is_synchronised(),
        .is_just_booted = is_just_booted(),
        .keeps_time = keeps_time(),
    };
    if (!read_line("/proc/sys/kernel/random/boot_id", out->boot, sizeof(out->boot)))
        out->boot[0] = '\0';
}
