/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/ledger.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

/* One cache line each: sources count in threads of their own. */
struct books {
    _Alignas(64) _Atomic uint64_t accepted;
    _Atomic uint64_t committed;
    _Atomic uint64_t dropped[DROP_REASON_COUNT];
};

struct ledger {
    size_t sources;
    struct books books[];
};

enum gw_err ledger_create(struct ledger **out, size_t sources)
{
    size_t bytes = sizeof(struct ledger) + sources * sizeof(struct books);
    struct ledger *l = aligned_alloc(64, (bytes + 63) / 64 * 64);

    if (!l)
        return GW_ENOMEM;
    l->sources = sources;
    for (size_t i = 0; i < sources; i++) {
        atomic_init(&l->books[i].accepted, 0);
        atomic_init(&l->books[i].committed, 0);
        for (int why = 0; why < DROP_REASON_COUNT; why++)
            atomic_init(&l->books[i].dropped[why], 0);
    }
    *out = l;
    return GW_OK;
}

void ledger_destroy(struct ledger *l)
{
    free(l);
}

void ledger_accept(struct ledger *l, uint32_t source, uint64_t n)
{
    assert(source < l->sources);
    atomic_fetch_add(&l->books[source].accepted, n);
}

void ledger_commit(struct ledger *l, uint32_t source, uint64_t n)
{
    assert(source < l->sources);
    atomic_fetch_add(&l->books[source].committed, n);
}

void ledger_drop(struct ledger *l, uint32_t source, enum drop_reason why, uint64_t n)
{
    assert(source < l->sources && why < DROP_REASON_COUNT);
    atomic_fetch_add(&l->books[source].dropped[why], n);
}

size_t ledger_sources(const struct ledger *l)
{
    return l->sources;
}

struct ledger_entry ledger_get(const struct ledger *l, uint32_t source)
{
    assert(source < l->sources);
    const struct books *b = &l->books[source];
    struct ledger_entry e;

    e.committed = atomic_load(&b->committed);
    for (int why = 0; why < DROP_REASON_COUNT; why++)
        e.dropped[why] = atomic_load(&b->dropped[why]);
    e.accepted = atomic_load(&b->accepted);
    return e;
}

struct ledger_entry ledger_total(const struct ledger *l)
{
    struct ledger_entry total = {0};

    for (uint32_t i = 0; i < l->sources; i++) {
        struct ledger_entry e = ledger_get(l, i);
        total.accepted += e.accepted;
        total.committed += e.committed;
        for (int why = 0; why < DROP_REASON_COUNT; why++)
            total.dropped[why] += e.dropped[why];
    }
    return total;
}

uint64_t ledger_dropped(const struct ledger_entry *e)
{
    uint64_t sum = 0;

    for (int why = 0; why < DROP_REASON_COUNT; why++)
        sum += e->dropped[why];
    return sum;
}

uint64_t ledger_in_flight(const struct ledger_entry *e)
{
    return e->accepted - e->committed - ledger_dropped(e);
}

static const struct {
    const char *name, *help;
} reasons[DROP_REASON_COUNT] = {
#define X(code, name_, help_) [code] = {.name = (name_), .help = (help_)},
    GW_DROP_REASONS(X)
#undef X
};

const char *drop_reason_name(enum drop_reason why)
{
    return why < DROP_REASON_COUNT ? reasons[why].name : "unknown";
}

const char *drop_reason_help(enum drop_reason why)
{
    return why < DROP_REASON_COUNT ? reasons[why].help : "";
}
