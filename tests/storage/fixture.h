/* SPDX-License-Identifier: Apache-2.0 */
/* What the storage tests share: a store in a folder of its own, with sensors and a ledger. Header
 * only. */
#ifndef SENSORGW_TESTS_STORAGE_FIXTURE_H
#define SENSORGW_TESTS_STORAGE_FIXTURE_H

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "storage/store.h"

#include <math.h>
#include <setjmp.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define SENSORS 20
#define T0 (INT64_C(1700000000) * US_PER_SECOND) /* 2023-11-14T22:13:20Z */
#define FIXTURE_BUSY_MS 60000                    /* for connections of the test's own */

struct fixture {
    char folder[64], path[96];
    struct sensor_table *sensors;
    struct ledger *ledger;
    struct store_options options;
    struct store *store;
};

static const char *const fixture_sources[] = {"bus", "broker"};

__attribute__((unused)) static void fixture_remove(const char *folder)
{
    char command[256];

    snprintf(command, sizeof(command), "chmod -R u+w %s; rm -rf %s", folder, folder);
    if (system(command) != 0)
        print_error("cannot remove %s\n", folder);
}

/* Sensors 0, 2, 4, … are of source 0, the others of source 1. */
static void fixture_tables(struct fixture *f)
{
    char name[32];
    uint32_t index;

    assert_int_equal(sensor_table_create(&f->sensors, SENSORS + 10), GW_OK);
    assert_int_equal(ledger_create(&f->ledger, 2), GW_OK);
    for (uint32_t i = 0; i < SENSORS; i++) {
        snprintf(name, sizeof(name), "device/s%u", i);
        struct sensor s = {.name = name, .unit = "°C", .device = "device", .source = i % 2};
        assert_int_equal(sensor_table_add(f->sensors, &s, &index), GW_OK);
        assert_int_equal(index, i);
    }
}

__attribute__((unused)) static void fixture_open(struct fixture *f)
{
    assert_int_equal(store_open(&f->store, &f->options), GW_OK);
}

__attribute__((unused)) static void fixture_close(struct fixture *f)
{
    store_close(f->store);
    f->store = NULL;
}

__attribute__((unused)) static int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    strcpy(f->folder, "/tmp/sensorgw-store-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/test.db", f->folder);
    fixture_tables(f);
    f->options = (struct store_options){
        .path = f->path, .sensors = f->sensors, .sources = fixture_sources, .ledger = f->ledger};
    *state = f;
    return 0;
}

__attribute__((unused)) static int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    clock_fake_stop();
    store_close(f->store);
    ledger_destroy(f->ledger);
    sensor_table_destroy(f->sensors);
    fixture_remove(f->folder);
    free(f);
    return 0;
}

__attribute__((unused)) static struct record good(uint32_t sensor, int64_t time_us, double value)
{
    return (struct record){.reading = {.time_us = time_us,
                                       .value = value,
                                       .sensor = sensor,
                                       .source = (uint16_t)(sensor % 2),
                                       .quality = QUALITY_GOOD},
                           .has_reading = true};
}

__attribute__((unused)) static void append(struct fixture *f, const struct record *r, size_t n)
{
    for (size_t i = 0; f->options.ledger && i < n; i++)
        if (r[i].has_reading)
            ledger_accept(f->ledger, r[i].reading.sensor % 2, 1);
    assert_int_equal(store_append(f->store, r, n, NULL), GW_OK);
}

__attribute__((unused)) static struct alert_change *
new_change(int64_t id, uint32_t sensor, enum alert_state state, int64_t time_us)
{
    struct alert_change *c = calloc(1, sizeof(*c));

    assert_non_null(c);
    *c = (struct alert_change){.alert_id = id,
                               .time_us = time_us,
                               .since_us = T0,
                               .value = 81.5,
                               .limit = 75,
                               .sensor = sensor,
                               .state = (uint8_t)state,
                               .severity = SEVERITY_WARNING};
    strcpy(c->rule, "overheat");
    return c;
}

/* The first column of the first row through a connection of its own: what any user would see. */
__attribute__((unused)) static int64_t sql_int(const struct fixture *f, const char *sql)
{
    sqlite3 *db;
    sqlite3_stmt *st;

    assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, FIXTURE_BUSY_MS);
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    int rc = sqlite3_step(st);
    if (rc != SQLITE_ROW)
        fail_msg("%s: no row: %s", sql, sqlite3_errmsg(db));
    int64_t value = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    return value;
}

__attribute__((unused)) static char *sql_text(const struct fixture *f, const char *sql,
                                              char out[512])
{
    sqlite3 *db;
    sqlite3_stmt *st;

    assert_int_equal(sqlite3_open_v2(f->path, &db, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, FIXTURE_BUSY_MS);
    if (sqlite3_prepare_v2(db, sql, -1, &st, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    const unsigned char *text = sqlite3_column_text(st, 0);
    snprintf(out, 512, "%s", text ? (const char *)text : "NULL");
    sqlite3_finalize(st);
    sqlite3_close(db);
    return out;
}

/* Changes the database behind the store's back. */
__attribute__((unused)) static void sql_write(const struct fixture *f, const char *sql)
{
    sqlite3 *db;

    assert_int_equal(sqlite3_open(f->path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, FIXTURE_BUSY_MS);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    sqlite3_close(db);
}

#endif
