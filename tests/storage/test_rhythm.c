/* SPDX-License-Identifier: Apache-2.0 */
/* Looking for a sensor's readings where they are due must find what reading every row finds: the
 * good ones, and all of them. */
#include "tests/storage/fixture.h"

#include "storage/query.h"

#define MINUTES 12
#define END (T0 + MINUTES * US_PER_MINUTE)
#define MAX_READINGS 20000

static unsigned seed;

static unsigned draw(unsigned below)
{
    seed = seed * 1103515245u + 12345u;
    return (seed >> 16) % below;
}

struct pattern {
    const char *name;
    int64_t period_us, jitter_us;
    unsigned lost, bad, late; /* one in so many; 0: none */
    bool changes;             /* its period, in the middle */
    bool pauses;              /* for three minutes */
};

static const struct pattern patterns[] = {
    {"regular", US_PER_SECOND, 1, 0, 0, 0, false, false},
    {"with jitter", US_PER_SECOND, 300 * US_PER_MS, 0, 0, 0, false, false},
    {"with gaps", 2 * US_PER_SECOND, 5 * US_PER_MS, 7, 0, 0, false, false},
    {"often bad", 2 * US_PER_SECOND, 5 * US_PER_MS, 0, 3, 0, false, false},
    {"late readings", US_PER_SECOND, 5 * US_PER_MS, 0, 0, 20, false, false},
    {"another period", US_PER_SECOND, 5 * US_PER_MS, 0, 0, 0, true, false},
    {"a pause", US_PER_SECOND, 5 * US_PER_MS, 0, 0, 0, false, true},
    {"no rhythm", 10 * US_PER_SECOND, 20 * US_PER_SECOND, 3, 5, 9, true, true},
    {"rare", 100 * US_PER_SECOND, US_PER_SECOND, 0, 0, 0, false, false},
    {"bad for long", 2 * US_PER_SECOND, 5 * US_PER_MS, 0, 1, 0, false, false},
    {"as fast as it goes", 40 * US_PER_MS, US_PER_MS, 30, 30, 0, false, false},
};

static void add(struct fixture *f, struct record r, bool last)
{
    static struct record batch[500];
    static size_t n;

    batch[n++] = r;
    if (n < sizeof(batch) / sizeof(batch[0]) && !last)
        return;
    append(f, batch, n);
    n = 0;
}

static void add_pattern(struct fixture *f, const struct pattern *p)
{
    int64_t period_us = p->period_us;

    for (int64_t t = T0; t < END; t += period_us) {
        struct record r = good(3, t + draw((unsigned)p->jitter_us), (double)(t % 1000));
        if (p->changes && t > T0 + MINUTES / 2 * US_PER_MINUTE)
            period_us = p->period_us * 7 / 5;
        if (p->pauses && t > T0 + 5 * US_PER_MINUTE && t < T0 + 8 * US_PER_MINUTE)
            continue;
        if (p->lost && draw(p->lost) == 0)
            continue;
        if (p->bad && draw(p->bad) == 0)
            r.reading.quality = QUALITY_CRC;
        add(f, r, false);
        if (p->late && draw(p->late) == 0 && t > T0 + 2 * US_PER_MINUTE)
            add(f, good(3, t - draw(2 * US_PER_MINUTE), -1), false);
    }
}

/* The others, at times of their own. */
static void add_noise(struct fixture *f)
{
    for (int64_t t = T0; t < END; t += 5 * US_PER_SECOND)
        for (uint32_t i = 0; i < SENSORS + 5; i++)
            if (i != 3)
                add(f, good(i, t + draw(5 * US_PER_SECOND), i), false);
    add(f, good(4, END, 0), true);
}

struct got {
    int64_t times[MAX_READINGS];
    double values[MAX_READINGS];
    size_t count;
};

static bool collect(void *arg, const struct history_row *row)
{
    struct got *g = arg;

    assert_true(g->count < MAX_READINGS && row->count == !isnan(row->value));
    assert_int_equal(row->quality, isnan(row->value) ? QUALITY_CRC : QUALITY_GOOD);
    g->times[g->count] = row->time_us;
    g->values[g->count++] = row->value;
    return true;
}

static bool is_same(double a, double b)
{
    return a == b || (isnan(a) && isnan(b));
}

static double value_of(sqlite3_stmt *st)
{
    return sqlite3_column_type(st, 1) == SQLITE_NULL ? (double)NAN : sqlite3_column_double(st, 1);
}

/* every_us 1: buckets as short as one reading, the good ones; 0: all readings. */
static void compare_every(struct fixture *f, struct query *q, const char *name, int64_t since,
                          int64_t until, int64_t every_us)
{
    static struct got got;
    const struct history_request r = {
        .sensor = "device/s3", .since_us = since, .until_us = until, .every_us = every_us};
    sqlite3 *db;
    sqlite3_stmt *st;
    size_t n = 0;

    got.count = 0;
    assert_int_equal(query_history(q, &r, collect, &got), GW_OK);
    assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db,
                                        "SELECT r.time, r.value FROM reading r JOIN sensor s"
                                        " ON s.id = r.sensor_id WHERE s.name = 'device/s3' AND"
                                        " time >= ?1 AND time < ?2"
                                        " AND (?3 = 0 OR value IS NOT NULL) ORDER BY time",
                                        -1, &st, NULL),
                     SQLITE_OK);
    sqlite3_bind_int64(st, 1, since);
    sqlite3_bind_int64(st, 2, until);
    sqlite3_bind_int64(st, 3, every_us);
    for (; sqlite3_step(st) == SQLITE_ROW; n++) {
        if (n >= got.count || got.times[n] != sqlite3_column_int64(st, 0) ||
            !is_same(got.values[n], value_of(st)))
            fail_msg("%s: reading %zu of %zu differs", name, n, got.count);
    }
    if (n != got.count)
        fail_msg("%s: %zu readings, not %zu", name, got.count, n);
    sqlite3_finalize(st);
    sqlite3_close(db);
}

static void compare(struct fixture *f, struct query *q, const char *name, int64_t since,
                    int64_t until)
{
    for (int64_t every_us = 0; every_us <= 1; every_us++)
        compare_every(f, q, name, since, until, every_us);
}

static void compare_spans(struct fixture *f, const char *name)
{
    struct query *q;

    assert_int_equal(query_open(&q, f->path), GW_OK);
    compare(f, q, name, T0 - US_PER_MINUTE, END + US_PER_HOUR);
    compare(f, q, name, T0 + 90 * US_PER_SECOND + 1, END - 70 * US_PER_SECOND);
    compare(f, q, name, T0 + 61 * US_PER_SECOND, T0 + 3 * US_PER_MINUTE);
    query_close(q);
}

/* As an update from a version that did not count them leaves it. */
static void forget_bad_counts(const struct fixture *f)
{
    char sql[400];

    snprintf(sql, sizeof(sql),
             "DELETE FROM reading_minute WHERE count = 0 AND minute < %lld;"
             "UPDATE reading_minute SET bad = NULL WHERE minute < %lld;"
             "INSERT INTO meta VALUES ('bad_counted_from', %lld)",
             (long long)(T0 + 6 * US_PER_MINUTE), (long long)(T0 + 6 * US_PER_MINUTE),
             (long long)(T0 + 6 * US_PER_MINUTE));
    sql_write(f, sql);
}

/* A new sensor table and a new file for each pattern. */
static void try_pattern(struct fixture *f, const struct pattern *p)
{
    char command[200], name[32];
    uint32_t index;
    bool more = true;

    snprintf(command, sizeof(command), "rm -f %s*", f->path);
    assert_int_equal(system(command), 0);
    for (uint32_t i = (uint32_t)sensor_table_count(f->sensors); i < SENSORS + 5; i++) {
        snprintf(name, sizeof(name), "device/s%u", i);
        struct sensor s = {.name = name, .unit = "", .device = "device", .source = i % 2};
        assert_int_equal(sensor_table_add(f->sensors, &s, &index), GW_OK);
    }
    clock_fake(1, T0);
    fixture_open(f);
    add_pattern(f, p);
    add_noise(f);
    while (more)
        assert_int_equal(store_maintain(f->store, END + US_PER_MINUTE, &more), GW_OK);
    /* Late ones once more: their minutes are pending now. */
    add(f, good(3, T0 + 4 * US_PER_MINUTE + 12345, 77), true);
    compare_spans(f, p->name);
    forget_bad_counts(f);
    compare_spans(f, p->name);
    fixture_close(f);
}

static void whatever_the_rhythm_every_reading_is_found(void **state)
{
    seed = 1;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++)
        try_pattern(*state, &patterns[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whatever_the_rhythm_every_reading_is_found, fixture_setup,
                                        fixture_teardown),
    };
    return cmocka_run_group_tests_name("storage/rhythm", tests, NULL, NULL);
}
