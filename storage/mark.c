/* SPDX-License-Identifier: Apache-2.0 */
/* How far the database has come, noted outside of it: in the lock file, after each commit. SQLite
 * ends reading its log at the first frame that is damaged, so one rotten byte can take the commits
 * behind it away without any error. At the next start the note tells that they are missing. It is
 * not synced: after a power cut it may be older than the database, never newer. */
#include "storage/internal.h"

#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "storage/file.h"

#include <stdio.h>
#include <string.h>

/* Alert numbers of the missing commits are not known any more, but are not to be given again. */
#define ALERT_JUMP 1000000

void mark_save(struct store *s)
{
    char note[FILE_NOTE_SIZE];

    snprintf(note, sizeof(note), "%s %lld %lld %lld", s->instance, (long long)s->run_id,
             (long long)s->commits, (long long)clock_wall_us());
    file_note(s->lock_fd, note);
}

struct mark {
    char instance[9];
    long long run, commits, time_us;
};

static bool parse(const char *note, struct mark *m)
{
    return sscanf(note, "%8s %lld %lld %lld", m->instance, &m->run, &m->commits, &m->time_us) == 4;
}

static void report(struct store *s, const struct mark *m, int64_t missing, int64_t last_us)
{
    char from[CLOCK_UTC_SIZE], to[CLOCK_UTC_SIZE];

    metric_add(METRIC_ROLLED_BACK, missing);
    log_error(
        "database: at least %lld commits are missing, all from %s to %s: its log was damaged, "
        "or an older copy was put in its place",
        (long long)missing, clock_format_utc(last_us, 3, from),
        clock_format_utc(m->time_us, 3, to));
    s->alert_id.next += ALERT_JUMP;
}

enum gw_err mark_check(struct store *s)
{
    int64_t run = 0, commits = 0, last_us = 0;
    struct mark m;
    enum gw_err err;

    if (!parse(s->note, &m) || strcmp(m.instance, s->instance) != 0)
        return GW_OK;
    if ((err = db_int64(s->db, "SELECT max(id) FROM run", &run)) != GW_OK ||
        (err = db_int64(s->db, "SELECT commits FROM run ORDER BY id DESC LIMIT 1", &commits)) !=
            GW_OK ||
        (err = db_int64(s->db, "SELECT max(last_commit_at) FROM run", &last_us)) != GW_OK)
        return err;
    s->note[0] = '\0'; /* said once */
    if (run == m.run && commits < m.commits)
        report(s, &m, m.commits - commits, last_us);
    else if (run < m.run && m.commits > 0)
        report(s, &m, m.commits, last_us);
    return GW_OK;
}
