/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/query_scan.h"

#include "gateway/core/clock.h"
#include "storage/schema.h"
#include "storage/span.h"

#include <math.h>

/* With fewer, reading the rows of all costs less than looking for those of one. */
#define MANY_SENSORS 20

int64_t scan_span(enum resolution level)
{
    static const int64_t spans[] = {
        [RESOLUTION_RAW] = 1, [RESOLUTION_MINUTE] = US_PER_MINUTE, [RESOLUTION_HOUR] = US_PER_HOUR};

    return spans[level];
}

/* Columns from `first` on: start, min, max, sum, count. */
static void give_row(struct scan *s, enum resolution level, sqlite3_stmt *st)
{
    struct scan_row row = {
        .level = level,
        .start_us = sqlite3_column_int64(st, 0),
        .min = sqlite3_column_double(st, 1),
        .max = sqlite3_column_double(st, 2),
        .sum = sqlite3_column_double(st, 3),
        .count = (uint64_t)sqlite3_column_int64(st, 4),
    };

    if (row.count > 0)
        s->stopped = !s->each(s->arg, &row);
}

void scan_take_reading(sqlite3_stmt *st, struct scan_reading *out)
{
    *out = (struct scan_reading){
        .time_us = sqlite3_column_int64(st, 0),
        .is_integer = sqlite3_column_type(st, 1) == SQLITE_INTEGER,
        .quality = (uint8_t)sqlite3_column_int(st, 2),
    };
    if (out->is_integer)
        out->integer = sqlite3_column_int64(st, 1);
    else
        out->value = db_double(st, 1);
}

void scan_give_reading(struct scan *s, const struct scan_reading *r)
{
    double value = r->is_integer ? (double)r->integer : r->value;
    const struct scan_row row = {
        .level = RESOLUTION_RAW,
        .start_us = r->time_us,
        .min = value,
        .max = value,
        .sum = value,
        .count = isnan(value) ? 0u : 1u,
        .integer = r->is_integer ? r->integer : 0,
        .is_integer = r->is_integer,
        .quality = r->quality,
    };

    s->stopped = !s->each(s->arg, &row);
}

static enum gw_err give_rows(struct scan *s, enum resolution level, sqlite3_stmt *st)
{
    enum gw_err err = GW_OK;
    bool row = true;

    while (err == GW_OK && !s->stopped && (err = db_step(st, &row)) == GW_OK && row)
        give_row(s, level, st);
    return err;
}

enum gw_err scan_plainly(struct scan *s, int64_t from, int64_t to)
{
    if (from >= to || s->stopped)
        return GW_OK;
    enum gw_err err = db_bind(s->query->db, &s->raw,
                              "SELECT " SCAN_READING " FROM reading"
                              " WHERE time >= ?2 AND time < ?3 AND sensor_id = ?1"
                              " AND (?4 OR value IS NOT NULL) ORDER BY time",
                              "iiii", s->sensor_id, from, to, (int64_t)s->bad_too);
    struct scan_reading r;
    bool row = true;

    while (err == GW_OK && !s->stopped && (err = db_step(s->raw, &row)) == GW_OK && row) {
        scan_take_reading(s->raw, &r);
        scan_give_reading(s, &r);
    }
    return err;
}

static enum gw_err look_around(struct scan *s)
{
    sqlite3 *db = s->query->db;
    enum gw_err err;

    s->oldest_us = INT64_MAX;
    s->newest_us = s->minute_pruned_us = INT64_MIN;
    s->bad_counted_us = s->query->version < SCHEMA_BAD_COUNTED ? INT64_MAX : INT64_MIN;
    if ((err = db_int64(db, "SELECT count(*) FROM sensor_latest", &s->sensors)) != GW_OK ||
        (err = db_int64(db, "SELECT min(time) FROM reading", &s->oldest_us)) != GW_OK ||
        (err = db_int64(db, "SELECT max(time) FROM reading", &s->newest_us)) != GW_OK ||
        (err = db_int64(db, "SELECT value FROM meta WHERE key = 'minute_pruned_to'",
                        &s->minute_pruned_us)) != GW_OK ||
        (err = db_int64(db, SCHEMA_BAD_COUNTED_FROM, &s->bad_counted_us)) != GW_OK)
        return err;
    if (s->sensors == 0)
        s->sensors = 1;
    return GW_OK;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static enum gw_err scan_raw(struct scan *s, int64_t from, int64_t to)
{
    enum gw_err err = s->sensors == 0 ? look_around(s) : GW_OK;

    if (err != GW_OK || s->oldest_us > s->newest_us)
        return err;
    from = later(from, s->oldest_us);
    to = earlier(to, s->newest_us + 1);
    int64_t first = floor_to(from + US_PER_MINUTE - 1, US_PER_MINUTE);
    int64_t last = floor_to(to, US_PER_MINUTE);
    if (s->sensors < MANY_SENSORS || last - first < US_PER_MINUTE)
        return scan_plainly(s, from, to);
    if ((err = scan_plainly(s, from, first)) == GW_OK)
        err = scan_by_rhythm(s, first, last);
    return err == GW_OK ? scan_plainly(s, last, to) : err;
}

/* The first row at or after (minute, sensor): ours, or one that tells where to go on. So each
 * minute costs a look-up or two instead of the rows of all sensors. */
static enum gw_err next_minute(struct scan *s, int64_t *minute, int64_t to, bool *more)
{
    enum gw_err err = db_bind(s->query->db, &s->minute,
                              "SELECT minute, min, max, sum, count, sensor_id FROM reading_minute"
                              " WHERE (minute, sensor_id) >= (?1, ?2) AND minute < ?3"
                              " ORDER BY minute, sensor_id LIMIT 1",
                              "iii", *minute, s->sensor_id, to);

    if (err != GW_OK || (err = db_step(s->minute, more)) != GW_OK || !*more)
        return err;
    int64_t sensor_id = sqlite3_column_int64(s->minute, 5);
    *minute = sqlite3_column_int64(s->minute, 0);
    if (sensor_id == s->sensor_id)
        give_row(s, RESOLUTION_MINUTE, s->minute);
    if (sensor_id >= s->sensor_id)
        *minute += US_PER_MINUTE;
    return GW_OK;
}

static enum gw_err scan_minutes(struct scan *s, int64_t from, int64_t to)
{
    enum gw_err err = GW_OK;
    bool more = true;

    while (err == GW_OK && more && !s->stopped)
        err = next_minute(s, &from, to, &more);
    return err;
}

static enum gw_err scan_hours(struct scan *s, int64_t from, int64_t to)
{
    enum gw_err err = db_bind(s->query->db, &s->hour,
                              "SELECT hour, min, max, sum, count FROM reading_hour"
                              " WHERE sensor_id = ?1 AND hour >= ?2 AND hour < ?3 ORDER BY hour",
                              "iii", s->sensor_id, from, to);

    return err == GW_OK ? give_rows(s, RESOLUTION_HOUR, s->hour) : err;
}

enum gw_err scan_rows(struct scan *s, enum resolution level, int64_t from, int64_t to)
{
    if (from >= to || s->stopped)
        return GW_OK;
    switch (level) {
    case RESOLUTION_HOUR:
        return scan_hours(s, from, to);
    case RESOLUTION_MINUTE:
        return scan_minutes(s, from, to);
    case RESOLUTION_RAW:
        break;
    }
    return scan_raw(s, from, to);
}

struct minute_count {
    uint64_t good, bad;
    bool bad_known;
};

static enum gw_err count_in_minute(struct scan *s, int64_t minute, struct minute_count *out)
{
    const char *sql = s->query->version < SCHEMA_BAD_COUNTED
                          ? "SELECT count, NULL FROM reading_minute"
                            " WHERE minute = ? AND sensor_id = ?"
                          : "SELECT count, bad FROM reading_minute"
                            " WHERE minute = ? AND sensor_id = ?";
    bool found = false;
    enum gw_err err = db_bind(s->query->db, &s->minute_count, sql, "ii", minute, s->sensor_id);

    if (err != GW_OK || (err = db_step(s->minute_count, &found)) != GW_OK)
        return err;
    *out = (struct minute_count){.bad_known = minute >= s->bad_counted_us};
    if (found)
        *out = (struct minute_count){
            .good = (uint64_t)sqlite3_column_int64(s->minute_count, 0),
            .bad = (uint64_t)sqlite3_column_int64(s->minute_count, 1),
            .bad_known = sqlite3_column_type(s->minute_count, 1) != SQLITE_NULL,
        };
    return GW_OK;
}

enum gw_err scan_count(struct scan *s, int64_t minute, uint64_t *count, bool *known)
{
    struct minute_count in = {0};
    bool pending;
    enum gw_err err =
        db_bind(s->query->db, &s->pending,
                "SELECT 1 FROM rollup_pending WHERE span = 60000000 AND start = ?", "i", minute);

    if (err != GW_OK || (err = db_step(s->pending, &pending)) != GW_OK)
        return err;
    *known = !pending && minute >= s->minute_pruned_us;
    if (!*known || (err = count_in_minute(s, minute, &in)) != GW_OK)
        return err;
    *known = in.bad_known || !s->bad_too;
    *count = in.good + (s->bad_too ? in.bad : 0);
    return GW_OK;
}

/* The sensor's last minute in [from, *minute]; *found false: none. */
static enum gw_err last_minute(struct scan *s, int64_t from, int64_t *minute, bool *found)
{
    struct minute_count in = {0};
    enum gw_err err = GW_OK;

    for (; *minute >= from; *minute -= US_PER_MINUTE) {
        if ((err = count_in_minute(s, *minute, &in)) != GW_OK || in.good > 0)
            break;
    }
    *found = in.good > 0;
    return err;
}

enum gw_err scan_last(struct scan *s, enum resolution level, int64_t start_us, double *out)
{
    int64_t from = start_us, to = start_us + scan_span(level);
    bool found = true;
    enum gw_err err = GW_OK;

    *out = (double)NAN;
    if (level == RESOLUTION_HOUR) {
        int64_t minute = to - US_PER_MINUTE;
        err = last_minute(s, start_us, &minute, &found);
        from = minute;
        to = minute + US_PER_MINUTE;
    }
    if (err != GW_OK || !found)
        return err;
    err = db_bind(s->query->db, &s->last,
                  "SELECT value FROM reading WHERE time >= ? AND time < ? AND sensor_id = ?"
                  " AND value IS NOT NULL ORDER BY time DESC LIMIT 1",
                  "iii", from, to, s->sensor_id);
    if (err == GW_OK && (err = db_step(s->last, &found)) == GW_OK && found)
        *out = sqlite3_column_double(s->last, 0);
    return err;
}

void scan_fini(struct scan *s)
{
    sqlite3_stmt *all[] = {s->raw,     s->first, s->minute, s->minute_count,
                           s->pending, s->hour,  s->last};

    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        sqlite3_finalize(all[i]);
}
