/* SPDX-License-Identifier: Apache-2.0 */
/* Each run of the gateway, and its ledger as of its last commit. A saved row already counts the
 * transaction that saves it, so after a crash the database says what it holds. */
#include "storage/internal.h"

#include "version.h"

#include <string.h>

enum gw_err books_begin_run(struct store *s)
{
    sqlite3_stmt *st = NULL;
    enum gw_err err =
        db_run(s->db, &st, "INSERT INTO run (version, started_at, commits) VALUES (?, ?, 0)", "si",
               SENSORGW_VERSION, clock_wall_us());
    sqlite3_finalize(st);
    if (err == GW_OK)
        s->run_id = sqlite3_last_insert_rowid(s->db);
    s->commits = 0;
    memset(s->saved, 0, s->source_count * sizeof(*s->saved));
    return err;
}

static enum gw_err save_figure(struct store *s, size_t source, const char *what, uint64_t now,
                               uint64_t saved)
{
    if (now == saved)
        return GW_OK;
    return db_run(s->db, &s->sql->ledger,
                  "INSERT OR REPLACE INTO ledger (run_id, source, what, readings)"
                  " VALUES (?, ?, ?, ?)",
                  "issi", s->run_id, s->options.sources[source], what, (int64_t)now);
}

static struct ledger_entry entry_with_this(const struct store *s, size_t source)
{
    struct ledger_entry e = ledger_get(s->options.ledger, (uint32_t)source);

    e.committed += s->counts[source].committed;
    e.dropped[DROP_DUPLICATE] += s->counts[source].duplicates;
    return e;
}

static enum gw_err save_source(struct store *s, size_t source)
{
    struct ledger_entry now = entry_with_this(s, source), *saved = &s->saved[source];
    enum gw_err err;

    if ((err = save_figure(s, source, "accepted", now.accepted, saved->accepted)) != GW_OK ||
        (err = save_figure(s, source, "committed", now.committed, saved->committed)) != GW_OK)
        return err;
    for (int why = 0; err == GW_OK && why < DROP_REASON_COUNT; why++)
        err = save_figure(s, source, drop_reason_name((enum drop_reason)why), now.dropped[why],
                          saved->dropped[why]);
    if (err == GW_OK)
        *saved = now;
    return err;
}

enum gw_err books_save(struct store *s)
{
    enum gw_err err = db_run(s->db, &s->sql->run_commit,
                             "UPDATE run SET commits = commits + 1, last_commit_at = ?"
                             " WHERE id = ?",
                             "ii", clock_wall_us(), s->run_id);

    for (size_t i = 0; s->options.ledger && err == GW_OK && i < s->source_count; i++)
        err = save_source(s, i);
    return err;
}

void books_settle(struct store *s)
{
    for (uint32_t i = 0; s->options.ledger && i < s->source_count; i++) {
        if (s->counts[i].committed)
            ledger_commit(s->options.ledger, i, s->counts[i].committed);
        if (s->counts[i].duplicates)
            ledger_drop(s->options.ledger, i, DROP_DUPLICATE, s->counts[i].duplicates);
    }
}

enum gw_err books_end_run(struct store *s)
{
    sqlite3_stmt *st = NULL;
    enum gw_err err = books_save(s);

    if (err == GW_OK)
        err = db_run(s->db, &st, "UPDATE run SET ended_at = ? WHERE id = ?", "ii", clock_wall_us(),
                     s->run_id);
    sqlite3_finalize(st);
    return err;
}
