/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/health.h"

#include "gateway/core/clock.h"
#include "gateway/core/heartbeat.h"
#include "gateway/core/metrics.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <sys/timex.h>

#define MIB (1024.0 * 1024.0)
#define UNITS_AT_ONCE 32
#define MUTE_US (15 * US_PER_SECOND)
#define OUTBOX_MANY 100                      /* messages that wait for the broker */
#define OUTBOX_STUCK_US (60 * US_PER_SECOND) /* connected, and none of them goes */
#define YEAR_2024_US (INT64_C(1704067200) * US_PER_SECOND)

struct health {
    struct health_options o;

    pthread_mutex_t lock;
    /* guarded by lock */
    struct health_report last; /* since when, above all */
    char reload_problem[HEALTH_TEXT];
    int64_t outbox_depth;
    int64_t outbox_moved_us; /* monotonic: when it was empty, or became less, or had no broker */
};

enum gw_err health_create(struct health **out, const struct health_options *options)
{
    struct health *h = calloc(1, sizeof(*h));

    if (!h)
        return GW_ENOMEM;
    h->o = *options;
    pthread_mutex_init(&h->lock, NULL);
    h->outbox_moved_us = clock_mono_us();
    *out = h;
    return GW_OK;
}

void health_destroy(struct health *h)
{
    if (!h)
        return;
    pthread_mutex_destroy(&h->lock);
    free(h);
}

void health_reload(struct health *h, const char *problem)
{
    pthread_mutex_lock(&h->lock);
    snprintf(h->reload_problem, sizeof(h->reload_problem), "%s%.*s",
             problem ? "not reloaded: " : "", problem ? (int)strcspn(problem, "\n") : 0,
             problem ? problem : "");
    pthread_mutex_unlock(&h->lock);
}

/* --- the list --- */

/* What is wrong with `component`, printed; errors are kept in front. */
__attribute__((format(printf, 5, 6))) static void add(struct health_report *r,
                                                      enum health_severity severity,
                                                      const char *component, const char *hint,
                                                      const char *format, ...)
{
    struct health_item item = {.severity = severity, .hint = hint};
    size_t at = r->count;
    va_list args;

    snprintf(item.component, sizeof(item.component), "%s", component);
    va_start(args, format);
    vsnprintf(item.text, sizeof(item.text), format, args);
    va_end(args);
    while (at > 0 && r->items[at - 1].severity < severity)
        at--;
    if (r->count == HEALTH_ITEMS) {
        r->left_out++;
        if (at == HEALTH_ITEMS)
            return;
        r->count--;
    }
    memmove(&r->items[at + 1], &r->items[at], (r->count - at) * sizeof(item));
    r->items[at] = item;
    r->count++;
}

/* --- what is looked at --- */

static void check_threads(struct health_report *r)
{
    struct heartbeat_view late[8];
    int64_t now = clock_mono_us();
    size_t n = heartbeat_late(now, late, 8);

    for (size_t i = 0; i < n && i < 8; i++) {
        char component[64];
        snprintf(component, sizeof(component), "thread %.31s", late[i].name);
        add(r, HEALTH_ERROR, component,
            late[i].is_vital
                ? "restart the gateway; systemd does so when the unit has a WatchdogSec"
                : "the page and its API may not answer, all else goes on; restart the gateway",
            "hangs: it should have been heard of %lld s ago",
            (long long)((now - late[i].due_us) / US_PER_SECOND));
    }
}

static void check_disk(const struct health_options *o, struct health_report *r)
{
    char folder[PATH_MAX];
    struct statvfs fs;

    snprintf(folder, sizeof(folder), "%s", o->database);
    if (statvfs(dirname(folder), &fs) != 0 || fs.f_blocks == 0)
        return;
    double left = (double)fs.f_bavail * (double)fs.f_frsize / MIB;
    double percent = 100.0 * (double)fs.f_bavail / (double)fs.f_blocks;
    if (left < 50 || (left < 1024 && percent < 5))
        add(r, HEALTH_WARNING, "disk", "make room, or lower storage.max_size or storage.retention",
            "nearly full: %.0f MiB (%.1f %%) left for the database", left, percent);
}

static void check_storage(const struct health_options *o, struct health_report *r)
{
    if (!o->storing(o->arg))
        add(r, HEALTH_ERROR, "database",
            "the log says why; look at free space, permissions and the state of the disk",
            "cannot be written: readings wait in memory, and are dropped when it is full");
    check_disk(o, r);
}

static void check_queue(struct queue *q, const char *what, struct health_report *r)
{
    size_t depth = queue_depth(q), capacity = queue_capacity(q);

    if (depth > capacity / 10 * 8)
        add(r, HEALTH_WARNING, what,
            "the disk is too slow for what comes in: poll less often, or use a faster one",
            "nearly full: %zu of %zu", depth, capacity);
}

static void check_refused(const struct health_options *o, struct health_report *r)
{
    char filter[HEALTH_TEXT / 2], others[40] = "";
    size_t n = o->refused ? o->refused(o->arg, filter, sizeof(filter)) : 0;

    if (n > 1)
        snprintf(others, sizeof(others), " and %zu others", n - 1);
    if (n > 0)
        add(r, HEALTH_WARNING, "subscription",
            "allow it in the broker's access list; what comes there is not received",
            "the broker refuses %s%s", filter, others);
}

/* A connection that is lost again and again is told of while there is one, too. */
static void check_connection(const struct health_options *o, bool connected,
                             struct health_report *r)
{
    const char *hint = "look whether the broker runs and can be reached";
    char text[HEALTH_TEXT] = "";
    bool known = o->trouble && o->trouble(o->arg, text, sizeof(text), &hint);

    if (connected && known)
        add(r, HEALTH_WARNING, "broker", hint, "the connection to %s does not last: %s", o->broker,
            text);
    else if (!connected)
        add(r, HEALTH_WARNING, "broker", hint, "not connected to %s%s%s", o->broker,
            known ? ": " : "", text);
}

static void check_broker(struct health *h, struct health_report *r)
{
    int64_t now = clock_mono_us(), depth = metric_get(METRIC_OUTBOX_DEPTH);
    bool connected = h->o.broker && h->o.connected(h->o.arg);

    if (h->o.broker)
        check_connection(&h->o, connected, r);
    check_refused(&h->o, r);
    pthread_mutex_lock(&h->lock);
    if (depth == 0 || depth < h->outbox_depth || !connected)
        h->outbox_moved_us = now;
    h->outbox_depth = depth;
    bool stuck = now - h->outbox_moved_us > OUTBOX_STUCK_US;
    pthread_mutex_unlock(&h->lock);
    if (depth >= OUTBOX_MANY || stuck)
        add(r, HEALTH_WARNING, "outbox", "they are kept, and sent when the broker takes them",
            "%lld alert messages wait for the broker", (long long)depth);
}

static bool is_mute(const struct unit_figures *u, int64_t now)
{
    bool answers =
        u->last == QUALITY_COUNT || u->last == QUALITY_GOOD || u->last == QUALITY_EXCEPTION;

    return !answers && u->asked > 1 && now - u->answered_us > MUTE_US;
}

static void check_units(struct source *s, struct health_report *r)
{
    struct unit_figures units[UNITS_AT_ONCE];
    int64_t now = clock_mono_us();
    size_t n;

    for (size_t first = 0; (n = figures_copy(&s->figures, first, units, UNITS_AT_ONCE)) > 0;
         first += n) {
        for (size_t i = 0; i < n; i++) {
            char component[64];
            if (!is_mute(&units[i], now))
                continue;
            snprintf(component, sizeof(component), "source %.40s unit %u", s->config->name,
                     units[i].unit);
            add(r, HEALTH_WARNING, component,
                "look at its power, its wiring and its unit id; `sensorgw monitor` shows the line",
                units[i].last == QUALITY_CRC ? "answers with damaged frames" : "does not answer");
        }
    }
}

/* The first of what its units refuse: a wrong address in the file, for most. */
static void check_isolated(struct source *s, struct health_report *r)
{
    struct isolated_place places[UNITS_AT_ONCE];
    size_t n = figures_copy_isolated(&s->figures, 0, places, UNITS_AT_ONCE);
    char component[64], others[48] = "";

    if (n == 0)
        return;
    if (n > 1)
        snprintf(others, sizeof(others), ", and %s%zu more", n == UNITS_AT_ONCE ? "at least " : "",
                 n - 1);
    snprintf(component, sizeof(component), "source %.40s registers", s->config->name);
    add(r, HEALTH_WARNING, component,
        "compare the addresses with the device's manual; `sensorgw monitor` lists them",
        "unit %u refuses %s (exception %u)%s", places[0].unit, places[0].place, places[0].exception,
        others);
}

/* What is wrong with one that is open; its files, say. */
static void check_trouble(struct source *s, struct health_report *r)
{
    char component[64], trouble[sizeof(s->trouble)];

    pthread_mutex_lock(&s->error_lock);
    memcpy(trouble, s->trouble, sizeof(trouble));
    pthread_mutex_unlock(&s->error_lock);
    if (!trouble[0])
        return;
    snprintf(component, sizeof(component), "source %.50s", s->config->name);
    add(r, HEALTH_WARNING, component,
        "look at its path, its permissions and what it holds: such a sensor has no value", "%s",
        trouble);
}

static void check_sources(struct plants *plants, struct health_report *r)
{
    struct plant *plant = plants_hold(plants);

    for (size_t i = 0; i < plant->config->source_count; i++) {
        struct source *s = plant->sources[i];
        char component[64], error[sizeof(s->last_error)];
        if (!s)
            continue;
        if (atomic_load(&s->status) != SOURCE_FAILED) {
            check_units(s, r);
            check_isolated(s, r);
            check_trouble(s, r);
            continue;
        }
        pthread_mutex_lock(&s->error_lock);
        memcpy(error, s->last_error, sizeof(error));
        pthread_mutex_unlock(&s->error_lock);
        snprintf(component, sizeof(component), "source %.50s", s->config->name);
        add(r, HEALTH_WARNING, component,
            "look at its port or connection; it is opened again as soon as that works", "%s",
            error[0] ? error : "cannot be opened");
    }
    plants_release(plants, plant);
}

/* In a sandbox that forbids adjtimex(2) nobody knows: then only an impossible time is told. */
static void check_clock(struct health_report *r)
{
    struct timex t = {0};

    if (clock_wall_us() < YEAR_2024_US)
        add(r, HEALTH_WARNING, "clock", "connect it to a time server, or fit a clock module",
            "not set: readings get wrong times");
    else if (adjtimex(&t) == TIME_ERROR)
        add(r, HEALTH_WARNING, "clock",
            "look whether systemd-timesyncd or chrony runs and reaches a time server",
            "not synchronised");
}

static void check_reload(struct health *h, struct health_report *r)
{
    char problem[HEALTH_TEXT];

    pthread_mutex_lock(&h->lock);
    memcpy(problem, h->reload_problem, sizeof(problem));
    pthread_mutex_unlock(&h->lock);
    if (problem[0])
        add(r, HEALTH_WARNING, "configuration",
            "mend the file, look at it with `sensorgw check`, and reload", "%s", problem);
}

/* --- the report --- */

static int64_t since_of(const struct health_report *last, const struct health_item *item)
{
    for (size_t i = 0; i < last->count; i++) {
        if (strcmp(last->items[i].component, item->component) == 0)
            return last->items[i].since_us;
    }
    return clock_wall_us();
}

void health_check(struct health *h, struct health_report *out)
{
    out->count = out->left_out = 0;
    check_threads(out);
    check_storage(&h->o, out);
    check_queue(h->o.readings, "reading queue", out);
    check_queue(h->o.records, "record queue", out);
    check_broker(h, out);
    check_sources(h->o.plants, out);
    check_clock(out);
    check_reload(h, out);
    pthread_mutex_lock(&h->lock);
    for (size_t i = 0; i < out->count; i++)
        out->items[i].since_us = since_of(&h->last, &out->items[i]);
    h->last = *out;
    pthread_mutex_unlock(&h->lock);
}
