/* SPDX-License-Identifier: Apache-2.0 */
/* The writing store from outside: open, append, look after, close. */
#include "storage/store.h"

#include "gateway/core/histogram.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "storage/connection.h"
#include "storage/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Rows of a transaction of housekeeping at first, and within what they stay. Rows of a roll-up may
 * each lie on a page of their own, and are not many; what retention removes lies together. */
static const struct slice rollup_slice = {.rows = 500, .least = 50, .most = 5000};
static const struct slice care_slice = {.rows = 2000, .least = 500, .most = 4000};

#define OPEN_ROLLUP_US US_PER_SECOND
#define CLOSE_ROLLUP_US (500 * US_PER_MS)

static size_t count_sources(const struct store_options *o)
{
    size_t count = o->ledger ? ledger_sources(o->ledger) : 0;

    for (uint32_t i = 0; i < sensor_table_count(o->sensors); i++) {
        const struct sensor *sensor = sensor_table_get(o->sensors, i);
        if (sensor->source >= count)
            count = (size_t)sensor->source + 1;
    }
    return count;
}

static struct store *create(const struct store_options *o)
{
    struct store *s = calloc(1, sizeof(*s));
    size_t sensors = sensor_table_capacity(o->sensors);

    if (!s)
        return NULL;
    s->options = *o;
    s->rollup.slice = rollup_slice;
    s->care.slice = care_slice;
    s->lock_fd = -1;
    s->source_count = count_sources(o);
    s->path = strdup(o->path);
    s->sql = calloc(1, sizeof(*s->sql));
    s->slots = calloc(sensors + 1, sizeof(*s->slots));
    s->touched = calloc(sensors + 1, sizeof(*s->touched));
    s->buffer = calloc(READINGS_A_STATEMENT, sizeof(*s->buffer));
    s->counts = calloc(s->source_count + 1, sizeof(*s->counts));
    s->saved = calloc(s->source_count + 1, sizeof(*s->saved));
    if (s->path && s->sql && s->slots && s->touched && s->buffer && s->counts && s->saved)
        return s;
    store_close(s);
    return NULL;
}

static void destroy(struct store *s)
{
    connection_close(s);
    if (s->lock_fd >= 0)
        close(s->lock_fd);
    free(s->path);
    free(s->sql);
    free(s->slots);
    free(s->touched);
    free(s->buffer);
    free(s->counts);
    free(s->saved);
    free(s->results);
    free(s->writes);
    remake_forget_all(s);
    free(s);
}

/* All that is pending, as far as the time allows. */
static enum gw_err roll_up_for(struct store *s, int64_t wall_us, int64_t us)
{
    int64_t deadline_us = clock_mono_us() + us;
    enum gw_err err;
    bool more;

    do {
        more = false;
        err = rollup_run(s, wall_us, deadline_us, &more);
    } while (err == GW_OK && more && clock_mono_us() < deadline_us);
    return err;
}

/* What SQLite says of an error does not name the file. */
static enum gw_err open_database(struct store *s)
{
    enum gw_err err = connection_open(s);

    if (err == GW_OK)
        err = roll_up_for(s, clock_wall_us(), OPEN_ROLLUP_US);
    if (err != GW_OK && err != GW_ENOTDB && err != GW_EFOREIGN)
        log_error("database %s cannot be opened: %s", s->path, gw_strerror(err));
    return err;
}

enum gw_err store_open(struct store **out, const struct store_options *options)
{
    struct store *s = create(options);
    enum gw_err err = GW_OK;

    if (!s)
        return GW_ENOMEM;
    if ((err = file_prepare(s->path)) == GW_OK &&
        (err = file_lock(s->path, &s->lock_fd, s->note)) == GW_OK)
        err = open_database(s);
    if (err == GW_OK)
        *out = s;
    else
        destroy(s);
    return err;
}

static enum gw_err end_run(struct store *s)
{
    /* All that is pending: what comes later to these minutes will be late. */
    enum gw_err err = roll_up_for(s, INT64_MAX, CLOSE_ROLLUP_US);

    if (err != GW_OK || (err = store_begin(s)) != GW_OK)
        return err;
    /* Results of the outbox that came too late for a batch. */
    if ((err = alerts_apply_results(s)) == GW_OK && (err = writes_apply(s)) == GW_OK &&
        (err = store_set_meta(s, "next_alert_id", s->alert_id.next)) == GW_OK)
        err = books_end_run(s);
    return store_end(s, err);
}

void store_close(struct store *s)
{
    if (!s)
        return;
    if (s->db && end_run(s) == GW_OK)
        sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    destroy(s);
}

static enum gw_err write_records(struct store *s, const struct record *records, size_t n)
{
    enum gw_err err = GW_OK;

    for (size_t i = 0; err == GW_OK && i < n; i++) {
        if (records[i].has_reading)
            err = readings_add(s, &records[i].reading);
        if (err == GW_OK && records[i].changes)
            err = alerts_add(s, records[i].changes);
    }
    if (err != GW_OK || (err = readings_flush(s)) != GW_OK ||
        (err = alerts_apply_results(s)) != GW_OK || (err = writes_apply(s)) != GW_OK)
        return err;
    return books_save(s);
}

/* A COMMIT whose sync failed may have reached the log nevertheless; when the log is read again the
 * batch is there. Then the caller's next try finds its own readings, which are no duplicates. */
static enum gw_err resolve_doubt(struct store *s)
{
    int64_t commits = 0;
    sqlite3_stmt *st = NULL;
    bool row = false;

    s->is_repeating = false;
    if (!s->in_doubt)
        return GW_OK;
    enum gw_err err = db_bind(s->db, &st, "SELECT commits FROM run WHERE id = ?", "i", s->run_id);
    if (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row)
        commits = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    if (err != GW_OK)
        return err;
    s->is_repeating = commits > s->commits;
    s->commits = commits > s->commits ? commits : s->commits;
    return GW_OK;
}

static void note_doubt(struct store *s, enum gw_err err)
{
    if (err == GW_OK)
        s->in_doubt = false;
    else if (s->commit_failed)
        s->in_doubt = true;
    for (size_t i = 0; i < s->source_count && s->commit_failed; i++)
        s->counts[i].doubtful = s->counts[i].committed;
}

static enum gw_err append_once(struct store *s, const struct record *records, size_t n,
                               uint64_t *duplicates)
{
    undated_look(s);
    enum gw_err err = store_begin(s);
    if (err == GW_OK) {
        if ((err = resolve_doubt(s)) == GW_OK &&
            (err = s->is_repeating ? undated_take_back(s) : GW_OK) == GW_OK &&
            (err = s->in_doubt ? GW_OK : undated_mark(s)) == GW_OK)
            err = write_records(s, records, n);
        err = store_end(s, err);
        note_doubt(s, err);
    } else {
        metric_add(METRIC_COMMIT_FAILURES, 1);
    }
    *duplicates = 0;
    if (err == GW_OK) {
        for (size_t i = 0; i < s->source_count; i++)
            *duplicates += s->counts[i].duplicates;
        books_settle(s);
        s->commits++;
        mark_save(s);
        s->result_count = s->write_count = 0;
        metric_set(METRIC_OUTBOX_DEPTH, s->outbox_depth);
    }
    readings_forget(s);
    return err;
}

enum gw_err store_append(struct store *s, const struct record *records, size_t n,
                         uint64_t *duplicates)
{
    int64_t start = clock_mono_us();
    uint64_t found = 0;

    if (n == 0 && s->result_count == 0 && s->write_count == 0)
        return GW_OK;
    enum gw_err err = append_once(s, records, n, &found);
    /* A damaged file has been given up, or trust in sensor_latest: either way the batch is whole.
     */
    if (err == GW_ECORRUPT || err == GW_EEXIST)
        err = append_once(s, records, n, &found);
    if (err != GW_OK)
        return err;
    int64_t took = clock_mono_us() - start;
    histogram_note(HISTOGRAM_COMMIT, took);
    metric_max(METRIC_COMMIT_US_MAX, took);
    if (duplicates)
        *duplicates = found;
    return GW_OK;
}

enum gw_err store_maintain(struct store *s, int64_t wall_us, bool *more)
{
    int64_t deadline_us = clock_mono_us() + SLICE_TARGET_US;
    enum gw_err err = connection_ensure(s);

    *more = false;
    space_check(s);
    if (err == GW_OK)
        err = undated_run(s, deadline_us, more);
    if (err == GW_OK && !*more)
        err = rollup_run(s, wall_us, deadline_us, more);
    if (err == GW_OK && !*more)
        err = retention_run(s, wall_us, deadline_us, more);
    return err;
}

const char *store_instance(const struct store *s)
{
    return s->instance;
}
