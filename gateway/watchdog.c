/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/watchdog.h"

#include "gateway/core/heartbeat.h"
#include "gateway/core/log.h"

#include "gateway/core/clock.h"

#define NAMED 8 /* threads that are named in the log */

void watchdog_init(struct watchdog *w, void (*feed)(void))
{
    *w = (struct watchdog){.feed = feed};
}

static void tell(const struct heartbeat_view *late, size_t count, int64_t now_us)
{
    for (size_t i = 0; i < count && i < NAMED; i++)
        log_error("thread %s hangs: it should have been heard of %.0f s ago; %s", late[i].name,
                  (double)(now_us - late[i].due_us) / (double)US_PER_SECOND,
                  late[i].is_vital ? "the watchdog is not fed until it is"
                                   : "everything else goes on");
}

/* Told at the second look: after a halt of the whole process all are late, for a moment. */
void watchdog_look(struct watchdog *w, int64_t now_us)
{
    struct heartbeat_view late[NAMED];
    size_t hung = heartbeat_late(now_us, late, NAMED);

    if (heartbeat_late_vital(now_us) == 0)
        w->feed();
    if (hung == 0 && w->told > 0)
        log_warning("no thread hangs any more");
    else if (hung > w->told && w->hung > w->told)
        tell(late, hung, now_us);
    if (hung == 0 || (hung > w->told && w->hung > w->told))
        w->told = hung;
    w->hung = hung;
}
