/* SPDX-License-Identifier: Apache-2.0 */
/* Questions to a file of ten million readings: 1,000 sensors, each every 10 s with a little jitter,
 * for 28 hours, their minutes, and a year of hours; and to one of 2,000 readings a second. Prints
 * each figure beside its target. The files are kept in the folder of the first argument (default: a
 * temporary one, removed at the end), since making them takes a minute. */
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "storage/db.h"
#include "storage/query.h"
#include "storage/schema.h"
#include "storage/span.h"
#include "tests/bench/bench.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define YEAR (365 * US_PER_DAY)

struct plan {
    const char *name;
    int64_t sensors, period_us, span_us;
    int64_t newest_us; /* end of the readings */
};

static void must(enum gw_err err, const char *what)
{
    if (err == GW_OK)
        return;
    fprintf(stderr, "bench_query: %s: %s\n", what, gw_strerror(err));
    exit(1);
}

static void run_sql(sqlite3 *db, const char *sql, const struct plan *p)
{
    sqlite3_stmt *st = NULL;
    int64_t steps = p->span_us / p->period_us;

    must(db_prepare(db, &st, sql), sql);
    const struct {
        const char *name;
        int64_t value;
    } values[] = {{":sensors", p->sensors}, {":period", p->period_us},
                  {":steps", steps},        {":first", p->newest_us - p->span_us},
                  {":last", p->newest_us},  {":year", floor_to(p->newest_us, US_PER_HOUR) - YEAR}};
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        int index = sqlite3_bind_parameter_index(st, values[i].name);
        if (index > 0)
            sqlite3_bind_int64(st, index, values[i].value);
    }
    must(db_finish(st), sql);
    sqlite3_finalize(st);
}

/* Each sensor has a phase of its own within the period, and up to 4 ms of jitter. */
static const char *const fill[] = {
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :sensors)"
    " INSERT INTO sensor (id, name, unit, source, device, first_seen)"
    " SELECT i, printf('plant%d/s%d', i % 10, i), '°C', 'bus', printf('plant%d', i % 10), :first"
    " FROM n",
    "WITH RECURSIVE t(k) AS (SELECT 0 UNION ALL SELECT k + 1 FROM t WHERE k < :steps - 1)"
    " INSERT INTO reading (time, sensor_id, value, quality)"
    " SELECT :first + k * :period + :period * s.id / :sensors + (k * 7919 + s.id * 104729) % 4000,"
    " s.id, 20 + (k + s.id * 37) % 1000 / 10.0, 0 FROM t CROSS JOIN sensor s",
    "INSERT INTO reading_minute (minute, sensor_id, min, max, sum, count, bad)"
    " SELECT time / 60000000 * 60000000 AS m, sensor_id, min(value), max(value), sum(value),"
    " count(value), sum(value IS NULL) FROM reading GROUP BY m, sensor_id",
    "WITH RECURSIVE t(h) AS (SELECT :year UNION ALL SELECT h + 3600000000 FROM t"
    " WHERE h + 3600000000 < :last)"
    " INSERT INTO reading_hour (sensor_id, hour, min, max, sum, count, bad)"
    " SELECT s.id, h, 20, 120, 70 * 360, 360, 0 FROM sensor s CROSS JOIN t",
    "INSERT INTO sensor_latest (sensor_id, time, value, quality)"
    " SELECT sensor_id, time, value, quality FROM reading"
    " WHERE time >= :last - 2 * :period GROUP BY sensor_id HAVING time = max(time)",
    "INSERT INTO rollup_pending VALUES (60000000, (:last - 1) / 60000000 * 60000000, 0)",
    "INSERT INTO rollup_pending VALUES (3600000000, (:last - 1) / 3600000000 * 3600000000, 1)",
};

static void make(const char *path, const struct plan *p)
{
    sqlite3 *db;
    double began = bench_now();

    if (sqlite3_open(path, &db) != SQLITE_OK)
        exit(1);
    must(db_exec(db, "PRAGMA page_size = 4096; PRAGMA auto_vacuum = INCREMENTAL;"
                     "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF"),
         path);
    must(schema_migrate(db, 0), path);
    must(db_exec(db, "BEGIN"), path);
    for (size_t i = 0; i < sizeof(fill) / sizeof(fill[0]); i++)
        run_sql(db, fill[i], p);
    must(db_exec(db, "COMMIT; PRAGMA journal_mode = WAL"), path);
    db_close(db);
    fprintf(stderr, "(made %s in %.0f s)\n", path, bench_now() - began);
}

static bool count_latest(void *arg, const struct latest_row *row)
{
    size_t *rows = arg;

    (void)row;
    ++*rows;
    return true;
}

static bool count_history(void *arg, const struct history_row *row)
{
    size_t *rows = arg;

    (void)row;
    ++*rows;
    return true;
}

struct question {
    const char *name;
    double target_ms;
    int64_t span_us, every_us;
    size_t points; /* 0: history */
};

static size_t ask(struct query *q, const struct question *question, int64_t now_us)
{
    const struct history_request r = {.sensor = "plant7/s377",
                                      .since_us = now_us - question->span_us,
                                      .until_us = now_us,
                                      .every_us = question->every_us};
    size_t rows = 0;
    struct series s;

    if (question->span_us == 0) {
        must(query_latest(q, NULL, count_latest, &rows), question->name);
    } else if (question->points == 0) {
        must(query_history(q, &r, count_history, &rows), question->name);
    } else {
        must(query_series(q, r.sensor, r.since_us, r.until_us, question->points, &s),
             question->name);
        rows = s.count;
        series_fini(&s);
    }
    return rows;
}

static void time_question(const char *path, const struct question *question, int64_t now_us)
{
    double ms[BENCH_RUNS], cpu[BENCH_RUNS];
    size_t rows = 0;
    struct query *q;

    for (int i = 0; i < BENCH_RUNS; i++) {
        double began = bench_now(), cpu_began = bench_cpu();
        must(query_open(&q, path), path);
        rows = ask(q, question, now_us);
        query_close(q);
        ms[i] = (bench_now() - began) * 1e3;
        cpu[i] = (bench_cpu() - cpu_began) * 1e3;
    }
    double median = bench_median(ms, BENCH_RUNS);
    printf("  %-48s %5zu rows %8.1f ms, CPU %7.1f ms (target %.0f)%s\n", question->name, rows,
           median, bench_median(cpu, BENCH_RUNS), question->target_ms,
           median <= question->target_ms ? "" : "  MISSED");
}

static const struct question questions[] = {
    {"last values of all sensors", 50, 0, 0, 0},
    {"one sensor, last hour, every reading", 50, US_PER_HOUR, 0, 0},
    {"one sensor, last hour, a chart of 1,000 points", 50, US_PER_HOUR, 0, 1000},
    {"one sensor, one day at 5 minutes", 200, US_PER_DAY, 5 * US_PER_MINUTE, 0},
    {"one sensor, one day, a chart of 1,000 points", 200, US_PER_DAY, 0, 1000},
    {"one sensor, a year by hour", 50, YEAR, US_PER_HOUR, 0},
    {"one sensor, a year, a chart of 1,000 points", 300, YEAR, 0, 1000},
};

static void measure(const char *folder, const struct plan *p)
{
    char path[256];

    snprintf(path, sizeof(path), "%s/%s.db", folder, p->name);
    if (access(path, R_OK) != 0)
        make(path, p);
    printf("%s: %lld sensors, %.0f readings/s, %.1f million readings\n", p->name,
           (long long)p->sensors, (double)p->sensors * 1e6 / (double)p->period_us,
           (double)(p->sensors * (p->span_us / p->period_us)) / 1e6);
    for (size_t i = 0; i < sizeof(questions) / sizeof(questions[0]); i++)
        time_question(path, &questions[i], p->newest_us);
}

int main(int argc, char **argv)
{
    const struct plan plans[] = {
        {"typical", 1000, 10 * US_PER_SECOND, 28 * US_PER_HOUR, INT64_C(1790000000000000)},
        {"busy", 2000, US_PER_SECOND, 5000 * US_PER_SECOND, INT64_C(1790000000000000)},
    };
    char folder[] = "/tmp/sensorgw-bench-XXXXXX", command[64];

    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    if (argc < 2 && !mkdtemp(folder))
        return 1;
    puts("query: medians of 5, opening the file included; it is in the page cache");
    for (size_t i = 0; i < sizeof(plans) / sizeof(plans[0]); i++)
        measure(argc < 2 ? folder : argv[1], &plans[i]);
    snprintf(command, sizeof(command), "rm -r %s", folder);
    return argc < 2 && system(command) != 0;
}
