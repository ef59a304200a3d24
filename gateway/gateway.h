/* SPDX-License-Identifier: Apache-2.0 */
/* The whole gateway: what is started in which order, and how it is stopped again. */
#ifndef SENSORGW_GATEWAY_GATEWAY_H
#define SENSORGW_GATEWAY_GATEWAY_H

#include "config/config.h"
#include "gateway/core/err.h"
#include "gateway/core/ledger.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gateway;
struct health_report;

/* Starts everything that the configuration names: sinks first, sources last. Becomes an owner of
 * the configuration until gateway_stop(). On error the log says why, and nothing is left running.
 * Main thread. */
enum gw_err gateway_start(struct gateway **out, const struct config *config);

/* What a person wants to see while it runs. */
struct gateway_status {
    struct ledger_entry total;
    size_t sensors;          /* known now */
    size_t sources, failing; /* all; those that cannot open their port or connection */
    size_t alerts;           /* active */
    size_t queued;           /* readings waiting for a worker */
    bool has_broker, connected;
    bool storing; /* the last commit succeeded */
};
void gateway_status(struct gateway *g, struct gateway_status *out);

/* How it fares, and why not better (gateway/health.h). Any thread. */
void gateway_health(struct gateway *g, struct health_report *out);

/* Copies what is counted elsewhere (sensors, queue depths and the like) into the metrics; about
 * once a second, and before they are shown. Any thread. */
void gateway_sample(struct gateway *g);

/* Reads the configuration's file anew, in a thread of its own (gateway/reload.h); the log and the
 * health report say what became of it. Any thread. */
void gateway_reload(struct gateway *g);

/* The configuration's level and format of the log; systemd's when it reads standard error. */
void gateway_configure_log(const struct config *c);

/* How it went. `lost` is what the conservation law misses: accepted − committed − Σ dropped, 0
 * unless there is a bug. */
struct gateway_summary {
    struct ledger_entry total;
    struct gateway_source_summary {
        char *name; /* owned */
        struct ledger_entry books;
    } * sources; /* one for each source that there was; owned */
    size_t source_count;
    int64_t alerts_raised, alerts_cleared, alerts_published;
    uint64_t lost;
    int64_t ran_us;
};

/* Stops in the order in which the data flows: sources, queue, workers, writer, publisher, store;
 * within 5 s. Frees the gateway. NULL is ok. summary may be NULL; else free it with
 * gateway_summary_fini(). */
void gateway_stop(struct gateway *g, struct gateway_summary *summary);
void gateway_summary_fini(struct gateway_summary *s);

#endif
