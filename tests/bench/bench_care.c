/* SPDX-License-Identifier: Apache-2.0 */
/* How long housekeeping keeps the writer from its queue: 2,000 readings a second into a file of ten
 * million, with an hour to close, readings that come late, and as many rows to remove as come in;
 * first alone, then beside two busy threads and a reader that reads all there is. A second of
 * readings is stored as fast as it goes, so there is more to do than in a second of life. The
 * folder of the first argument holds the file meanwhile (default: /tmp). */
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "storage/query.h"
#include "storage/span.h"
#include "storage/store.h"
#include "tests/bench/bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define SENSORS 2000
#define ROWS 10000000
#define HOUR_END (INT64_C(1790000000) / 3600 * 3600 * US_PER_SECOND)
#define BEFORE 120 /* seconds of readings around the end of an hour that are measured */
#define AFTER 600
#define LATE_EVERY 30 /* seconds */
#define MAX_CALLS 100000

static const char *const sources[] = {"bench"};
static char path[300];
static atomic_bool loaded;

static void must(enum gw_err err, const char *what)
{
    if (err == GW_OK)
        return;
    fprintf(stderr, "bench_care: %s: %s\n", what, gw_strerror(err));
    exit(1);
}

static struct sensor_table *make_sensors(void)
{
    struct sensor_table *table;
    char name[32];
    uint32_t index;

    must(sensor_table_create(&table, SENSORS), "sensor_table_create");
    for (unsigned i = 0; i < SENSORS; i++) {
        snprintf(name, sizeof(name), "bench/s%u", i);
        struct sensor s = {.name = name, .unit = "V", .device = "bench"};
        must(sensor_table_add(table, &s, &index), "sensor_table_add");
    }
    return table;
}

static struct record record(uint32_t sensor, int64_t time_us)
{
    return (struct record){
        .reading = {.time_us = time_us + sensor * 450,
                    .value = 20 + (double)((sensor * 37 + time_us / 1000) % 1000) / 64,
                    .sensor = sensor},
        .has_reading = true};
}

static void append_second(struct store *store, int64_t time_us)
{
    static struct record batch[SENSORS];

    for (uint32_t i = 0; i < SENSORS; i++)
        batch[i] = record(i, time_us);
    must(store_append(store, batch, SENSORS, NULL), "store_append");
}

static void maintain_all(struct store *store, int64_t wall_us)
{
    bool more = true;

    while (more)
        must(store_maintain(store, wall_us, &more), "store_maintain");
}

static void fill(struct store *store, int64_t from, int64_t to)
{
    for (; from < to; from += US_PER_SECOND) {
        append_second(store, from);
        if (from % (60 * US_PER_SECOND) == 0)
            maintain_all(store, from);
    }
}

struct times {
    double ms[MAX_CALLS];
    size_t n, above_100, above_200;
};

static void note(struct times *t, double began)
{
    double ms = (bench_now() - began) * 1e3;

    t->above_100 += ms > 100;
    t->above_200 += ms > 200;
    if (t->n < MAX_CALLS)
        t->ms[t->n++] = ms;
}

static void print(const char *what, struct times *t)
{
    double median = bench_median(t->ms, t->n);

    printf("  %-14s %5zu calls, median %6.1f ms, 99 %% %6.1f ms, longest %6.1f ms;"
           " above 100 ms: %zu, above 200 ms: %zu\n",
           what, t->n, median, t->ms[t->n * 99 / 100], t->ms[t->n - 1], t->above_100, t->above_200);
}

/* Around the end of an hour. */
static void measure(struct store *store, const char *name, int64_t hour_end)
{
    static struct times care, commit;
    int64_t from = hour_end - BEFORE * US_PER_SECOND, to = hour_end + AFTER * US_PER_SECOND;
    bool more;

    care = commit = (struct times){0};
    for (int64_t t = from; t < to; t += US_PER_SECOND) {
        double began = bench_now();
        append_second(store, t);
        if (t / US_PER_SECOND % LATE_EVERY == 0) {
            struct record late = record(7, t - 2 * US_PER_MINUTE + 1);
            must(store_append(store, &late, 1, NULL), "store_append");
        }
        note(&commit, began);
        began = bench_now();
        must(store_maintain(store, t, &more), "store_maintain");
        note(&care, began);
    }
    printf("%s:\n", name);
    print("housekeeping", &care);
    print("storing", &commit);
}

static void *be_busy(void *arg)
{
    volatile uint64_t *x = arg;

    while (atomic_load(&loaded))
        ++*x;
    return NULL;
}

static bool is_loaded(void *arg, const struct latest_row *row)
{
    (void)arg;
    (void)row;
    return atomic_load(&loaded);
}

static void *read_on(void *arg)
{
    struct query *q;

    must(query_open(&q, path), path);
    const struct readings_request r = {.until_us = INT64_MAX, .each = is_loaded};
    while (atomic_load(&loaded))
        must(query_readings(q, &r), "query_readings");
    query_close(q);
    return arg;
}

static void measure_loaded(struct store *store, int64_t hour_end)
{
    static uint64_t counts[2];
    pthread_t threads[3];

    atomic_store(&loaded, true);
    if (pthread_create(&threads[0], NULL, be_busy, &counts[0]) != 0 ||
        pthread_create(&threads[1], NULL, be_busy, &counts[1]) != 0 ||
        pthread_create(&threads[2], NULL, read_on, NULL) != 0)
        exit(1);
    measure(store, "beside two busy threads and a reader", hour_end);
    atomic_store(&loaded, false);
    for (size_t i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

int main(int argc, char **argv)
{
    struct sensor_table *table = make_sensors();
    int64_t span_us = ROWS / SENSORS * US_PER_SECOND, before_us = BEFORE * US_PER_SECOND;
    struct store *store;
    char command[sizeof(path) + 16];

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    snprintf(path, sizeof(path), "%s/bench-care-%d.db", argc < 2 ? "/tmp" : argv[1], getpid());
    const struct store_options options = {
        .path = path, .sensors = table, .sources = sources, .raw_us = span_us};
    must(store_open(&store, &options), path);
    fill(store, HOUR_END - span_us - before_us, HOUR_END - before_us);
    puts("care: 2,000 sensors, 10 million readings, as many to remove as come in");
    measure(store, "alone", HOUR_END);
    fill(store, HOUR_END + AFTER * US_PER_SECOND, HOUR_END + US_PER_HOUR - before_us);
    measure_loaded(store, HOUR_END + US_PER_HOUR);
    store_close(store);
    sensor_table_destroy(table);
    snprintf(command, sizeof(command), "rm -f %s*", path);
    return system(command) != 0;
}
