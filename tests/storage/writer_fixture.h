/* SPDX-License-Identifier: Apache-2.0 */
/* A writer between a queue of records and the fixture's store. Header only. */
#ifndef SENSORGW_TESTS_STORAGE_WRITER_FIXTURE_H
#define SENSORGW_TESTS_STORAGE_WRITER_FIXTURE_H

#include "gateway/core/queue.h"
#include "storage/writer.h"
#include "tests/storage/fixture.h"

#define SOON_US (60 * US_PER_SECOND) /* bound of every wait */

struct writer_rig {
    struct fixture *f;
    struct queue *records;
    struct writer *writer;
};

/* `o` with what the fixture has. */
static void rig_start(struct writer_rig *rig, struct fixture *f, struct writer_options o)
{
    *rig = (struct writer_rig){.f = f};
    fixture_open(f);
    assert_int_equal(queue_create(&rig->records, 1, 64, sizeof(struct record)), GW_OK);
    o.store = f->store;
    o.records = rig->records;
    o.ledger = f->ledger;
    o.sensors = f->sensors;
    assert_int_equal(writer_start(&rig->writer, &o), GW_OK);
}

static void rig_stop(struct writer_rig *rig, int64_t give_up_us)
{
    queue_close(rig->records);
    writer_stop(rig->writer, give_up_us);
    queue_destroy(rig->records);
}

static void push(struct writer_rig *rig, struct record r)
{
    if (r.has_reading)
        ledger_accept(rig->f->ledger, r.reading.sensor % 2, 1);
    assert_int_equal(queue_push(rig->records, 0, &r, 1, 60000, NULL), GW_OK);
}

static void push_readings(struct writer_rig *rig, int64_t from, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        push(rig, good(i % SENSORS, from + i, i));
}

static bool wait_for_rows(const struct writer_rig *rig, const char *sql, int64_t rows)
{
    int64_t end = clock_mono_us() + SOON_US;

    while (sql_int(rig->f, sql) < rows) {
        if (clock_mono_us() > end)
            return false;
        clock_sleep_us(5 * US_PER_MS);
    }
    return true;
}

static bool wait_until_healthy(const struct writer_rig *rig, bool healthy)
{
    int64_t end = clock_mono_us() + SOON_US;

    while (writer_healthy(rig->writer) != healthy) {
        if (clock_mono_us() > end)
            return false;
        clock_sleep_us(5 * US_PER_MS);
    }
    return true;
}

#endif
