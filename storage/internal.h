/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the writing store share. Nobody outside this folder includes it. */
#ifndef SENSORGW_STORAGE_INTERNAL_H
#define SENSORGW_STORAGE_INTERNAL_H

#include "gateway/core/clock.h"
#include "storage/db.h"
#include "storage/file.h"
#include "storage/slice.h"
#include "storage/span.h"
#include "storage/store.h"

#include <sys/stat.h>

#define READINGS_A_STATEMENT 50 /* rows in one INSERT: measured twice as fast as one by one */

/* The readings of one sensor in one minute, while it lasts. */
struct bucket {
    int64_t minute;       /* its start, UTC µs */
    double min, max, sum; /* of the good ones */
    int64_t count, bad;   /* good and bad ones; both 0: nothing to write */
};

#define REMAKES 2

/* A minute or an hour that is made anew, between two slices of that. */
struct remake {
    int64_t span, start; /* span 0: none is */
    struct bucket *sums; /* by row of `sensor`, `count` of them; owned */
    int64_t count;
    int64_t after_us, after_id; /* key of the last row that is in the sums */
    bool is_summed;
    int64_t next_id; /* of the sums that are not saved yet */
};

/* What a transaction of housekeeping may still do. */
struct budget {
    int64_t rows, deadline_us; /* deadline: monotonic */
};

/* What the store keeps in memory for each index of the sensor table. */
struct slot {
    int64_t id;                 /* row of `sensor`; 0: not known yet */
    const struct sensor *saved; /* what that row holds; the table has another after a reload */
    struct reading newest;      /* by time; time_us INT64_MIN: none */
    struct bucket bucket;
    int64_t floor; /* earlier minutes cannot be accumulated any more: they are recomputed */
    bool touched;  /* `newest` is of this transaction */
};

/* Readings of this transaction, by source. */
struct counts {
    uint64_t committed, duplicates;
    uint64_t doubtful; /* of the batch before, whose COMMIT failed: it may be stored all the same */
};

struct store {
    /* set once */
    struct store_options options;
    char *path;
    size_t source_count;
    int lock_fd;
    char note[FILE_NOTE_SIZE]; /* of the last run, until it was compared with the database */
    char instance[9];

    /* the connection, and what belongs to the file behind it */
    sqlite3 *db;
    struct stat file;
    struct store_sql *sql;
    int64_t run_id;
    int64_t commits;    /* batches of this run, as its row says */
    bool is_stale;      /* a transaction failed: memory must be read from the database again */
    bool is_suspect;    /* an I/O error: the connection is not to be trusted any more */
    bool is_corrupt;    /* the file is to be set aside */
    bool commit_failed; /* the last transaction's COMMIT: SQLite may find it in the log later */
    bool in_doubt;      /* such a batch is to be looked for before the next one */
    bool is_repeating;  /* it has: the present transaction finds its own readings stored */
    bool is_careful;    /* somebody edited sensor_latest: no reading counts as new for certain */

    /* mirrors of the database */
    struct slot *slots; /* by sensor index */
    int64_t newest_us;  /* of all readings ever stored; INT64_MIN: none */
    int64_t outbox_depth;
    struct {
        int64_t next, reserved; /* ids below `reserved` may have been given out by this run */
    } alert_id;
    struct {
        int64_t raw_us, minute_us; /* rows older than this are gone */
    } pruned;

    /* this transaction */
    uint32_t *touched; /* indices of slots */
    size_t touched_count;
    struct reading *buffer; /* READINGS_A_STATEMENT of them, new for certain */
    size_t buffered;
    struct counts *counts;
    struct ledger_entry *saved; /* what `ledger` holds, by source */
    struct outbox_result *results;
    size_t result_count, result_capacity;
    struct write_event *writes;
    size_t write_count;
    int64_t events_added;

    /* readings that wait for the clock to be set; all zero when there are none */
    struct {
        bool is_waiting;
        bool must_move;        /* there may be rows whose time is known now */
        int64_t offset_us;     /* wall minus monotonic clock at the last look */
        int64_t old_offset_us; /* the same before the last step */
        int64_t settled_us; /* monotonic: until then readings may bear a time of before the step */
        int64_t seen_us;    /* the latest time that the database is sure of */
        int64_t began_us, next_look_us; /* monotonic */
        int64_t last_seq;               /* of the rows before the present batch */
        char boot[TIMESYNC_BOOT_SIZE];
    } undated;

    /* roll-ups */
    struct {
        bool must_reset;    /* accumulators were lost: what is pending must be recomputed */
        int64_t floor;      /* for slots that have not begun */
        int64_t bad_from;   /* earlier hours cannot know their bad readings */
        int64_t marked[32]; /* minutes known to be in rollup_pending, by minute mod 32 */
        bool marked_recompute[32];
        struct slice slice;
    } rollup;
    struct remake remakes[REMAKES]; /* of a minute, of an hour */

    /* room on the file system, as of the last look */
    struct {
        int64_t next_check_us, next_cut_us; /* monotonic */
        int64_t log_bytes;
        bool log_is_long; /* a reader keeps it from being reused */
        bool is_tight;    /* below min_free: the oldest rows make room */
        bool is_low;      /* below half of it */
        bool is_full;     /* no readings are stored */
    } space;

    /* housekeeping */
    struct {
        int64_t trusted_us;    /* the wall clock when it last looked right */
        int64_t hold_since_us; /* monotonic; 0: it looks right */
        int64_t saved_us;      /* trusted_us as the database has it */
        int64_t next_prune_us; /* monotonic */
        int64_t next_rest_us;  /* wall: of hours and alerts */
        int64_t next_hour_id;  /* row of `sensor` whose hours come next */
        struct slice slice;
    } care;
};

/* Prepared statements, named by what they do; all NULL until used. */
struct store_sql {
    sqlite3_stmt *begin, *commit, *rollback;
    sqlite3_stmt *insert_many, *insert_one, *latest;
    sqlite3_stmt *sensor_find, *sensor_add, *sensor_update;
    sqlite3_stmt *ledger, *run_commit, *meta;
    sqlite3_stmt *alert, *alert_sensor, *event, *event_find, *event_done, *event_amend, *write,
        *shelf_put, *shelf_drop;
    sqlite3_stmt *pending_add, *pending_next, *pending_drop;
    sqlite3_stmt *minute, *minute_rows, *hour, *hour_rows;
    sqlite3_stmt *undated_add, *undated_next, *undated_drop, *undated_latest, *undated_count;
    sqlite3_stmt *prune_hour, *prune_run, *prune_event, *prune_alert;
    sqlite3_stmt *prune_wait, *prune_undated, *prune_write;
};

static inline bool budget_is_spent(const struct budget *b)
{
    return b->rows <= 0 || clock_mono_us() >= b->deadline_us;
}

/* BEGIN IMMEDIATE, after reading memory again if it is stale. */
enum gw_err store_begin(struct store *s);
/* COMMIT if err is GW_OK, else (or if that fails) ROLLBACK; either way the result. After a failure
 * memory counts as stale. */
enum gw_err store_end(struct store *s, enum gw_err err);
enum gw_err store_set_meta(struct store *s, const char *key, int64_t value);

/* sensors.c */
enum gw_err sensors_load(struct store *s);     /* slots and newest_us from the database */
enum gw_err sensors_register(struct store *s); /* rows for all that the table holds now */
enum gw_err sensors_slot(struct store *s, uint32_t index, struct slot **out);

/* readings.c */
enum gw_err readings_add(struct store *s, const struct reading *r);
/* Binds time, sensor id, value and quality to four parameters from `first` on; SQLite's code. */
int reading_bind(sqlite3_stmt *st, int first, const struct reading *r, int64_t sensor_id);
enum gw_err readings_flush(struct store *s); /* what is buffered, and sensor_latest */
void readings_forget(struct store *s);       /* the transaction is over */

/* rollup.c */
enum gw_err rollup_load(struct store *s);
enum gw_err rollup_begin(struct store *s); /* at the start of each transaction */
enum gw_err rollup_add(struct store *s, struct slot *slot, const struct reading *r);
/* A reading of that time was stored after its minute may have been closed. */
enum gw_err rollup_mark_late(struct store *s, int64_t time_us);
/* Closes minutes and hours that ended before wall_us, in one small transaction that ends soon after
 * deadline_us (monotonic). */
enum gw_err rollup_run(struct store *s, int64_t wall_us, int64_t deadline_us, bool *more);
static inline bool bucket_is_empty(const struct bucket *b)
{
    return b->count == 0 && b->bad == 0;
}
/* `more` may be a single reading; a bad one is NAN all over. */
void bucket_add(struct bucket *b, const struct bucket *more);
/* Into reading_minute or reading_hour; without a good reading there is no minimum, maximum and sum.
 */
enum gw_err bucket_save(struct store *s, int64_t span, int64_t start, int64_t id,
                        const struct bucket *b);

/* remake.c */
/* Makes the rows of that minute or hour anew, or goes on with it, as far as the budget allows. In a
 * transaction; what it has done so far may be committed, while the span is pending. */
enum gw_err remake_run(struct store *s, int64_t span, int64_t start, struct budget *b, bool *done);
/* Readings of that minute have come: what was done so far is no longer true. */
void remake_forget(struct store *s, int64_t minute);
void remake_forget_all(struct store *s);

/* alerts.c */
enum gw_err alerts_load(struct store *s);
/* Before ids are used the database says that they may have been, so that none is given out again
 * after a crash. */
enum gw_err alerts_reserve(struct store *s);
enum gw_err alerts_add(struct store *s, const struct alert_change *list);
enum gw_err alerts_apply_results(struct store *s);

/* writes.c */
enum gw_err writes_apply(struct store *s);

/* books.c */
enum gw_err books_begin_run(struct store *s);
enum gw_err books_save(struct store *s); /* the ledger, and the run's count of commits */
void books_settle(struct store *s);      /* after COMMIT: into the ledger itself */
enum gw_err books_end_run(struct store *s);

/* undated.c */
enum gw_err undated_begin_run(struct store *s); /* decides whether readings must wait */
void undated_look(struct store *s);             /* whether they must still */
/* *taken: the reading has no time of its own yet, and was put with those that wait. Else its time
 * is right now (it may have been stamped before the clock was set). */
enum gw_err undated_take(struct store *s, struct slot *slot, struct reading *r, bool *taken);
/* The monotonic clock, as a run of clock_wait has it, when `time_us` was stamped. True: the clock
 * is not set, and the time is to be mended later. */
bool undated_uptime(const struct store *s, int64_t time_us, int64_t *uptime_us);
/* The right time of what was stamped around the step of the clock. */
int64_t undated_time(const struct store *s, int64_t time_us);
/* A batch whose COMMIT failed may be stored, and comes again: its readings that wait are taken out
 * first, since no key says that they are the same. Both in the batch's transaction. */
enum gw_err undated_mark(struct store *s); /* before a batch that is stored once at most */
enum gw_err undated_take_back(struct store *s);
/* Moves readings whose time is known now, until deadline_us (monotonic). */
enum gw_err undated_run(struct store *s, int64_t deadline_us, bool *more);

/* undated_events.c */
/* Transitions, shelves and writes of this boot get their time; within a transaction. */
enum gw_err undated_events(struct store *s);

/* space.c */
void space_check(struct store *s); /* looks every two seconds */

/* mark.c */
void mark_save(struct store *s);         /* after a batch was committed */
enum gw_err mark_check(struct store *s); /* at start: whether commits are missing */

/* retention.c */
enum gw_err retention_load(struct store *s);
enum gw_err retention_run(struct store *s, int64_t wall_us, int64_t deadline_us, bool *more);

#endif
