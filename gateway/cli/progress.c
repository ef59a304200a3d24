/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/progress.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LOG_EVERY_US US_PER_MINUTE
#define QUIET_FOR_EVER INT64_MAX

/* ECMA-48: to the first column, and erase to the end of the line */
#define ERASE "\r\033[K"

static pthread_mutex_t line_lock = PTHREAD_MUTEX_INITIALIZER;
static char line[256]; /* guarded by line_lock: what stands below the log now */

static void write_all(const char *text)
{
    ssize_t ignored = write(STDERR_FILENO, text, strlen(text));
    (void)ignored;
}

/* Log lines push the status line down. */
static void log_above(void *arg, enum log_level level, const char *log_line)
{
    (void)arg;
    (void)level;
    pthread_mutex_lock(&line_lock);
    if (line[0])
        write_all(ERASE);
    write_all(log_line);
    write_all(line);
    pthread_mutex_unlock(&line_lock);
}

void progress_init(struct progress *p, bool quiet)
{
    *p = (struct progress){.terminal = !quiet && isatty(STDERR_FILENO),
                           .last_us = clock_mono_us(),
                           .next_log_us = quiet ? QUIET_FOR_EVER : clock_mono_us() + LOG_EVERY_US};
    if (p->terminal)
        log_set_sink(log_above, NULL);
}

static void describe(const struct gateway_status *s, double per_second, char *out, size_t size)
{
    int n = snprintf(out, size, "%zu sensor%s, %" PRIu64 " readings (%.0f/s)", s->sensors,
                     s->sensors == 1 ? "" : "s", s->total.accepted, per_second);
    uint64_t dropped = ledger_dropped(&s->total);

    if (dropped > 0 && n > 0 && (size_t)n < size)
        n += snprintf(out + n, size - (size_t)n, ", %" PRIu64 " dropped", dropped);
    if (n > 0 && (size_t)n < size)
        n += snprintf(out + n, size - (size_t)n, ", %zu alert%s active%s%s", s->alerts,
                      s->alerts == 1 ? "" : "s",
                      !s->has_broker ? ""
                      : s->connected ? ", broker connected"
                                     : ", broker NOT connected",
                      s->storing ? "" : ", NOT STORING");
    if (s->failing > 0 && n > 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, ", %zu of %zu sources failing", s->failing, s->sources);
}

void progress_update(struct progress *p, const struct gateway_status *status)
{
    char text[200];
    int64_t now = clock_mono_us();
    double seconds = (double)(now - p->last_us) / 1e6;
    double per_second =
        seconds > 0 ? (double)(status->total.accepted - p->last_accepted) / seconds : 0;

    if (!p->terminal && now < p->next_log_us)
        return;
    describe(status, per_second, text, sizeof(text));
    p->last_us = now;
    p->last_accepted = status->total.accepted;
    if (!p->terminal) {
        p->next_log_us = now + LOG_EVERY_US;
        log_info("%s", text);
        return;
    }
    pthread_mutex_lock(&line_lock);
    snprintf(line, sizeof(line), "%s", text);
    write_all(ERASE);
    write_all(line);
    pthread_mutex_unlock(&line_lock);
}

void progress_fini(struct progress *p)
{
    if (!p->terminal)
        return;
    pthread_mutex_lock(&line_lock);
    line[0] = '\0';
    write_all(ERASE);
    pthread_mutex_unlock(&line_lock);
    log_set_sink(NULL, NULL);
}
