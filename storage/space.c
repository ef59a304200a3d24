/* SPDX-License-Identifier: Apache-2.0 */
/* Room on the file system, and the length of the log. The gateway must not fill the disk that the
 * whole machine lives on, so it acts long before SQLite would say "full": below storage.min_free
 * the oldest rows make room for the new ones, below half of it no readings are stored at all. A log
 * that a reader keeps from being reused counts like a full disk once it is very long. */
#include "storage/internal.h"

#include "gateway/core/log.h"
#include "gateway/core/metrics.h"

#include <limits.h>
#include <stdio.h>
#include <sys/statvfs.h>

#define CHECK_US (2 * US_PER_SECOND)
#define CUT_US                                                                                     \
    (10 * US_PER_SECOND) /* between tries to cut a long log: each may wait for a reader */
#define LOG_LONG (INT64_C(16) << 20) /* bytes: somebody keeps the log from being reused */
#define LOG_LIMIT_DEFAULT (INT64_C(256) << 20)

static int64_t log_limit(const struct store *s)
{
    return s->options.log_limit > 0 ? s->options.log_limit : LOG_LIMIT_DEFAULT;
}

static int64_t log_long(const struct store *s)
{
    return log_limit(s) / 4 < LOG_LONG ? log_limit(s) / 4 : LOG_LONG;
}

static void measure_log(struct store *s)
{
    char wal[PATH_MAX];
    struct stat st;

    if (snprintf(wal, sizeof(wal), "%s-wal", s->path) >= (int)sizeof(wal) || stat(wal, &st) != 0)
        return;
    s->space.log_bytes = st.st_size;
    metric_set(METRIC_WAL_BYTES, st.st_size);
}

/* A reader that never ends its transaction lets the log grow; once it has left, the log is cut. */
static void cut_log(struct store *s, int64_t now)
{
    measure_log(s);
    bool is_long = s->space.log_bytes > log_long(s);
    if (is_long && s->db && now >= s->space.next_cut_us) {
        s->space.next_cut_us = now + CUT_US;
        sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
        measure_log(s);
        is_long = s->space.log_bytes > log_long(s);
    }
    if (is_long && !s->space.log_is_long)
        log_warning("database: a reader has held a transaction open for so long that the log %s-wal"
                    " has grown to %.0f MB; it must end (fuser shows who has the file open), or at"
                    " %.0f MB no more readings are stored",
                    s->path, (double)s->space.log_bytes / 1e6, (double)log_limit(s) / 1e6);
    else if (!is_long && s->space.log_is_long)
        log_info("database: the log is short again");
    s->space.log_is_long = is_long;
}

/* With a margin, so that it does not go to and fro. */
static bool is_below(int64_t free, int64_t limit, bool was_below)
{
    return free < limit + (was_below ? limit / 5 : 0);
}

static void measure_disk(struct store *s)
{
    struct statvfs fs;

    if (s->options.min_free <= 0 || statvfs(s->path, &fs) != 0) {
        s->space.is_tight = s->space.is_low = false;
        return;
    }
    int64_t block = (int64_t)fs.f_frsize, free = (int64_t)fs.f_bavail * block;
    int64_t tenth = (int64_t)fs.f_blocks * block / 10;
    int64_t limit = s->options.min_free < tenth ? s->options.min_free : tenth;

    metric_set(METRIC_DISK_FREE, free);
    bool tight = is_below(free, limit, s->space.is_tight);
    if (tight && !s->space.is_tight)
        log_warning(
            "database: only %.1f MB are free on its file system (storage.min_free: %.1f MB):"
            " the oldest readings make room for new ones",
            (double)free / 1e6, (double)limit / 1e6);
    else if (!tight && s->space.is_tight)
        log_info("database: there is room on the file system again");
    s->space.is_tight = tight;
    s->space.is_low = is_below(free, limit / 2, s->space.is_low);
}

static void judge(struct store *s)
{
    bool log_is_full = s->space.log_bytes > (s->space.is_full ? log_long(s) : log_limit(s));
    bool full = s->space.is_low || log_is_full;

    if (full && !s->space.is_full)
        log_error("database: no readings are stored any more: %s; alerts go on",
                  s->space.is_low ? "the file system is nearly full" : "the log is too long");
    else if (!full && s->space.is_full)
        log_info("database: readings are stored again");
    s->space.is_full = full;
    metric_set(METRIC_STORE_FULL, full);
}

void space_check(struct store *s)
{
    int64_t now = clock_mono_us();

    if (now < s->space.next_check_us)
        return;
    s->space.next_check_us = now + CHECK_US;
    cut_log(s, now);
    measure_disk(s);
    judge(s);
}

bool store_has_room(struct store *s)
{
    space_check(s);
    return !s->space.is_full;
}
