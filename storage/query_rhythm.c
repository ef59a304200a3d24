/* SPDX-License-Identifier: Apache-2.0 */
/* One sensor's readings among those of a thousand. Time leads their key, so an hour of one sensor
 * is spread over the rows of all. But most sensors have a rhythm: the next reading is looked for
 * where it is due, by the key, and the rows between are not read. Nothing is missed: the minute's
 * roll-up says how many readings there are; a minute in which fewer were found is read row by row.
 */
#include "gateway/core/clock.h"
#include "storage/query_scan.h"

#define MINUTE_MAX 1200               /* readings; a faster sensor is read row by row */
#define WINDOW_MIN_US (2 * US_PER_MS) /* around the time at which a reading is due */
#define WINDOW_FIRST(period) ((period) / 256)
#define WINDOW_MAX(period) ((period) / 2)

/* The first one in [from, to). */
static enum gw_err first_reading(struct scan *s, int64_t from, int64_t to, struct scan_reading *out,
                                 bool *found)
{
    *found = false;
    if (from >= to)
        return GW_OK;
    enum gw_err err = db_bind(s->query->db, &s->first,
                              "SELECT " SCAN_READING " FROM reading"
                              " WHERE time >= ?2 AND time < ?3 AND sensor_id = ?1"
                              " AND (?4 OR value IS NOT NULL) ORDER BY time LIMIT 1",
                              "iiii", s->sensor_id, from, to, (int64_t)s->bad_too);
    if (err == GW_OK && (err = db_step(s->first, found)) == GW_OK && *found)
        scan_take_reading(s->first, out);
    return err;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t earlier(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

/* Where it is due, in a window that widens until it is there. */
static enum gw_err where_due(struct scan *s, int64_t from, int64_t to, struct scan_reading *out,
                             bool *found)
{
    struct rhythm *r = &s->rhythm;
    int64_t due_us = r->last_us + r->period_us;
    enum gw_err err = GW_OK;

    *found = false;
    if (r->last_us == 0 || r->period_us == 0)
        return GW_OK;
    for (int64_t w = r->window_us; err == GW_OK && w <= WINDOW_MAX(r->period_us); w *= 4) {
        err = first_reading(s, later(from, due_us - w), earlier(to, due_us + w + 1), out, found);
        if (*found) {
            r->window_us = later(w - w / 16, WINDOW_MIN_US);
            break;
        }
    }
    return err;
}

static void learn(struct rhythm *r, int64_t time_us, bool was_due)
{
    int64_t distance_us = time_us - r->last_us;

    if (r->last_us != 0 && !was_due) {
        r->period_us = distance_us;
        r->window_us = later(WINDOW_FIRST(distance_us), WINDOW_MIN_US);
    }
    r->last_us = time_us;
}

/* As many of the minute's `count` readings as the rhythm leads to. */
static enum gw_err find(struct scan *s, int64_t minute, uint64_t count, struct scan_reading *list,
                        uint64_t *n)
{
    int64_t from = minute, to = minute + US_PER_MINUTE;
    bool found = true, was_due;
    enum gw_err err = GW_OK;

    for (*n = 0; *n < count; ++*n) {
        err = where_due(s, from, to, &list[*n], &was_due);
        if (err == GW_OK && !was_due)
            err = first_reading(s, from, to, &list[*n], &found);
        if (err != GW_OK || !(was_due || found))
            break;
        learn(&s->rhythm, list[*n].time_us, was_due);
        from = list[*n].time_us + 1;
    }
    return err;
}

static enum gw_err scan_minute(struct scan *s, int64_t minute)
{
    struct scan_reading list[MINUTE_MAX];
    uint64_t count = 0, n = 0;
    bool known;
    enum gw_err err = scan_count(s, minute, &count, &known);

    if (err != GW_OK)
        return err;
    if (!known || count > MINUTE_MAX)
        return scan_plainly(s, minute, minute + US_PER_MINUTE);
    if (count > 0 && (err = find(s, minute, count, list, &n)) != GW_OK)
        return err;
    if (n < count) {
        s->rhythm.last_us = 0;
        return scan_plainly(s, minute, minute + US_PER_MINUTE);
    }
    for (uint64_t i = 0; i < n && !s->stopped; i++)
        scan_give_reading(s, &list[i]);
    return GW_OK;
}

enum gw_err scan_by_rhythm(struct scan *s, int64_t from, int64_t to)
{
    enum gw_err err = GW_OK;

    for (; err == GW_OK && from < to && !s->stopped; from += US_PER_MINUTE)
        err = scan_minute(s, from);
    return err;
}
