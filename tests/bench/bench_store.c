/* SPDX-License-Identifier: Apache-2.0 */
/* store_append beside a bare SQLite loop that writes the same rows to the same table with the same
 * settings, and what each reading costs on disk. The bare loop stores readings and nothing else: no
 * latest values, roll-ups, ledger or search for duplicates. */
#include "gateway/core/clock.h"
#include "gateway/core/ledger.h"
#include "gateway/core/log.h"
#include "storage/store.h"
#include "tests/bench/bench.h"

#include <math.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SENSORS 1000
#define READINGS 1000000
#define BATCH 10000
#define ROWS 50 /* in one INSERT of the bare loop, as in the store */

static const char *const source_names[] = {"bench"};

struct result {
    double rate;    /* readings a second */
    double cpu;     /* seconds for 100,000 readings */
    double bytes;   /* in the file, for each reading */
    double written; /* to the file and its log, for each reading */
};

static void must(int ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "bench_store: %s failed\n", what);
    exit(1);
}

/* Bytes that this process has given to write(2) so far. */
static double bytes_written(void)
{
    char line[128];
    double bytes = 0;
    FILE *file = fopen("/proc/self/io", "r");

    if (!file)
        return (double)NAN;
    while (fgets(line, sizeof(line), file)) {
        if (sscanf(line, "wchar: %lf", &bytes) == 1)
            break;
    }
    fclose(file);
    return bytes;
}

static void make_batch(struct record *batch, size_t from)
{
    for (size_t i = 0; i < BATCH; i++) {
        size_t n = from + i;
        batch[i] = (struct record){
            .reading = {.time_us = INT64_C(1700000000000000) + (int64_t)n * 1000,
                        .value = 20 + (double)(n * 7919 % 1000) / 64,
                        .sensor = (uint32_t)(n % SENSORS)},
            .has_reading = true,
        };
    }
}

static struct sensor_table *make_sensors(void)
{
    struct sensor_table *table;
    char name[32];
    uint32_t index;

    must(sensor_table_create(&table, SENSORS) == GW_OK, "sensor_table_create");
    for (int i = 0; i < SENSORS; i++) {
        snprintf(name, sizeof(name), "bench/s%d", i);
        struct sensor s = {.name = name, .unit = "V", .device = "bench"};
        must(sensor_table_add(table, &s, &index) == GW_OK, "sensor_table_add");
    }
    return table;
}

static void store_all(const char *path, struct record *batch)
{
    struct sensor_table *sensors = make_sensors();
    struct ledger *ledger;
    struct store *store;

    must(ledger_create(&ledger, 1) == GW_OK, "ledger_create");
    must(store_open(&store, &(struct store_options){.path = path,
                                                    .sensors = sensors,
                                                    .sources = source_names,
                                                    .ledger = ledger}) == GW_OK,
         "store_open");
    for (size_t n = 0; n < READINGS; n += BATCH) {
        make_batch(batch, n);
        ledger_accept(ledger, 0, BATCH);
        must(store_append(store, batch, BATCH, NULL) == GW_OK, "store_append");
    }
    store_close(store);
    struct ledger_entry total = ledger_total(ledger);
    must(total.committed == READINGS, "storing every reading");
    ledger_destroy(ledger);
    sensor_table_destroy(sensors);
}

static void bare_insert(sqlite3 *db, sqlite3_stmt *st, const struct record *batch)
{
    must(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK, "BEGIN");
    for (size_t i = 0; i < BATCH; i += ROWS) {
        for (size_t k = 0; k < ROWS; k++) {
            const struct reading *r = &batch[i + k].reading;
            int at = (int)k * 4;
            sqlite3_bind_int64(st, at + 1, r->time_us);
            sqlite3_bind_int64(st, at + 2, r->sensor + 1);
            sqlite3_bind_double(st, at + 3, r->value);
            sqlite3_bind_int(st, at + 4, r->quality);
        }
        must(sqlite3_step(st) == SQLITE_DONE, "INSERT");
        sqlite3_reset(st);
    }
    must(sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) == SQLITE_OK, "COMMIT");
}

static void bare_all(const char *path, struct record *batch)
{
    char sql[1024] = "INSERT OR IGNORE INTO reading (time, sensor_id, value, quality) VALUES ";
    sqlite3 *db;
    sqlite3_stmt *st;

    must(sqlite3_open(path, &db) == SQLITE_OK, "sqlite3_open");
    must(sqlite3_exec(db,
                      "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;"
                      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"
                      "PRAGMA journal_size_limit = 4194304; PRAGMA secure_delete = OFF;"
                      "PRAGMA temp_store = MEMORY; PRAGMA mmap_size = 0;"
                      "CREATE TABLE reading (time INTEGER NOT NULL, sensor_id INTEGER NOT NULL,"
                      " value, quality INTEGER NOT NULL, PRIMARY KEY (time, sensor_id))"
                      " WITHOUT ROWID",
                      NULL, NULL, NULL) == SQLITE_OK,
         "CREATE TABLE");
    for (int i = 0; i < ROWS; i++)
        strcat(sql, i ? ",(?,?,?,?)" : "(?,?,?,?)");
    must(sqlite3_prepare_v2(db, sql, -1, &st, NULL) == SQLITE_OK, "prepare");
    for (size_t n = 0; n < READINGS; n += BATCH) {
        make_batch(batch, n);
        bare_insert(db, st, batch);
    }
    sqlite3_finalize(st);
    must(sqlite3_close(db) == SQLITE_OK, "sqlite3_close");
}

static struct result measure(void (*write_all)(const char *, struct record *), const char *folder)
{
    static struct record batch[BATCH];
    char path[256], side[300];
    struct stat st;

    snprintf(path, sizeof(path), "%s/bench.db", folder);
    double wrote = bytes_written(), cpu = bench_cpu(), start = bench_now();
    write_all(path, batch);
    struct result r = {.rate = READINGS / (bench_now() - start),
                       .cpu = (bench_cpu() - cpu) * 1e5 / READINGS,
                       .written = (bytes_written() - wrote) / READINGS};
    must(stat(path, &st) == 0, "stat");
    r.bytes = (double)st.st_size / READINGS;
    static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(side, sizeof(side), "%s%s", path, suffixes[i]);
        unlink(side);
    }
    return r;
}

static void report(const char *name, const struct result *runs, struct result *median)
{
    double rate[BENCH_RUNS], cpu[BENCH_RUNS];

    for (size_t i = 0; i < BENCH_RUNS; i++) {
        rate[i] = runs[i].rate;
        cpu[i] = runs[i].cpu;
    }
    *median = (struct result){.rate = bench_median(rate, BENCH_RUNS),
                              .cpu = bench_median(cpu, BENCH_RUNS),
                              .bytes = runs[0].bytes,
                              .written = runs[0].written};
    printf("  %-20s %8.0f readings/s, %.3f CPU s per 100,000, %.1f bytes each in the file, %.1f "
           "written with the log\n",
           name, median->rate, median->cpu, median->bytes, median->written);
}

int main(void)
{
    struct result store_runs[BENCH_RUNS], bare_runs[BENCH_RUNS], store, bare;
    const char *base = getenv("TMPDIR");
    char folder[200];

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    snprintf(folder, sizeof(folder), "%s/sensorgw-bench-XXXXXX", base ? base : "/tmp");
    must(mkdtemp(folder) != NULL, "mkdtemp");
    /* In turns, so that a slow moment of the disk meets both. */
    for (size_t i = 0; i < BENCH_RUNS; i++) {
        bare_runs[i] = measure(bare_all, folder);
        store_runs[i] = measure(store_all, folder);
    }
    rmdir(folder);
    printf("store: %d readings of %d sensors, %d a transaction, synchronous=FULL, median of %d "
           "runs\n",
           READINGS, SENSORS, BATCH, BENCH_RUNS);
    report("bare SQLite loop", bare_runs, &bare);
    report("store_append", store_runs, &store);
    printf("  ratio %.2f of the bare loop\n", store.rate / bare.rate);
    return 0;
}
