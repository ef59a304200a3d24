/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/setter.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/core/thread.h"
#include "storage/writer.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_US US_PER_SECOND   /* between two writes of one sensor */
#define TURN_US (5 * US_PER_SECOND) /* for the line's thread to get to it */

struct setter {
    struct plants *plants;
    struct writer *writer;
    pthread_mutex_t lock;
    int64_t *last_us;   /* guarded by lock; by sensor index; 0: never */
    int64_t minute_us;  /* guarded by lock: when `refusals` began to count, monotonic */
    unsigned refusals;  /* guarded by lock: noted since then */
    uint64_t not_noted; /* guarded by lock */
    unsigned busy;      /* guarded by lock: requests under way */
    bool closed;        /* guarded by lock */
    pthread_cond_t idle;
};

struct write_task {
    struct task task; /* first: the task is this */
    struct source *source;
    const struct sensor_config *sensor;
    double value;
    struct source_write *out;
};

static void run(struct task *t)
{
    struct write_task *w = (void *)t; /* what the task is part of, and as such aligned */

    w->source->driver->write(w->source, w->sensor, w->value, w->out);
}

enum gw_err setter_create(struct setter **out, struct plants *plants, size_t sensors,
                          struct writer *writer)
{
    struct setter *s = calloc(1, sizeof(*s));

    if (!s)
        return GW_ENOMEM;
    s->plants = plants;
    s->writer = writer;
    s->last_us = calloc(sensors + 1, sizeof(*s->last_us));
    if (!s->last_us) {
        free(s);
        return GW_ENOMEM;
    }
    pthread_mutex_init(&s->lock, NULL);
    cond_init_monotonic(&s->idle);
    *out = s;
    return GW_OK;
}

void setter_close(struct setter *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->closed = true;
    while (s->busy > 0)
        pthread_cond_wait(&s->idle, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

void setter_destroy(struct setter *s)
{
    if (!s)
        return;
    pthread_cond_destroy(&s->idle);
    pthread_mutex_destroy(&s->lock);
    free(s->last_us);
    free(s);
}

static const struct sensor_config *find(const struct plant *plant, const char *name,
                                        struct source **source)
{
    const struct sensor_config *c;

    for (size_t i = 0; i < plant->config->source_count; i++) {
        *source = plant->sources[i];
        for (size_t k = 0; (c = source_sensor((*source)->config, k)); k++) {
            if (strcmp(c->name, name) == 0)
                return c;
        }
    }
    return NULL;
}

static bool is_early(struct setter *s, const struct sensor_config *c)
{
    int64_t now = clock_mono_us();

    pthread_mutex_lock(&s->lock);
    bool early = s->last_us[c->index] && now - s->last_us[c->index] < INTERVAL_US;
    if (!early)
        s->last_us[c->index] = now;
    pthread_mutex_unlock(&s->lock);
    return early;
}

static enum gw_err refuse(struct source_write *out, enum gw_err err, const char *why)
{
    snprintf(out->why, sizeof(out->why), "%s", why);
    return out->err = err;
}

/* *asked: the source was. */
static enum gw_err set(struct setter *s, const struct plant *plant, const struct setter_request *q,
                       struct source_write *out, bool *asked)
{
    struct source *source = NULL;
    const struct sensor_config *c = find(plant, q->sensor, &source);

    if (!c)
        return refuse(out, GW_ENOENT, "there is no such sensor");
    if (!c->writable || !source->driver->write)
        return refuse(out, GW_EACCES, "the sensor is not \"writable: true\"");
    if (is_early(s, c))
        return refuse(out, GW_EBUSY, "it was set less than a second ago");
    struct write_task task = {
        .task = {.run = run}, .source = source, .sensor = c, .value = q->value, .out = out};
    *asked = true;
    enum gw_err err = source_call(source, &task.task, TURN_US);
    if (err != GW_OK)
        return refuse(out, err, err == GW_ETIMEDOUT ? "its line is too busy" : gw_strerror(err));
    return out->err;
}

/* Whether one more refusal may go into the database in this minute. */
static bool may_note(struct setter *s)
{
    int64_t now = clock_mono_us();
    uint64_t left_out = 0;

    pthread_mutex_lock(&s->lock);
    if (s->minute_us == 0 || now - s->minute_us >= US_PER_MINUTE) {
        left_out = s->not_noted;
        s->not_noted = s->refusals = 0;
        s->minute_us = now;
    }
    bool may = s->refusals < SETTER_REFUSALS;
    if (may)
        s->refusals++;
    else
        s->not_noted++;
    pthread_mutex_unlock(&s->lock);
    if (left_out > 0)
        log_warning("%llu more requests to set sensors were refused, and not noted in the database",
                    (unsigned long long)left_out);
    return may;
}

static void note(struct setter *s, const struct setter_request *q, const struct source_write *w,
                 int64_t time_us)
{
    struct write_event e = {.time_us = time_us, .value = q->value, .read_back = w->value};

    snprintf(e.sensor, sizeof(e.sensor), "%s", q->sensor);
    snprintf(e.origin, sizeof(e.origin), "%s", q->origin);
    snprintf(e.id, sizeof(e.id), "%s", q->id ? q->id : "");
    snprintf(e.error, sizeof(e.error), "%s", w->err == GW_OK ? "" : w->why);
    if (s->writer && writer_note_write(s->writer, &e) != GW_OK)
        log_error("the database does not know that %s was set to %g (%s): too many wait", q->sensor,
                  q->value, q->origin);
}

static void tell(const struct setter_request *q, const struct source_write *w)
{
    if (w->err == GW_OK) {
        metric_add(METRIC_WRITES, 1);
        log_info("%s set to %g (%s)", q->sensor, q->value, q->origin);
    } else {
        metric_add(METRIC_WRITES_FAILED, 1);
        if (q->came)
            log_warning("%s not set (%s): %s: '%s'", q->sensor, q->origin, w->why, q->came);
        else
            log_warning("%s not set to %g (%s): %s", q->sensor, q->value, q->origin, w->why);
    }
}

static bool enter(struct setter *s)
{
    pthread_mutex_lock(&s->lock);
    bool open = !s->closed;
    s->busy += open;
    pthread_mutex_unlock(&s->lock);
    return open;
}

static void leave(struct setter *s)
{
    pthread_mutex_lock(&s->lock);
    if (--s->busy == 0)
        pthread_cond_broadcast(&s->idle);
    pthread_mutex_unlock(&s->lock);
}

void setter_set(struct setter *s, const struct setter_request *q, struct source_write *out)
{
    int64_t now = clock_wall_us();
    bool asked = false;

    *out = (struct source_write){.value = (double)NAN};
    if (!enter(s)) {
        refuse(out, GW_ECLOSED, "the gateway stops");
        return;
    }
    struct plant *plant = plants_hold(s->plants);
    set(s, plant, q, out, &asked);
    plants_release(s->plants, plant);
    tell(q, out);
    if (asked || may_note(s))
        note(s, q, out, now);
    leave(s);
}

void setter_refuse(struct setter *s, const struct setter_request *q, const char *why,
                   struct source_write *out)
{
    *out = (struct source_write){.value = (double)NAN};
    refuse(out, GW_EINVAL, why);
    if (!enter(s))
        return;
    tell(q, out);
    if (may_note(s))
        note(s, q, out, clock_wall_us());
    leave(s);
}
