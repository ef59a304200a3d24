/* SPDX-License-Identifier: Apache-2.0 */
/* What a stored reading costs the SD card: bytes written for each, log, checkpoints, roll-ups and
 * the ledger included, beside a naive store (a row for each reading in a transaction of its own, an
 * index on sensor and time, SQLite's default settings).
 *
 * Counted in a VFS below SQLite, twice: the bytes that SQLite writes, and the whole blocks of 4096
 * bytes that each sync must bring to the device. What the file system adds of its own (its journal,
 * the folder when the naive store's rollback journal comes and goes) is not in it, nor is what the
 * card's controller makes of it. Time is simulated. */
#include "gateway/core/clock.h"
#include "gateway/core/ledger.h"
#include "gateway/core/log.h"
#include "storage/store.h"
#include "tests/bench/bench.h"
#include "tests/storage/vfs.h"

#include <unistd.h>

#define T0 (INT64_C(1700000000) * US_PER_SECOND)
#define SECONDS 1200    /* simulated; each sensor is read once a second */
#define NAIVE_MAX 20000 /* readings: what one costs there does not fall with their number */

static char folder[200];

struct cost {
    double readings, log, file, device; /* bytes */
};

static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench_wear: %s failed\n", what);
    exit(1);
}

static int64_t written_to(const char *suffix)
{
    int64_t bytes = 0;

    for (int f = 0; f < vfs.file_count; f++) {
        const char *name = vfs.files[f];
        if (strcmp(name + strlen(name) - strlen(suffix), suffix) == 0)
            bytes += vfs.bytes[f];
    }
    return bytes;
}

static struct cost cost_of(double readings)
{
    return (struct cost){
        .readings = readings,
        .log = (double)(written_to("-wal") + written_to("-journal")) / readings,
        .file = (double)written_to(".db") / readings,
        .device = (double)vfs.device_bytes / readings,
    };
}

static void remove_files(const char *path)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal", ".lock"};
    char name[300];

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(name, sizeof(name), "%s%s", path, suffixes[i]);
        unlink(name);
    }
}

static double value_of(unsigned sensor, int second)
{
    return 20 + (sensor * 37 + (unsigned)second * 7919) % 1000 / 64.0;
}

static struct sensor_table *make_sensors(unsigned count)
{
    struct sensor_table *table;
    char name[32];
    uint32_t index;

    must(sensor_table_create(&table, count) == GW_OK, "sensor_table_create");
    for (unsigned i = 0; i < count; i++) {
        snprintf(name, sizeof(name), "bench/s%u", i);
        struct sensor s = {.name = name, .unit = "V", .device = "bench"};
        must(sensor_table_add(table, &s, &index) == GW_OK, "sensor_table_add");
    }
    return table;
}

static void append(struct store *store, struct ledger *ledger, const struct record *batch, size_t n)
{
    ledger_accept(ledger, 0, n);
    must(store_append(store, batch, n, NULL) == GW_OK, "store_append");
}

/* As the writer does it: a flush at most every `flush` seconds or 16,384 records, housekeeping once
 * a second. */
static void feed(struct store *store, struct ledger *ledger, unsigned sensors, int flush)
{
    size_t n = 0, room = (size_t)sensors * (size_t)flush;
    struct record *batch = calloc(room, sizeof(*batch));
    bool more;

    must(batch != NULL, "calloc");
    for (int second = 0; second < SECONDS; second++) {
        int64_t now = T0 + second * US_PER_SECOND;
        clock_fake((second + 1) * US_PER_SECOND, now);
        for (unsigned i = 0; i < sensors; i++)
            batch[n++] = (struct record){
                .reading = {.time_us = now + i * 100, .value = value_of(i, second), .sensor = i},
                .has_reading = true};
        for (size_t done = 0; n == room && done < room; done += 16384)
            append(store, ledger, batch + done, room - done < 16384 ? room - done : 16384);
        n = n == room ? 0 : n;
        must(store_maintain(store, now, &more) == GW_OK, "store_maintain");
    }
    free(batch);
}

static struct cost ours(unsigned sensors, int flush)
{
    static const char *const sources[] = {"bench"};
    struct sensor_table *table = make_sensors(sensors);
    struct ledger *ledger;
    struct store *store;
    char path[256];

    snprintf(path, sizeof(path), "%s/ours.db", folder);
    clock_fake(1, T0);
    must(ledger_create(&ledger, 1) == GW_OK, "ledger_create");
    must(store_open(&store,
                    &(struct store_options){
                        .path = path, .sensors = table, .sources = sources, .ledger = ledger}) ==
             GW_OK,
         "store_open");
    feed(store, ledger, sensors, flush);
    store_close(store);
    ledger_destroy(ledger);
    sensor_table_destroy(table);
    clock_fake_stop();
    struct cost c = cost_of((double)sensors * SECONDS);
    vfs_forget();
    remove_files(path);
    return c;
}

static struct cost naive(unsigned sensors)
{
    int n = sensors * SECONDS < NAIVE_MAX ? (int)sensors * SECONDS : NAIVE_MAX;
    sqlite3_stmt *st;
    sqlite3 *db;
    char path[256];

    snprintf(path, sizeof(path), "%s/naive.db", folder);
    must(sqlite3_open(path, &db) == SQLITE_OK, "sqlite3_open");
    must(sqlite3_exec(db,
                      "CREATE TABLE reading (id INTEGER PRIMARY KEY, sensor INTEGER, time INTEGER,"
                      " value REAL); CREATE INDEX by_sensor ON reading (sensor, time)",
                      NULL, NULL, NULL) == SQLITE_OK,
         "CREATE TABLE");
    must(sqlite3_prepare_v2(db, "INSERT INTO reading (sensor, time, value) VALUES (?, ?, ?)", -1,
                            &st, NULL) == SQLITE_OK,
         "prepare");
    for (int i = 0; i < n; i++) {
        unsigned sensor = (unsigned)i % sensors;
        int second = i / (int)sensors;
        sqlite3_bind_int(st, 1, (int)sensor);
        sqlite3_bind_int64(st, 2, T0 + second * US_PER_SECOND + sensor * 100);
        sqlite3_bind_double(st, 3, value_of(sensor, second));
        must(sqlite3_step(st) == SQLITE_DONE, "INSERT");
        sqlite3_reset(st);
    }
    sqlite3_finalize(st);
    sqlite3_close(db);
    struct cost c = cost_of(n);
    vfs_forget();
    remove_files(path);
    return c;
}

static void compare(unsigned sensors)
{
    static const int flushes[] = {1, 5, 30};
    struct cost bad = naive(sensors);

    for (size_t i = 0; i < sizeof(flushes) / sizeof(flushes[0]); i++) {
        struct cost c = ours(sensors, flushes[i]);
        printf("  %7u %4d s  %8.0f %8.0f %8.0f  %9.0f   %8.0f %9.0f   %6.0f %6.0f\n", sensors,
               flushes[i], c.log, c.file, c.device, c.device * sensors * 86400 / 1e6,
               bad.log + bad.file, bad.device, (bad.log + bad.file) / (c.log + c.file),
               bad.device / c.device);
    }
}

int main(void)
{
    const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    snprintf(folder, sizeof(folder), "%s/sensorgw-wear-XXXXXX", base);
    must(mkdtemp(folder) != NULL, "mkdtemp");
    vfs_install();
    vfs.count_only = true;
    printf(
        "wear: bytes written for each stored reading; %d s of every sensor once a second\n"
        "                   ours, bytes a reading              MB/day   naive, bytes       naive "
        "/ ours\n"
        "  sensors  flush       log     file   blocks     blocks    written    blocks  written "
        "blocks\n",
        SECONDS);
    compare(10);
    compare(100);
    compare(1000);
    printf("  log: the WAL; file: what checkpoints write to the database; blocks: both, in the "
           "4096-byte blocks that reach the device\n");
    vfs_uninstall();
    rmdir(folder);
    return 0;
}
