/* SPDX-License-Identifier: Apache-2.0 */
/* Worker threads: each drains one lane of the shared queue in batches, judges the readings by their
 * rules, keeps the live values, and hands records to the writer. */
#ifndef SENSORGW_GATEWAY_WORKER_H
#define SENSORGW_GATEWAY_WORKER_H

#include "gateway/alert.h"
#include "gateway/core/err.h"
#include "gateway/core/ledger.h"
#include "gateway/core/queue.h"
#include "gateway/core/sensor.h"
#include "gateway/live.h"

#include <stddef.h>
#include <stdint.h>

struct worker_pool;

/* All borrowed; must outlive the pool. */
struct worker_options {
    struct queue *readings; /* one worker for each of its lanes */
    struct queue *records;  /* one lane of struct record */
    struct alert_book *alerts;
    struct live *live;
    struct ledger *ledger;
    struct sensor_table *sensors;
    /* Sees each batch before it goes to the writer; must not block. NULL: nobody. */
    void (*on_readings)(void *arg, const struct reading *readings, size_t n);
    void *arg;
};

enum gw_err workers_start(struct worker_pool **out, const struct worker_options *options);

/* Waits until all have drained their lanes (the readings queue must be closed) and frees the pool.
 * Workers wait for a slow writer as long as the record queue is open; what they hold when it is
 * closed is counted as DROP_STORE_FAILED. NULL is ok. */
void workers_join(struct worker_pool *p);

#endif
