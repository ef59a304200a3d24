/* SPDX-License-Identifier: Apache-2.0 */
/* Readings into `reading` and `sensor_latest`. A reading later than all of its sensor's cannot be
 * stored already, so it goes into a statement of many rows; any other goes alone, and SQLite says
 * whether it was there. */
#include "storage/internal.h"

#include "gateway/core/log.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INSERT "INSERT OR IGNORE INTO reading (time, sensor_id, value, quality) VALUES "
#define ROW "(?,?,?,?)"

static int bind_value(sqlite3_stmt *st, int index, const struct reading *r)
{
    if (r->quality != QUALITY_GOOD)
        return sqlite3_bind_null(st, index);
    if (r->flags & READING_INTEGER)
        return sqlite3_bind_int64(st, index, r->integer);
    return db_bind_number(st, index, r->value);
}

int reading_bind(sqlite3_stmt *st, int first, const struct reading *r, int64_t sensor_id)
{
    int rc = sqlite3_bind_int64(st, first, r->time_us);

    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int64(st, first + 1, sensor_id);
    if (rc == SQLITE_OK)
        rc = bind_value(st, first + 2, r);
    if (rc == SQLITE_OK)
        rc = sqlite3_bind_int(st, first + 3, r->quality);
    return rc;
}

static enum gw_err prepare_many(struct store *s)
{
    static char sql[sizeof(INSERT) + READINGS_A_STATEMENT * sizeof(ROW ",")];

    if (s->sql->insert_many)
        return GW_OK;
    char *end = stpcpy(sql, INSERT);
    for (int i = 0; i < READINGS_A_STATEMENT; i++)
        end = stpcpy(end, i ? "," ROW : ROW);
    return db_prepare(s->db, &s->sql->insert_many, sql);
}

/* *added: 0 when it was there already. */
static enum gw_err insert_one(struct store *s, const struct reading *r, int *added)
{
    enum gw_err err = db_prepare(s->db, &s->sql->insert_one, INSERT ROW);
    if (err != GW_OK)
        return err;
    int rc = reading_bind(s->sql->insert_one, 1, r, s->slots[r->sensor].id);
    if (rc != SQLITE_OK)
        return db_error(s->db, rc, "binding a reading");
    err = db_finish(s->sql->insert_one);
    *added = sqlite3_changes(s->db);
    return err;
}

static enum gw_err insert_many(struct store *s)
{
    enum gw_err err = prepare_many(s);
    if (err != GW_OK)
        return err;
    for (int i = 0; i < READINGS_A_STATEMENT; i++) {
        const struct reading *r = &s->buffer[i];
        int rc = reading_bind(s->sql->insert_many, i * 4 + 1, r, s->slots[r->sensor].id);
        if (rc != SQLITE_OK)
            return db_error(s->db, rc, "binding readings");
    }
    if ((err = db_finish(s->sql->insert_many)) != GW_OK)
        return err;
    if (sqlite3_changes(s->db) != READINGS_A_STATEMENT) {
        log_warning(
            "database: sensor_latest does not agree with reading (was it edited?): readings "
            "are checked one by one from now on");
        s->is_careful = true;
        return GW_EEXIST;
    }
    return GW_OK;
}

static enum gw_err flush_buffer(struct store *s)
{
    enum gw_err err = GW_OK;
    int added;

    if (s->buffered == READINGS_A_STATEMENT)
        err = insert_many(s);
    else
        for (size_t i = 0; err == GW_OK && i < s->buffered; i++)
            err = insert_one(s, &s->buffer[i], &added);
    s->buffered = 0;
    return err;
}

static enum gw_err count_in(struct store *s, struct slot *slot, const struct reading *r)
{
    assert(r->source < s->source_count);
    s->counts[r->source].committed++;
    if (r->time_us > s->newest_us)
        s->newest_us = r->time_us;
    return rollup_add(s, slot, r);
}

/* Alone, since it may be there already. */
static enum gw_err add_doubtful(struct store *s, struct slot *slot, const struct reading *r)
{
    int added = 0;
    /* The one that it may repeat may still be in the buffer. */
    enum gw_err err = flush_buffer(s);

    if (err != GW_OK || (err = insert_one(s, r, &added)) != GW_OK)
        return err;
    if (added)
        return count_in(s, slot, r);
    struct counts *counts = &s->counts[r->source];
    if (s->is_repeating && counts->doubtful > 0) {
        counts->doubtful--;
        counts->committed++;
    } else {
        counts->duplicates++;
    }
    return GW_OK;
}

static enum gw_err add_new(struct store *s, struct slot *slot, const struct reading *r)
{
    s->buffer[s->buffered++] = *r;
    enum gw_err err = s->buffered == READINGS_A_STATEMENT ? flush_buffer(s) : GW_OK;
    return err == GW_OK ? count_in(s, slot, r) : err;
}

static enum gw_err add_dated(struct store *s, struct slot *slot, const struct reading *r)
{
    if (r->time_us <= slot->newest.time_us)
        return add_doubtful(s, slot, r);
    slot->newest = *r;
    if (!slot->touched) {
        slot->touched = true;
        s->touched[s->touched_count++] = r->sensor;
    }
    return s->is_careful ? add_doubtful(s, slot, r) : add_new(s, slot, r);
}

enum gw_err readings_add(struct store *s, const struct reading *r)
{
    struct reading dated = *r;
    struct slot *slot;
    bool taken = false;
    enum gw_err err = sensors_slot(s, r->sensor, &slot);

    if (err == GW_OK && s->options.timesync)
        err = undated_take(s, slot, &dated, &taken);
    return err != GW_OK || taken ? err : add_dated(s, slot, &dated);
}

static enum gw_err save_latest(struct store *s, const struct slot *slot)
{
    enum gw_err err = db_prepare(s->db, &s->sql->latest,
                                 "INSERT OR REPLACE INTO sensor_latest"
                                 " (time, sensor_id, value, quality) VALUES " ROW);
    if (err != GW_OK)
        return err;
    int rc = reading_bind(s->sql->latest, 1, &slot->newest, slot->id);
    return rc == SQLITE_OK ? db_finish(s->sql->latest)
                           : db_error(s->db, rc, "binding a latest reading");
}

enum gw_err readings_flush(struct store *s)
{
    enum gw_err err = flush_buffer(s);

    for (size_t i = 0; err == GW_OK && i < s->touched_count; i++)
        err = save_latest(s, &s->slots[s->touched[i]]);
    return err;
}

void readings_forget(struct store *s)
{
    for (size_t i = 0; i < s->touched_count; i++)
        s->slots[s->touched[i]].touched = false;
    s->touched_count = 0;
    s->buffered = 0;
    for (size_t i = 0; i < s->source_count; i++)
        s->counts[i].committed = s->counts[i].duplicates = 0;
}
