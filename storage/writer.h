/* SPDX-License-Identifier: Apache-2.0 */
/* The writer thread: record queue → one transaction per flush → store. The only thread that touches
 * the writing store while the gateway runs. */
#ifndef SENSORGW_STORAGE_WRITER_H
#define SENSORGW_STORAGE_WRITER_H

#include "gateway/core/err.h"
#include "gateway/core/ledger.h"
#include "gateway/core/queue.h"
#include "storage/store.h"

#include <stdbool.h>
#include <stdint.h>

struct writer;

struct writer_options {
    struct store *store;   /* borrowed until writer_stop() has returned */
    struct queue *records; /* one lane of struct record; the writer takes over what it pops */
    struct ledger *ledger;
    struct sensor_table *sensors;
    int64_t flush_us; /* the most time that an accepted reading waits for its commit */
    size_t batch; /* records that force a flush however young they are: bounds memory; 0: 16384 */
    /* Called in the writer's thread after a commit that added rows to the outbox. Must not block.
     * NULL: nobody. */
    void (*on_outbox)(void *arg);
    /* A transition could not be committed for WRITER_PATIENCE_US: publish it now, marked as not
     * durable. It will still be committed (and published again, with the same id) when the store is
     * back. Called once for each; borrowed for the call. */
    void (*on_not_durable)(void *arg, const struct alert_change *change);
    void *arg;
};

#define WRITER_PATIENCE_US 200000
#define WRITER_EARLY_FLUSH_US 100000 /* transitions force a flush, at most this often */

enum gw_err writer_start(struct writer **out, const struct writer_options *options);

/* Hands over the broker's answer for an outbox row; goes into the next transaction. Any thread;
 * never blocks. GW_EFULL: say it again later. */
enum gw_err writer_outbox_done(struct writer *w, const struct outbox_result *result);

/* Hands over that a sensor was set, or was not; copied, goes into the next transaction, which it
 * does not hurry. Any thread; never blocks. GW_EFULL: too many wait already. */
enum gw_err writer_note_write(struct writer *w, const struct write_event *event);

/* False while commits fail. Any thread. */
bool writer_healthy(struct writer *w);

/* Returns when the (closed) queue is drained and the last flush is committed, or given up after
 * give_up_us; what could not be stored is counted as DROP_STORE_FAILED. Frees the writer. NULL is
 * ok. */
void writer_stop(struct writer *w, int64_t give_up_us);

#endif
