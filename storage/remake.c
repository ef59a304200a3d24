/* SPDX-License-Identifier: Apache-2.0 */
/* Minutes and hours made anew from the finer table, in slices: an hour of 2,000 sensors is read
 * from 120,000 rows, and its 2,000 rows lie on as many pages. What was summed up so far is kept in
 * memory between the slices. */
#include "storage/internal.h"

#include <stdlib.h>

#define ROWS_A_LOOK 256 /* read between looks at the clock */

/* sensor id, min, max, sum, count, bad, time after the key (?1, ?2) and before ?3. */
static const char minute_rows[] =
    "SELECT sensor_id, value, value, value, value IS NOT NULL, value IS NULL, time FROM reading"
    " WHERE (time, sensor_id) > (?1, ?2) AND time < ?3 ORDER BY time, sensor_id";
static const char hour_rows[] =
    "SELECT sensor_id, min, max, sum, count, bad, minute FROM reading_minute"
    " WHERE (minute, sensor_id) > (?1, ?2) AND minute < ?3 ORDER BY minute, sensor_id";

static void forget(struct remake *r)
{
    free(r->sums);
    *r = (struct remake){0};
}

void remake_forget(struct store *s, int64_t minute)
{
    for (size_t i = 0; i < REMAKES; i++) {
        struct remake *r = &s->remakes[i];
        if (minute >= r->start && minute < r->start + r->span)
            forget(r);
    }
}

void remake_forget_all(struct store *s)
{
    for (size_t i = 0; i < REMAKES; i++)
        forget(&s->remakes[i]);
}

static enum gw_err begin(struct store *s, struct remake *r, int64_t span, int64_t start)
{
    int64_t last = 0;
    enum gw_err err = db_int64(s->db, "SELECT max(id) FROM sensor", &last);

    forget(r);
    if (err != GW_OK)
        return err;
    struct bucket *sums = calloc((size_t)last + 1, sizeof(*sums));
    if (!sums)
        return GW_ENOMEM;
    *r = (struct remake){.span = span,
                         .start = start,
                         .sums = sums,
                         .count = last + 1,
                         .after_us = start - 1,
                         .after_id = INT64_MAX,
                         .next_id = 1};
    return GW_OK;
}

static void add_row(struct remake *r, sqlite3_stmt *row)
{
    const struct bucket some = {
        .min = db_double(row, 1),
        .max = db_double(row, 2),
        .sum = db_double(row, 3),
        .count = sqlite3_column_int64(row, 4),
        .bad = sqlite3_column_int64(row, 5),
    };

    r->after_id = sqlite3_column_int64(row, 0);
    r->after_us = sqlite3_column_int64(row, 6);
    if (r->after_id > 0 && r->after_id < r->count)
        bucket_add(&r->sums[r->after_id], &some);
}

/* In the order of the rows, with a sum for each sensor: GROUP BY would sort a whole hour of all
 * sensors in memory. */
static enum gw_err sum_up(struct store *s, struct remake *r, const struct budget *b)
{
    bool is_minute = r->span == US_PER_MINUTE, row = true;
    sqlite3_stmt **st = is_minute ? &s->sql->minute_rows : &s->sql->hour_rows;
    enum gw_err err = db_bind(s->db, st, is_minute ? minute_rows : hour_rows, "iii", r->after_us,
                              r->after_id, r->start + r->span);

    for (int n = 1; err == GW_OK && (err = db_step(*st, &row)) == GW_OK && row; n++) {
        add_row(r, *st);
        if (n % ROWS_A_LOOK == 0 && budget_is_spent(b))
            break;
    }
    r->is_summed = err == GW_OK && !row;
    sqlite3_reset(*st);
    return err;
}

static enum gw_err save(struct store *s, struct remake *r, struct budget *b)
{
    enum gw_err err = GW_OK;

    do {
        if (r->next_id >= r->count || bucket_is_empty(&r->sums[r->next_id]))
            continue;
        err = bucket_save(s, r->span, r->start, r->next_id, &r->sums[r->next_id]);
        b->rows--;
    } while (err == GW_OK && ++r->next_id < r->count && !budget_is_spent(b));
    return err;
}

enum gw_err remake_run(struct store *s, int64_t span, int64_t start, struct budget *b, bool *done)
{
    struct remake *r = &s->remakes[span == US_PER_HOUR];
    enum gw_err err = GW_OK;

    *done = false;
    if (r->span != span || r->start != start)
        err = begin(s, r, span, start);
    if (err == GW_OK && !r->is_summed)
        err = sum_up(s, r, b);
    if (err == GW_OK && r->is_summed)
        err = save(s, r, b);
    *done = err == GW_OK && r->is_summed && r->next_id >= r->count;
    if (*done)
        forget(r);
    return err;
}
