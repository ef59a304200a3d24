/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/log.h"

#include "gateway/core/clock.h"
#include "gateway/core/log_ring.h"
#include "gateway/core/utf8.h"

#include <errno.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MESSAGE_SIZE 1024
#define LINE_SIZE (MESSAGE_SIZE * 6 + 128) /* every byte may become \u00XX */

static atomic_int max_level = LOG_LEVEL_INFO;
static atomic_int line_format = LOG_FORMAT_TEXT;
static atomic_int out_fd = STDERR_FILENO;

static pthread_mutex_t recent_lock = PTHREAD_MUTEX_INITIALIZER;
static char recent_bytes[LOG_RECENT_SIZE];
static struct log_ring recent = {.bytes = recent_bytes, .size = LOG_RECENT_SIZE}; /* recent_lock */

static pthread_mutex_t sink_lock = PTHREAD_MUTEX_INITIALIZER;
static void (*sink_fn)(void *, enum log_level, const char *); /* guarded by sink_lock */
static void *sink_arg;                                        /* guarded by sink_lock */

void log_configure(enum log_level level, enum log_format format)
{
    atomic_store(&max_level, level);
    atomic_store(&line_format, format);
}

void log_to_fd(int fd)
{
    atomic_store(&out_fd, fd);
}

void log_set_sink(void (*sink)(void *arg, enum log_level level, const char *line), void *arg)
{
    pthread_mutex_lock(&sink_lock);
    sink_fn = sink;
    sink_arg = arg;
    pthread_mutex_unlock(&sink_lock);
}

/* Counts a wanted line; false: too many in this period. *left_out gets what the last period
 * swallowed. */
static bool site_admits(struct log_site *site, unsigned *left_out)
{
    int64_t now = clock_mono_us();
    int64_t start = atomic_load(&site->window_us);

    *left_out = 0;
    if (start == 0 || now - start >= LOG_PERIOD_S * US_PER_SECOND) {
        if (atomic_compare_exchange_strong(&site->window_us, &start, now)) {
            unsigned wanted = atomic_exchange(&site->count, 1);
            *left_out = wanted > LOG_BURST ? wanted - LOG_BURST : 0;
            return true;
        }
    }
    return atomic_fetch_add(&site->count, 1) < LOG_BURST;
}

/* Copies text so that it stays on one line and is valid UTF-8; for JSON as the inside of a string.
 */
static size_t escape(char *out, size_t size, const char *text, bool json)
{
    size_t n = 0, length = strlen(text);

    for (size_t i = 0; i < length && n + 8 < size;) {
        unsigned char c = (unsigned char)text[i];
        size_t bytes = utf8_length(text + i, length - i);
        if (bytes == 0) {
            n += (size_t)snprintf(out + n, size - n, json ? "\\ufffd" : "\\x%02x", c);
            bytes = 1;
        } else if (c < 0x20 || c == 0x7f) {
            n += (size_t)snprintf(out + n, size - n, json ? "\\u%04x" : "\\x%02x", c);
        } else if (json && (c == '"' || c == '\\')) {
            out[n++] = '\\';
            out[n++] = (char)c;
        } else {
            memcpy(out + n, text + i, bytes);
            n += bytes;
        }
        i += bytes;
    }
    out[n] = '\0';
    return n;
}

static const char *level_name(enum log_level level)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    return names[level];
}

char *log_recent(void)
{
    char *text = malloc(LOG_RECENT_SIZE + 1);

    if (!text)
        return NULL;
    pthread_mutex_lock(&recent_lock);
    log_ring_copy(&recent, text);
    pthread_mutex_unlock(&recent_lock);
    return text;
}

static void format_line(char *line, size_t size, enum log_format format, enum log_level level,
                        const char *message)
{
    /* sd-daemon(3): <priority> in front of the line */
    static const int priorities[] = {3, 4, 6, 7};
    char when[CLOCK_UTC_SIZE], thread[16] = "";
    size_t n;

    clock_format_utc(clock_wall_us(), 3, when);
    pthread_getname_np(pthread_self(), thread, sizeof(thread));
    if (format == LOG_FORMAT_JSON) {
        n = (size_t)snprintf(line, size, "{\"time\":\"%s\",\"level\":\"%s\",\"thread\":\"", when,
                             level_name(level));
        n += escape(line + n, size - n, thread, true);
        n += (size_t)snprintf(line + n, size - n, "\",\"message\":\"");
        n += escape(line + n, size - n - 3, message, true);
        snprintf(line + n, size - n, "\"}\n");
        return;
    }
    if (format == LOG_FORMAT_JOURNAL)
        n = (size_t)snprintf(line, size, "<%d>", priorities[level]);
    else
        n = (size_t)snprintf(line, size, "%s %-7s ", when, level_name(level));
    n += escape(line + n, size - n - 2, message, false);
    snprintf(line + n, size - n, "\n");
}

static void emit(enum log_level level, const char *message)
{
    enum log_format format = (enum log_format)atomic_load(&line_format);
    char line[LINE_SIZE];

    format_line(line, sizeof(line), LOG_FORMAT_TEXT, level, message);
    pthread_mutex_lock(&recent_lock);
    log_ring_add(&recent, line);
    pthread_mutex_unlock(&recent_lock);
    if (format != LOG_FORMAT_TEXT)
        format_line(line, sizeof(line), format, level, message);
    pthread_mutex_lock(&sink_lock);
    if (sink_fn) {
        sink_fn(sink_arg, level, line);
    } else {
        /* One write for a line, so that lines of several threads do not mix; a closed log is no
         * reason to stop. */
        ssize_t ignored = write(atomic_load(&out_fd), line, strlen(line));
        (void)ignored;
    }
    pthread_mutex_unlock(&sink_lock);
}

void log_write(struct log_site *site, enum log_level level, const char *format, ...)
{
    char message[MESSAGE_SIZE];
    unsigned left_out;
    va_list args;
    int saved = errno;

    if ((int)level > atomic_load(&max_level) || !site_admits(site, &left_out)) {
        errno = saved;
        return;
    }
    va_start(args, format);
    int n = vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (left_out > 0 && n >= 0 && (size_t)n < sizeof(message))
        snprintf(message + n, sizeof(message) - (size_t)n, " (%u more like this were left out)",
                 left_out);
    emit(level, message);
    errno = saved;
}

const char *log_errno(int err)
{
    static _Thread_local char text[128];

    return strerror_r(err, text, sizeof(text));
}
