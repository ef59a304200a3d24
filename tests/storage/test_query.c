/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/storage/fixture.h"

#include "storage/query.h"

#define MAX_ROWS 4096

struct collected {
    struct history_row rows[MAX_ROWS];
    size_t count, stop_after;
};

static bool collect(void *arg, const struct history_row *row)
{
    struct collected *c = arg;

    assert_true(c->count < MAX_ROWS);
    c->rows[c->count++] = *row;
    return c->count != c->stop_after;
}

static enum gw_err ask(struct query *q, const char *sensor, int64_t since, int64_t until,
                       int64_t every, struct collected *c)
{
    const struct history_request r = {
        .sensor = sensor, .since_us = since, .until_us = until, .every_us = every, .last = true};

    return query_history(q, &r, collect, c);
}

/* What a loop over all of the sensor's readings gives. */
static size_t expected_buckets(const struct record *all, size_t n, uint32_t sensor, int64_t since,
                               int64_t until, int64_t every, struct history_row *out)
{
    size_t count = 0;

    for (size_t i = 0; i < n; i++) {
        const struct reading *r = &all[i].reading;
        if (r->sensor != sensor || r->time_us < since || r->time_us >= until)
            continue;
        int64_t start = r->time_us / every * every;
        if (count == 0 || out[count - 1].time_us != start)
            out[count++] = (struct history_row){.time_us = start, .min = r->value, .max = r->value};
        struct history_row *b = &out[count - 1];
        b->min = fmin(b->min, r->value);
        b->max = fmax(b->max, r->value);
        b->value += r->value;
        b->last = r->value;
        b->count++;
    }
    return count;
}

static bool readings_are_gone; /* by retention: then nothing knows the last one of a bucket */

static void check_history(struct query *q, const struct record *all, size_t n, int64_t since,
                          int64_t until, int64_t every)
{
    static struct history_row expected[MAX_ROWS];
    static struct collected got;

    got.count = got.stop_after = 0;
    assert_int_equal(ask(q, "device/s3", since, until, every, &got), GW_OK);
    size_t count = expected_buckets(all, n, 3, since, until, every, expected);
    assert_int_equal(got.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(got.rows[i].time_us, expected[i].time_us);
        assert_int_equal(got.rows[i].count, expected[i].count);
        assert_true(got.rows[i].min == expected[i].min && got.rows[i].max == expected[i].max);
        assert_true(got.rows[i].last == expected[i].last ||
                    (readings_are_gone && isnan(got.rows[i].last)));
        assert_true(fabs(got.rows[i].value - expected[i].value / (double)expected[i].count) < 1e-6);
    }
}

#define STEPS 3000 /* 10 s apart: 8 hours */

static struct record *fill(struct fixture *f)
{
    struct record *all = calloc(STEPS * 2, sizeof(*all));
    bool more;

    assert_non_null(all);
    for (size_t i = 0; i < STEPS; i++) {
        int64_t time = T0 + (int64_t)i * 10 * US_PER_SECOND;
        all[i * 2] = good(3, time, (double)(i * 37 % 101));
        all[i * 2 + 1] = good(4, time, 5);
    }
    clock_fake(1, T0);
    fixture_open(f);
    for (size_t i = 0; i < STEPS * 2; i += 200) {
        append(f, all + i, 200);
        assert_int_equal(store_maintain(f->store, all[i].reading.time_us, &more), GW_OK);
    }
    return all;
}

/* Every mix of tables must give the same answer, with the newest minutes not rolled up yet. */
static void history_merges_rollups_and_raw_exactly(void **state)
{
    struct fixture *f = *state;
    struct record *all = fill(f);
    struct query *q;
    static const int64_t everies[] = {US_PER_SECOND * 30, US_PER_MINUTE, US_PER_MINUTE * 7,
                                      US_PER_HOUR, US_PER_HOUR * 3};
    int64_t end = T0 + STEPS * 10 * US_PER_SECOND;

    assert_true(sql_int(f, "SELECT count(*) FROM reading_hour") > 10);
    assert_true(sql_int(f, "SELECT count(*) FROM rollup_pending") > 0);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    for (size_t i = 0; i < sizeof(everies) / sizeof(everies[0]); i++) {
        check_history(q, all, STEPS * 2, T0, end, everies[i]);
        check_history(q, all, STEPS * 2, T0 + 12345678, end - 98765432, everies[i]);
        check_history(q, all, STEPS * 2, T0 + US_PER_HOUR / 3, T0 + US_PER_HOUR / 2, everies[i]);
        check_history(q, all, STEPS * 2, end, end + US_PER_HOUR, everies[i]);
        /* The minute that is still open lies in the middle. */
        check_history(q, all, STEPS * 2, T0, (end / US_PER_HOUR + 2) * US_PER_HOUR, everies[i]);
    }
    query_close(q);
    free(all);
}

static void history_without_buckets_gives_each_reading(void **state)
{
    struct fixture *f = *state;
    static struct collected c;
    struct record r[] = {good(0, T0, 1), good(0, T0 + 1, 0), good(0, T0 + 2, 3), good(1, T0, 9)};
    struct query *q;

    r[1].reading.quality = QUALITY_CRC;
    fixture_open(f);
    append(f, r, 4);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    c.count = c.stop_after = 0;
    assert_int_equal(ask(q, "device/s0", T0, T0 + 10, 0, &c), GW_OK);
    assert_int_equal(c.count, 3);
    assert_true(isnan(c.rows[1].value));
    assert_int_equal(c.rows[1].quality, QUALITY_CRC);
    assert_true(c.rows[2].value == 3);
    c.count = 0;
    c.stop_after = 1;
    assert_int_equal(ask(q, "device/s0", T0, T0 + 10, 0, &c), GW_OK);
    assert_int_equal(c.count, 1);
    assert_int_equal(ask(q, "device/sx", T0, T0 + 10, 0, &c), GW_ENOENT);
    query_close(q);
}

static void history_reaches_back_beyond_retention_in_coarser_rows(void **state)
{
    struct fixture *f = *state;
    static struct collected c;
    struct query *q;
    bool more = true;
    int64_t end = T0 + STEPS * 10 * US_PER_SECOND;

    f->options.raw_us = US_PER_HOUR;
    f->options.minute_us = 3 * US_PER_HOUR;
    struct record *all = fill(f);
    clock_fake(60 * US_PER_SECOND, end);
    while (more)
        assert_int_equal(store_maintain(f->store, end, &more), GW_OK);
    assert_true(sql_int(f, "SELECT min(time) FROM reading") >= end - 61 * US_PER_MINUTE);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    c.count = c.stop_after = 0;
    assert_int_equal(ask(q, "device/s3", 0, end, 30 * US_PER_SECOND, &c), GW_OK);
    uint64_t readings = 0;
    for (size_t i = 0; i < c.count; i++)
        readings += c.rows[i].count;
    assert_int_equal(readings, STEPS);
    assert_true(c.rows[0].time_us <= T0);
    readings_are_gone = true;
    check_history(q, all, STEPS * 2, T0 - US_PER_HOUR, end, US_PER_HOUR);
    readings_are_gone = false;
    query_close(q);
    free(all);
}

struct dump {
    size_t count, between, stop_after;
    int64_t last_us;
    double done;
    char first[64];
};

static bool take_reading(void *arg, const struct latest_row *row)
{
    struct dump *d = arg;

    assert_true(row->time_us >= d->last_us);
    d->last_us = row->time_us;
    if (d->count++ == 0)
        snprintf(d->first, sizeof(d->first), "%s %s %g %u", row->sensor, row->unit, row->value,
                 row->quality);
    return true;
}

static bool note_slice(void *arg, double done)
{
    struct dump *d = arg;

    assert_true(done > d->done && done <= 1);
    d->done = done;
    return ++d->between != d->stop_after;
}

static void dump(struct query *q, const char *sensors, int64_t since, int64_t until, struct dump *d)
{
    const struct readings_request r = {.sensors = sensors,
                                       .since_us = since,
                                       .until_us = until,
                                       .each = take_reading,
                                       .between = note_slice,
                                       .arg = d};

    assert_int_equal(query_readings(q, &r), GW_OK);
}

static void readings_of_all_sensors_come_in_order_and_in_slices(void **state)
{
    struct fixture *f = *state;
    static struct record r[5000];
    struct query *q;

    fixture_open(f);
    for (int64_t i = 0; i < 25000; i += 5000) {
        for (int64_t k = 0; k < 5000; k++)
            r[k] = good((uint32_t)(k % 5), T0 + (i + k) / 5, (double)(i + k));
        append(f, r, 5000);
    }
    assert_int_equal(query_open(&q, f->path), GW_OK);
    struct dump all = {0}, one = {0}, some = {0}, none = {0}, stopped = {.stop_after = 1};
    dump(q, NULL, 0, INT64_MAX, &all);
    assert_int_equal(all.count, 25000);
    assert_int_equal(all.between, 3);
    assert_true(all.done == 1);
    assert_string_equal(all.first, "device/s0 °C 0 0");
    dump(q, "*/s3", 0, INT64_MAX, &one);
    assert_int_equal(one.count, 5000);
    assert_string_equal(one.first, "device/s3 °C 3 0");
    dump(q, NULL, T0 + 100, T0 + 200, &some);
    assert_int_equal(some.count, 500);
    dump(q, NULL, T0 + 5000, INT64_MAX, &none);
    assert_int_equal(none.count, 0);
    dump(q, NULL, 0, INT64_MAX, &stopped);
    assert_int_equal(stopped.count, 10000);
    query_close(q);
}

static bool take_latest(void *arg, const struct latest_row *row)
{
    char *text = arg;

    snprintf(text + strlen(text), 512 - strlen(text), "%s=%g/%u/%d ", row->sensor, row->value,
             row->quality, row->time_us != 0);
    return true;
}

static void latest_gives_the_sensors_of_a_pattern_by_name(void **state)
{
    struct fixture *f = *state;
    struct record r = good(1, T0, 4.5);
    char text[512] = "";
    struct query *q;

    fixture_open(f);
    append(f, &r, 1);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    assert_int_equal(query_latest(q, "device/s1[01]", take_latest, text), GW_OK);
    assert_int_equal(query_latest(q, "*/s1", take_latest, text), GW_OK);
    assert_string_equal(text, "device/s10=nan/0/0 device/s11=nan/0/0 device/s1=4.5/0/1 ");
    struct store_facts facts;
    assert_int_equal(query_facts(q, &facts), GW_OK);
    assert_int_equal(facts.readings, 1);
    assert_int_equal(facts.sensors, SENSORS);
    assert_true(facts.bytes > 0 && facts.oldest_us == T0 && facts.newest_us == T0);
    query_close(q);
}

static void a_mistyped_name_gets_a_suggestion(void **state)
{
    struct fixture *f = *state;
    struct query *q;
    static const struct {
        const char *asked, *suggested;
    } cases[] = {{"device/s7x", "device/s7"},
                 {"DEVICE/S12", "device/s12"},
                 {"devcie/s4", "device/s4"},
                 {"s15", "device/s15"},
                 {"boiler/flow_temp", NULL}};

    fixture_open(f);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *name = query_suggest(q, cases[i].asked);
        if (cases[i].suggested)
            assert_string_equal(name, cases[i].suggested);
        else
            assert_null(name);
        free(name);
    }
    query_close(q);
}

static void a_reader_follows_the_gateway_into_a_new_file(void **state)
{
    struct fixture *f = *state;
    struct record r = good(1, T0, 4.5);
    struct store_facts facts;
    struct query *q;

    fixture_open(f);
    append(f, &r, 1);
    assert_int_equal(query_open(&q, f->path), GW_OK);
    assert_int_equal(query_facts(q, &facts), GW_OK);
    fixture_close(f);
    char command[300];
    snprintf(command, sizeof(command), "rm %s*", f->path);
    assert_int_equal(system(command), 0);
    assert_int_equal(query_facts(q, &facts), GW_ENOENT);
    fixture_open(f);
    assert_int_equal(query_facts(q, &facts), GW_OK);
    assert_int_equal(facts.readings, 0);
    query_close(q);
}

static void what_is_no_database_is_refused(void **state)
{
    struct fixture *f = *state;
    struct query *q;

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    assert_int_equal(query_open(&q, f->path), GW_ENOENT);
    sql_write(f, "CREATE TABLE other (x)");
    assert_int_equal(query_open(&q, f->path), GW_EFOREIGN);
    sql_write(f, "PRAGMA application_id = 1397184324; PRAGMA user_version = 99");
    assert_int_equal(query_open(&q, f->path), GW_EINVAL);
    FILE *file = fopen(f->path, "w");
    assert_non_null(file);
    for (int i = 0; i < 1000; i++)
        fputs("this is no database\n", file);
    fclose(file);
    assert_int_equal(query_open(&q, f->path), GW_ENOTDB);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
    const struct CMUnitTest tests[] = {
        T(history_merges_rollups_and_raw_exactly),
        T(history_without_buckets_gives_each_reading),
        T(history_reaches_back_beyond_retention_in_coarser_rows),
        T(readings_of_all_sensors_come_in_order_and_in_slices),
        T(latest_gives_the_sensors_of_a_pattern_by_name),
        T(a_mistyped_name_gets_a_suggestion),
        T(a_reader_follows_the_gateway_into_a_new_file),
        T(what_is_no_database_is_refused),
    };
    return cmocka_run_group_tests_name("storage/query", tests, NULL, NULL);
}
