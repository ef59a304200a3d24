/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/source.h"

#include "drivers/backoff.h"
#include "drivers/convert.h"
#include "drivers/counters.h"
#include "drivers/driver.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BACKOFF_FIRST_US (1 * US_PER_SECOND)
#define BACKOFF_CAP_US (30 * US_PER_SECOND)
#define STEADY_US (5 * US_PER_SECOND) /* open that long, the next failure is a new one */
#define IDLE_US US_PER_SECOND         /* the longest sleep, whatever a driver says */
#define OVERRUNS_SAID_US US_PER_MINUTE
#define EMIT_AT_ONCE 64 /* readings that are sorted into lanes in one go */

/* --- life --- */

enum gw_err source_create(struct source **out, const struct source_config *config,
                          const struct source_env *env)
{
    const struct driver *driver = driver_find(config->schema->name);
    if (!driver)
        return GW_ENOENT;
    struct source *s = calloc(1, sizeof(*s));
    if (!s)
        return GW_ENOMEM;
    s->driver = driver;
    s->config = config;
    s->env = env;
    inbox_init(&s->inbox);
    figures_init(&s->figures);
    trace_init(&s->trace);
    pthread_mutex_init(&s->error_lock, NULL);
    atomic_init(&s->status, SOURCE_CLOSED);
    *out = s;
    return GW_OK;
}

void source_destroy(struct source *s)
{
    if (!s)
        return;
    inbox_fini(&s->inbox);
    figures_fini(&s->figures);
    trace_fini(&s->trace);
    pthread_mutex_destroy(&s->error_lock);
    free(s);
}

/* Of the source and of the members of its line. */
static void set_status(struct source *s, enum source_state status)
{
    atomic_store(&s->status, status);
    for (struct source *m = s->members; m; m = m->next_member)
        atomic_store(&m->status, status);
}

/* The first of these that leads the line that s is on too; NULL: none. */
static struct source *find_leader(struct source *const *sources, size_t count,
                                  const struct source *s)
{
    for (size_t k = 0; k < count && s->driver->same_line; k++) {
        struct source *other = sources[k];
        if (!other->leader && other->driver == s->driver &&
            s->driver->same_line(other->config, s->config))
            return other;
    }
    return NULL;
}

void source_group(struct source **sources, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        struct source *s = sources[i];
        struct source *leader = find_leader(sources, i, s);
        if (!leader)
            continue;
        struct source **end = &leader->members;
        while (*end)
            end = &(*end)->next_member;
        *end = s;
        s->leader = leader;
    }
}

static enum gw_err open_driver(struct source *s)
{
    thread_promise(THREAD_SLOW_US); /* a look-up, a slow port */
    enum gw_err err = s->driver->open(s);
    thread_promise(THREAD_PATIENCE_US);

    if (err != GW_OK) {
        set_status(s, SOURCE_FAILED);
        return err;
    }
    pthread_mutex_lock(&s->error_lock);
    s->last_error[0] = s->trouble[0] = '\0';
    pthread_mutex_unlock(&s->error_lock);
    if (atomic_load(&s->status) == SOURCE_FAILED)
        log_info("source %s: open again", s->config->name);
    set_status(s, SOURCE_OPEN);
    atomic_fetch_add(&s->opens, 1);
    metric_add(METRIC_SOURCE_OPENS, 1);
    return GW_OK;
}

/* While the source cannot be opened, its sensors have no value, and say so at their own pace: when
 * a multiple of the period has passed since the last look. */
static void emit_timeouts_of(struct source *s, int64_t now, int64_t last_us)
{
    int64_t wall = clock_wall_us();
    const struct sensor_config *c;

    for (size_t i = 0; (c = source_sensor(s->config, i)); i++) {
        if (c->every_us > 0 && now / c->every_us != last_us / c->every_us)
            source_emit_bad(s, c, wall, QUALITY_TIMEOUT);
    }
}

static void emit_timeouts(struct source *s, int64_t *last_us)
{
    int64_t now = clock_mono_us();

    emit_timeouts_of(s, now, *last_us);
    for (struct source *m = s->members; m; m = m->next_member)
        emit_timeouts_of(m, now, *last_us);
    *last_us = now;
}

/* Sleeps, but not to those who want something done. */
static void rest(struct source *s, int64_t us)
{
    int64_t until = clock_mono_us() + us;

    while (!source_stopping(s) && (us = until - clock_mono_us()) > 0) {
        source_sleep(s, us);
        source_serve(s);
    }
}

/* Polls until the driver fails or the source must stop. */
static void poll_driver(struct source *s)
{
    while (!source_stopping(s)) {
        source_serve(s);
        int64_t now = clock_mono_us();
        int64_t next = now + IDLE_US;
        if (s->driver->poll(s, now, &next) != GW_OK)
            return;
        now = clock_mono_us();
        if (next > now)
            source_sleep(s, next - now < IDLE_US ? next - now : IDLE_US);
    }
}

static void run(void *arg)
{
    struct source *s = arg;
    struct backoff backoff = {
        .first_us = BACKOFF_FIRST_US, .cap_us = BACKOFF_CAP_US, .seed = s->config->index + 1};
    int64_t last_bad_us = clock_mono_us() - 365 * US_PER_DAY; /* all are due at first */

    while (!source_stopping(s)) {
        int64_t opened = clock_mono_us();
        enum gw_err err = open_driver(s);
        if (err == GW_OK) {
            poll_driver(s);
            s->driver->close(s);
            if (source_stopping(s))
                break;
            set_status(s, SOURCE_FAILED);
            if (clock_mono_us() - opened > STEADY_US)
                backoff_reset(&backoff);
        } else {
            emit_timeouts(s, &last_bad_us);
        }
        /* A device file that is not there costs nothing to look for, and when it comes back (an
         * adapter is plugged in again) people stand before it and wait. */
        rest(s, err == GW_ENOENT ? BACKOFF_FIRST_US : backoff_next(&backoff));
    }
    set_status(s, SOURCE_CLOSED);
}

enum gw_err source_start(struct source *s)
{
    enum gw_err err = GW_OK;

    if (!s->leader)
        err = s->driver->poll ? thread_start(&s->thread, s->config->name, run, s) : open_driver(s);
    s->started = err == GW_OK;
    return err;
}

void source_close(struct source *s)
{
    inbox_close(&s->inbox);
}

void source_stop(struct source *s)
{
    source_close(s);
    thread_join(&s->thread);
    if (!s->driver->poll && atomic_exchange(&s->status, SOURCE_CLOSED) == SOURCE_OPEN)
        s->driver->close(s);
}

/* --- services --- */

bool source_stopping(struct source *s)
{
    thread_promise(THREAD_PATIENCE_US);
    return inbox_closed(&s->inbox);
}

bool source_sleep(struct source *s, int64_t us)
{
    thread_promise(us + THREAD_PATIENCE_US);
    return inbox_wait(&s->inbox, us);
}

void source_serve(struct source *s)
{
    thread_promise(THREAD_PATIENCE_US);
    inbox_run(&s->inbox);
}

enum gw_err source_call(struct source *s, struct task *t, int64_t timeout_us)
{
    struct source *owner = s->leader ? s->leader : s;

    return owner->driver->poll ? inbox_call(&owner->inbox, t, timeout_us) : GW_EINVAL;
}

const struct sensor_config *source_sensor(const struct source_config *config, size_t i)
{
    for (size_t d = 0; d < config->device_count; d++) {
        if (i < config->devices[d].sensor_count)
            return &config->devices[d].sensors[i];
        i -= config->devices[d].sensor_count;
    }
    return NULL;
}

/* Into one lane, in order; what does not fit is dropped and counted. */
static void push(struct source *s, size_t lane, const struct reading *readings, size_t n)
{
    const struct source_env *env = s->env;
    size_t pushed = 0;
    enum drop_reason why = DROP_QUEUE_FULL;

    if (s->driver->poll) {
        enum gw_err err = queue_push(env->queue, lane, readings, n, env->push_timeout_ms, &pushed);
        why = err == GW_ECLOSED ? DROP_SHUTDOWN : DROP_QUEUE_FULL;
    } else {
        pushed = queue_try_push(env->queue, lane, readings, n);
    }
    if (pushed == n)
        return;
    ledger_drop(env->ledger, s->config->index, why, n - pushed);
    if (why == DROP_QUEUE_FULL)
        log_warning("source %s: the queue is full: %zu readings dropped", s->config->name,
                    n - pushed);
}

static void emit_some(struct source *s, const struct reading *readings, size_t n)
{
    size_t lanes = queue_lanes(s->env->queue);
    struct reading mine[EMIT_AT_ONCE];

    ledger_accept(s->env->ledger, s->config->index, n);
    for (size_t lane = 0; lane < lanes; lane++) {
        size_t count = 0;
        for (size_t i = 0; i < n; i++) {
            if (readings[i].sensor % lanes != lane)
                continue;
            mine[count] = readings[i];
            mine[count++].source = (uint16_t)s->config->index;
        }
        if (count > 0)
            push(s, lane, mine, count);
    }
}

void source_emit_batch(struct source *s, const struct reading *readings, size_t n)
{
    for (size_t i = 0; i < n; i += EMIT_AT_ONCE)
        emit_some(s, readings + i, n - i < EMIT_AT_ONCE ? n - i : EMIT_AT_ONCE);
}

/* A polled reading is of now, on a clock that does not step; one that is pushed may have been on
 * its way, and its own time is the better one. */
void source_count(struct source *s, const struct sensor_config *c, struct reading *r)
{
    if (c->counter && s->env->counters)
        counters_apply(s->env->counters, c, r, s->driver->poll ? clock_mono_us() : r->time_us);
}

void source_emit_as(struct source *s, const struct sensor_config *c, uint32_t sensor,
                    int64_t time_us, double raw, unsigned flags)
{
    struct reading r = convert_reading(c, sensor, time_us, raw);

    source_count(s, c, &r);
    r.flags |= (uint8_t)flags;
    source_emit_batch(s, &r, 1);
}

void source_emit(struct source *s, const struct sensor_config *c, int64_t time_us, double raw)
{
    source_emit_as(s, c, c->index, time_us, raw, 0);
}

void source_emit_integer(struct source *s, const struct sensor_config *c, int64_t time_us,
                         int64_t raw)
{
    struct reading r = convert_integer(c, c->index, time_us, raw);

    source_count(s, c, &r);
    source_emit_batch(s, &r, 1);
}

void source_emit_bad(struct source *s, const struct sensor_config *c, int64_t time_us,
                     enum quality why)
{
    struct reading r = convert_bad(c->index, time_us, why);

    source_emit_batch(s, &r, 1);
}

void source_reject(struct source *s, enum drop_reason why)
{
    ledger_accept(s->env->ledger, s->config->index, 1);
    ledger_drop(s->env->ledger, s->config->index, why, 1);
}

void source_overrun(struct source *s, uint64_t polls)
{
    int64_t now = clock_mono_us();

    if (polls == 0)
        return;
    uint64_t all = atomic_fetch_add(&s->overruns, polls) + polls;
    metric_add(METRIC_SCANS_SKIPPED, (int64_t)polls);
    if (s->overruns_said && now - s->overruns_said_us < OVERRUNS_SAID_US)
        return;
    log_warning(
        "source %s: %llu poll%s fell out, since those before took too long; `sensorgw check` "
        "says what the line has time for",
        s->config->name, (unsigned long long)(all - s->overruns_said),
        all - s->overruns_said == 1 ? "" : "s");
    s->overruns_said = all;
    s->overruns_said_us = now;
}

void source_error(struct source *s, const char *format, ...)
{
    char text[sizeof(s->last_error)];
    va_list args;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    atomic_fetch_add(&s->errors, 1);
    metric_add(METRIC_SOURCE_ERRORS, 1);
    pthread_mutex_lock(&s->error_lock);
    bool news = strcmp(text, s->last_error) != 0;
    memcpy(s->last_error, text, sizeof(text));
    pthread_mutex_unlock(&s->error_lock);
    if (news)
        log_warning("source %s: %s", s->config->name, text);
}

void source_trouble(struct source *s, const char *text)
{
    pthread_mutex_lock(&s->error_lock);
    snprintf(s->trouble, sizeof(s->trouble), "%s", text ? text : "");
    pthread_mutex_unlock(&s->error_lock);
}
