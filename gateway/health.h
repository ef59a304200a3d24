/* SPDX-License-Identifier: Apache-2.0 */
/* How the gateway fares, and why it does not fare well: a list of what is wrong, each with since
 * when and what to do. "unhealthy" is a gateway that cannot do its own work (it cannot store, a
 * thread hangs); what is wrong around it (the broker, a device, the clock) makes it "degraded". */
#ifndef SENSORGW_GATEWAY_HEALTH_H
#define SENSORGW_GATEWAY_HEALTH_H

#include "gateway/core/err.h"
#include "gateway/core/queue.h"
#include "gateway/plant.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HEALTH_ITEMS 48
#define HEALTH_TEXT 240

enum health_severity { HEALTH_WARNING, HEALTH_ERROR };

struct health_item {
    char component[64]; /* "database", "broker", "source rs485", "thread writer", … */
    enum health_severity severity;
    int64_t since_us; /* UTC: when it was seen first */
    char text[HEALTH_TEXT];
    const char *hint; /* what to do; static */
};

struct health_report {
    struct health_item items[HEALTH_ITEMS]; /* errors first */
    size_t count;
    size_t left_out; /* beyond those */
};

struct health;

/* All borrowed; must outlive it. */
struct health_options {
    const char *database; /* path */
    struct plants *plants;
    struct queue *readings, *records;
    const char *broker; /* its URL, for people; NULL without one */
    bool (*storing)(void *arg);
    bool (*connected)(void *arg);
    /* Subscriptions that the broker refuses, the first in `filter`; NULL without a broker. */
    size_t (*refused)(void *arg, char *filter, size_t size);
    /* What keeps the gateway from the broker, and what to do (static); false: not known. NULL
     * without a broker. */
    bool (*trouble)(void *arg, char *text, size_t size, const char **hint);
    void *arg;
};

enum gw_err health_create(struct health **out, const struct health_options *options);
void health_destroy(struct health *h); /* NULL is ok */

/* Looks at everything now. Any thread. */
void health_check(struct health *h, struct health_report *out);

/* The last reload failed for that reason (its first line is kept), or went well: NULL. Any thread.
 */
void health_reload(struct health *h, const char *problem);

/* "healthy", "degraded" or "unhealthy". */
const char *health_state(const struct health_report *r);
bool health_is_bad(const struct health_report *r); /* unhealthy */
const char *health_severity_name(enum health_severity severity);

/* One line: the state, and the first of what is wrong. Returns buf. */
const char *health_line(const struct health_report *r, char buf[static HEALTH_TEXT]);
/* The state in the first line, then a line for each problem. */
void health_write_text(const struct health_report *r, FILE *f);
/* {"state": …, "problems": [{"component", "severity", "since", "text", "hint"}]}. Returns owned
 * (free()), NULL without memory. */
char *health_json(const struct health_report *r);

#endif
