/* SPDX-License-Identifier: Apache-2.0 */
/* A line for a chart: few enough points, nothing lost in them, gaps where they are. */
#include "tests/storage/fixture.h"

#include "storage/query.h"
#include "storage/span.h"

#define SENSOR "device/s3"
#define STEP (10 * US_PER_SECOND)

static struct query *begin(struct fixture *f)
{
    struct query *q;

    clock_fake(1, T0);
    fixture_open(f);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    return q;
}

/* Readings of sensor 3 from T0 on, STEP apart, as the gateway would have stored them. */
static void fill(struct fixture *f, size_t from, size_t to)
{
    static struct record r[200];
    bool more;

    for (size_t n = 0; from < to; n = 0) {
        for (; n < sizeof(r) / sizeof(r[0]) && from < to; from++) {
            r[n++] = good(3, T0 + (int64_t)from * STEP, (double)(from * 37 % 101));
            r[n++] = good(4, T0 + (int64_t)from * STEP, 1000);
        }
        append(f, r, n);
        assert_int_equal(store_maintain(f->store, r[n - 1].reading.time_us, &more), GW_OK);
    }
}

static void few_readings_are_given_as_they_are(void **state)
{
    struct fixture *f = *state;
    struct query *q = begin(f);
    struct series s;

    fill(f, 0, 30);
    assert_int_equal(query_series(q, SENSOR, T0, T0 + 30 * STEP, 30, &s), GW_OK);
    assert_int_equal(s.count, 30);
    assert_int_equal(s.every_us, 0);
    assert_int_equal(s.resolution, RESOLUTION_RAW);
    for (size_t i = 0; i < s.count; i++) {
        assert_int_equal(s.points[i].time_us, T0 + (int64_t)i * STEP);
        assert_true(s.points[i].avg == (double)(i * 37 % 101));
        assert_int_equal(s.points[i].count, 1);
    }
    series_fini(&s);
    assert_int_equal(query_series(q, "device/none", T0, T0 + STEP, 30, &s), GW_ENOENT);
    assert_int_equal(query_series(q, SENSOR, 0, T0, 30, &s), GW_OK);
    assert_int_equal(s.count, 0);
    series_fini(&s);
    query_close(q);
}

#define MANY 3000 /* eight hours */

static void many_readings_become_few_points_and_none_is_forgotten(void **state)
{
    struct fixture *f = *state;
    struct query *q = begin(f);
    static const struct {
        size_t max_points;
        int64_t every_us;
        enum resolution resolution;
    } cases[] = {
        {2999, 15 * US_PER_SECOND, RESOLUTION_RAW},  {1001, 30 * US_PER_SECOND, RESOLUTION_RAW},
        {900, US_PER_MINUTE, RESOLUTION_MINUTE},     {101, 5 * US_PER_MINUTE, RESOLUTION_MINUTE},
        {20, 30 * US_PER_MINUTE, RESOLUTION_MINUTE}, {10, US_PER_HOUR, RESOLUTION_HOUR},
        {2, 12 * US_PER_HOUR, RESOLUTION_HOUR},
    };

    fill(f, 0, MANY);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct series s;
        uint64_t readings = 0;
        double sum = 0, expected = 0;
        assert_int_equal(query_series(q, SENSOR, T0, T0 + MANY * STEP, cases[i].max_points, &s),
                         GW_OK);
        assert_int_equal(s.every_us, cases[i].every_us);
        assert_int_equal(s.resolution, cases[i].resolution);
        assert_in_range(s.count, 1, cases[i].max_points);
        for (size_t n = 0; n < s.count; n++) {
            assert_true(s.points[n].count > 0 && s.points[n].max <= 100 && s.points[n].min >= 0);
            readings += s.points[n].count;
            sum += s.points[n].avg * (double)s.points[n].count;
        }
        for (size_t n = 0; n < MANY; n++)
            expected += (double)(n * 37 % 101);
        assert_int_equal(readings, MANY);
        assert_true(fabs(sum - expected) < 1e-3);
        series_fini(&s);
    }
    query_close(q);
}

/* The times at which the line is interrupted. */
static size_t gaps(const struct series *s, int64_t *times)
{
    size_t n = 0;

    for (size_t i = 0; i < s->count; i++) {
        if (i > 0)
            assert_true(s->points[i].time_us > s->points[i - 1].time_us);
        if (s->points[i].count > 0)
            continue;
        assert_true(isnan(s->points[i].avg) && isnan(s->points[i].min));
        assert_true(i > 0 && i + 1 < s->count && s->points[i - 1].count > 0);
        times[n++] = s->points[i].time_us;
    }
    return n;
}

static void the_line_is_interrupted_where_there_is_no_good_data(void **state)
{
    struct fixture *f = *state;
    struct query *q = begin(f);
    struct series s;
    int64_t times[16];

    fill(f, 0, 100);
    struct record mute[100];
    for (int i = 0; i < 100; i++) {
        mute[i] = good(3, T0 + (100 + i) * STEP, (double)NAN);
        mute[i].reading.quality = QUALITY_TIMEOUT;
    }
    append(f, mute, 100);
    fill(f, 200, 300);
    fill(f, 302, 400); /* two lost in a row are no gap yet */
    fill(f, 403, 500); /* three are: 40 s without a reading */
    for (size_t max_points = 600; max_points >= 20; max_points = max_points * 2 / 3) {
        assert_int_equal(query_series(q, SENSOR, T0, T0 + 500 * STEP, max_points, &s), GW_OK);
        assert_in_range(s.count, 2, max_points);
        size_t n = gaps(&s, times);
        assert_in_range(n, 1, 2);
        if (s.every_us == 0) {
            assert_int_equal(n, 2);
            assert_int_equal(times[0], T0 + 99 * STEP + 1);
            assert_int_equal(times[1], T0 + 399 * STEP + 1);
        } else {
            assert_int_equal(times[0], floor_to(T0 + 99 * STEP, s.every_us) + s.every_us);
        }
        series_fini(&s);
    }
    query_close(q);
}

/* A sensor that reports when it likes to: gaps must not make more points than were asked for. */
static void irregular_readings_never_exceed_the_number_of_points(void **state)
{
    struct fixture *f = *state;
    struct query *q = begin(f);
    unsigned seed = 7;
    int64_t t = T0;

    struct record r[400];
    for (int i = 0; i < 400; i++) {
        seed = seed * 1103515245u + 12345u;
        t += 1 + (int64_t)(seed >> 16 & 0x7fff) * (seed & 0x40000 ? 1000 : 200000);
        r[i] = good(3, t, i);
    }
    append(f, r, 400);
    for (size_t max_points = 2; max_points < 600; max_points += 7) {
        struct series s;
        int64_t times[600];
        uint64_t readings = 0;
        assert_int_equal(query_series(q, SENSOR, T0, t + 1, max_points, &s), GW_OK);
        assert_in_range(s.count, 1, max_points);
        gaps(&s, times);
        for (size_t i = 0; i < s.count; i++)
            readings += s.points[i].count;
        assert_int_equal(readings, 400);
        series_fini(&s);
    }
    query_close(q);
}

static void what_retention_has_left_is_enough_for_a_line(void **state)
{
    struct fixture *f = *state;
    int64_t end = T0 + MANY * STEP;
    uint64_t readings = 0;
    struct series s;
    bool more = true;

    f->options.raw_us = US_PER_HOUR;
    f->options.minute_us = 3 * US_PER_HOUR;
    struct query *q = begin(f);
    fill(f, 0, MANY);
    clock_fake(60 * US_PER_SECOND, end);
    while (more)
        assert_int_equal(store_maintain(f->store, end, &more), GW_OK);
    assert_int_equal(query_series(q, SENSOR, T0 - US_PER_HOUR, end, 4000, &s), GW_OK);
    for (size_t i = 0; i < s.count; i++)
        readings += s.points[i].count;
    assert_int_equal(readings, MANY);
    series_fini(&s);
    query_close(q);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(few_readings_are_given_as_they_are),
        T(many_readings_become_few_points_and_none_is_forgotten),
        T(the_line_is_interrupted_where_there_is_no_good_data),
        T(irregular_readings_never_exceed_the_number_of_points),
        T(what_retention_has_left_is_enough_for_a_line),
    };
    return cmocka_run_group_tests_name("storage/series", tests, NULL, NULL);
}
