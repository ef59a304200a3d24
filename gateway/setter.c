/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/setter.h"

#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/core/metrics.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INTERVAL_US US_PER_SECOND   /* between two writes of one sensor */
#define TURN_US (5 * US_PER_SECOND) /* for the line's thread to get to it */

struct setter {
    const struct config *config;
    struct source *const *sources;
    size_t writable;
    pthread_mutex_t lock;
    int64_t *last_us; /* guarded by lock; by sensor index; 0: never */
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
    struct write_task *w = (struct write_task *)t;

    w->source->driver->write(w->source, w->sensor, w->value, w->out);
}

enum gw_err setter_create(struct setter **out, const struct config *config,
                          struct source *const *sources)
{
    struct setter *s = calloc(1, sizeof(*s));
    const struct sensor_config *c;

    if (!s)
        return GW_ENOMEM;
    s->config = config;
    s->sources = sources;
    s->last_us = calloc(config->sensor_count + 1, sizeof(*s->last_us));
    if (!s->last_us) {
        free(s);
        return GW_ENOMEM;
    }
    pthread_mutex_init(&s->lock, NULL);
    for (size_t i = 0; i < config->source_count; i++) {
        for (size_t k = 0; (c = source_sensor(&config->sources[i], k)); k++)
            s->writable += c->writable;
    }
    *out = s;
    return GW_OK;
}

void setter_destroy(struct setter *s)
{
    if (!s)
        return;
    pthread_mutex_destroy(&s->lock);
    free(s->last_us);
    free(s);
}

bool setter_has_any(const struct setter *s)
{
    return s->writable > 0;
}

static const struct sensor_config *find(const struct setter *s, const char *name,
                                        struct source **source)
{
    const struct sensor_config *c;

    for (size_t i = 0; i < s->config->source_count; i++) {
        *source = s->sources[i];
        for (size_t k = 0; (c = source_sensor(&s->config->sources[i], k)); k++) {
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

static enum gw_err set(struct setter *s, const char *name, double value, struct source_write *out)
{
    struct source *source = NULL;
    const struct sensor_config *c = find(s, name, &source);

    if (!c)
        return refuse(out, GW_ENOENT, "there is no such sensor");
    if (!c->writable || !source->driver->write)
        return refuse(out, GW_EACCES, "the sensor is not \"writable: true\"");
    if (is_early(s, c))
        return refuse(out, GW_EBUSY, "it was set less than a second ago");
    struct write_task task = {
        .task = {.run = run}, .source = source, .sensor = c, .value = value, .out = out};
    enum gw_err err = source_call(source, &task.task, TURN_US);
    if (err != GW_OK)
        return refuse(out, err, err == GW_ETIMEDOUT ? "its line is too busy" : gw_strerror(err));
    return out->err;
}

void setter_set(struct setter *s, const char *sensor, double value, const char *origin,
                struct source_write *out)
{
    *out = (struct source_write){.value = (double)NAN};
    if (set(s, sensor, value, out) == GW_OK) {
        metric_add(METRIC_WRITES, 1);
        log_info("%s set to %g (%s)", sensor, value, origin);
    } else {
        metric_add(METRIC_WRITES_FAILED, 1);
        log_warning("%s not set to %g (%s): %s", sensor, value, origin, out->why);
    }
}
