/* SPDX-License-Identifier: Apache-2.0 */
/* The conservation law's books: for each source, accepted = committed + Σ dropped{reason} + in
 * flight. "Accepted" is counted once for each reading or message that a driver got hold of, before
 * anything can go wrong with it; every way out is either "committed" or one of the reasons. All
 * functions may be called from any thread. */
#ifndef SENSORGW_CORE_LEDGER_H
#define SENSORGW_CORE_LEDGER_H

#include "gateway/core/err.h"

#include <stddef.h>
#include <stdint.h>

#define GW_DROP_REASONS(X)                                                                         \
    X(DROP_QUEUE_FULL, "queue_full", "did not fit into the shared queue")                          \
    X(DROP_BAD_PAYLOAD, "bad_payload", "message or line held no usable value")                     \
    X(DROP_OVERSIZE, "oversize", "message or line was longer than allowed")                        \
    X(DROP_SENSOR_LIMIT, "sensor_limit", "would have created more sensors than allowed")           \
    X(DROP_DUPLICATE, "duplicate", "same sensor and time as a stored reading")                     \
    X(DROP_STORE_FAILED, "store_failed", "the database could not take it")                         \
    X(DROP_DISK_FULL, "disk_full", "there was no room for it on the disk")                         \
    X(DROP_SHUTDOWN, "shutdown", "arrived after the queue was closed")

enum drop_reason {
#define X(code, name, help) code,
    GW_DROP_REASONS(X)
#undef X
        DROP_REASON_COUNT
};

struct ledger_entry {
    uint64_t accepted;
    uint64_t committed;
    uint64_t dropped[DROP_REASON_COUNT];
};

struct ledger;

enum gw_err ledger_create(struct ledger **out, size_t sources);
void ledger_destroy(struct ledger *l);

void ledger_accept(struct ledger *l, uint32_t source, uint64_t n);
void ledger_commit(struct ledger *l, uint32_t source, uint64_t n);
void ledger_drop(struct ledger *l, uint32_t source, enum drop_reason why, uint64_t n);

size_t ledger_sources(const struct ledger *l);
/* A source's books now. Ways out are read before `accepted`, so in flight never comes out negative.
 */
struct ledger_entry ledger_get(const struct ledger *l, uint32_t source);
struct ledger_entry ledger_total(const struct ledger *l);
uint64_t ledger_dropped(const struct ledger_entry *e);   /* Σ over the reasons */
uint64_t ledger_in_flight(const struct ledger_entry *e); /* accepted − committed − Σ dropped */

const char *drop_reason_name(enum drop_reason why); /* "queue_full", …; static */
const char *drop_reason_help(enum drop_reason why);

#endif
