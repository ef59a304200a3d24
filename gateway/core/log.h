/* SPDX-License-Identifier: Apache-2.0 */
/* The log: one line per message on standard error (or a file descriptor of the caller's), as text,
 * as JSON lines, or with journald's <priority> prefix. A message that repeats is limited per place
 * in the code: at most LOG_BURST lines every LOG_PERIOD_S seconds; what was left out is counted on
 * the next line from there. Never called under a lock. Control characters in messages are escaped,
 * so nothing from a device can forge a line or drive a terminal. */
#ifndef SENSORGW_CORE_LOG_H
#define SENSORGW_CORE_LOG_H

#include <stdatomic.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON, LOG_FORMAT_JOURNAL };

#define LOG_BURST 10
#define LOG_PERIOD_S 10

/* One per place in the code, made by the macros. */
struct log_site {
    _Atomic int64_t window_us; /* start of the period being counted, monotonic */
    atomic_uint count;         /* lines wanted in it */
};

/* Level and format may be changed at any time; the default is info, text, descriptor 2. */
void log_configure(enum log_level level, enum log_format format);
void log_to_fd(int fd);

/* A function that sees each finished line in place of the descriptor (tests, the progress display);
 * NULL undoes it. It is called from any thread, one at a time, and must not log. */
void log_set_sink(void (*sink)(void *arg, enum log_level level, const char *line), void *arg);

/* Returns owned: the newest lines, oldest first, as text whatever the format of the log is; at most
 * LOG_RECENT_SIZE bytes of them are kept. NULL without memory. Any thread. */
#define LOG_RECENT_SIZE 131072
char *log_recent(void);

void log_write(struct log_site *site, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The strerror of an errno, thread-safe; valid until the same thread's next call. */
const char *log_errno(int err);

#define LOG_AT(level, ...)                                                                         \
    do {                                                                                           \
        static struct log_site log_site_;                                                          \
        log_write(&log_site_, level, __VA_ARGS__);                                                 \
    } while (0)
#define log_error(...) LOG_AT(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) LOG_AT(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) LOG_AT(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) LOG_AT(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
