/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/replay.h"

#include "gateway/alert.h"
#include "gateway/core/clock.h"

#include <stdbool.h>
#include <stdlib.h>

#define MORE_SENSORS 10000 /* that only the data name */
#define TICK_US US_PER_SECOND

struct replay {
    const struct config *config;
    replay_fn *fn;
    void *arg;
    struct sensor_table *sensors;
    struct alert_book *book; /* NULL: no reading yet */
    bool has_expressions;
    bool is_touched;    /* somebody has the book: time may bring more than the rules know of */
    int64_t longest_us; /* after that long without a transition time alone brings none */

    int64_t mono_us;  /* the clock */
    int64_t ahead_us; /* of the wall clock */
    int64_t tick_us;  /* mono: the next one */
    int64_t quiet_us; /* mono: the last transition or reading */
};

/* --- life --- */

static int64_t longer(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t longest_of(const struct config *c)
{
    int64_t longest = 0;

    for (size_t i = 0; i < c->rule_count; i++) {
        const struct rule_config *rule = &c->rules[i];
        longest = longer(longest, rule->for_us);
        longest = longer(longest, rule->stale_us); /* very negative when it is not one */
        longest = longer(longest, rule->repeat_us);
        longest = longer(longest, rule->max_per_us);
        longest = longer(longest, rule->max_age_us);
    }
    return longest + 2 * TICK_US;
}

static enum gw_err add_sensors(struct replay *p)
{
    for (size_t i = 0; i < p->config->source_count; i++) {
        const struct source_config *source = &p->config->sources[i];
        for (size_t d = 0; d < source->device_count; d++) {
            const struct device_config *device = &source->devices[d];
            for (size_t k = 0; k < device->sensor_count; k++) {
                const struct sensor_config *c = &device->sensors[k];
                struct sensor s = {.name = c->name, .unit = c->unit, .device = device->name};
                uint32_t index;
                if (c->index != SENSOR_NONE &&
                    sensor_table_add(p->sensors, &s, &index) == GW_ENOMEM)
                    return GW_ENOMEM;
            }
        }
    }
    return GW_OK;
}

enum gw_err replay_create(struct replay **out, const struct config *config, replay_fn *fn,
                          void *arg)
{
    struct replay *p = calloc(1, sizeof(*p));

    if (!p)
        return GW_ENOMEM;
    p->config = config;
    p->fn = fn;
    p->arg = arg;
    p->longest_us = longest_of(config);
    for (size_t i = 0; i < config->rule_count; i++)
        p->has_expressions = p->has_expressions || config->rules[i].kind == RULE_EXPRESSION;
    enum gw_err err = sensor_table_create(&p->sensors, config->sensor_limit + MORE_SENSORS);
    if (err == GW_OK)
        err = add_sensors(p);
    if (err != GW_OK) {
        replay_destroy(p);
        return err;
    }
    *out = p;
    return GW_OK;
}

void replay_destroy(struct replay *p)
{
    if (!p)
        return;
    alert_book_destroy(p->book);
    sensor_table_destroy(p->sensors);
    free(p);
}

/* --- the clock --- */

static void give(struct replay *p, struct alert_change *list)
{
    for (const struct alert_change *c = list; c; c = c->next)
        p->fn(p->arg, sensor_table_get(p->sensors, c->sensor), c);
    if (list)
        p->quiet_us = p->mono_us;
    alert_change_free(list);
}

static void tick(struct replay *p)
{
    give(p, alert_book_tick(p->book, 0, p->mono_us, p->mono_us + p->ahead_us));
}

/* Ticks at all whole seconds before mono_us, and moves there. */
static void run_to(struct replay *p, int64_t mono_us)
{
    if (p->has_expressions && mono_us > p->mono_us)
        tick(p); /* what the last readings make of them */
    while (p->tick_us < mono_us) {
        p->mono_us = p->tick_us;
        p->tick_us += TICK_US;
        tick(p);
        if (!p->is_touched &&
            p->mono_us - p->quiet_us > p->longest_us) /* a gap in which nothing can happen */
            p->tick_us = longer(p->tick_us, mono_us - mono_us % TICK_US);
    }
    p->mono_us = longer(p->mono_us, mono_us);
}

static enum gw_err start(struct replay *p, int64_t time_us)
{
    p->mono_us = p->quiet_us = time_us - p->ahead_us;
    p->tick_us = p->mono_us + TICK_US;
    return alert_book_create(&p->book, p->config, p->sensors, 1, 1, p->mono_us);
}

/* --- the data --- */

enum gw_err replay_reading(struct replay *p, const char *sensor, const char *unit,
                           struct reading *r)
{
    struct sensor s = {.name = sensor, .unit = unit, .device = ""};
    enum gw_err err;

    if (!p->book && (err = start(p, r->time_us)) != GW_OK)
        return err;
    err = sensor_table_add(p->sensors, &s, &r->sensor);
    if (err != GW_OK && err != GW_EEXIST)
        return err;
    run_to(p, r->time_us - p->ahead_us);
    p->quiet_us = p->mono_us;
    give(p, alert_book_eval(p->book, 0, r, p->mono_us));
    return GW_OK;
}

struct sensor_table *replay_sensors(struct replay *p)
{
    return p->sensors;
}

void replay_until(struct replay *p, int64_t time_us)
{
    if (!p->book && start(p, time_us) != GW_OK)
        return;
    run_to(p, time_us - p->ahead_us);
    tick(p);
}

/* --- tests --- */

void replay_step(struct replay *p, int64_t us)
{
    p->ahead_us += us;
}

enum gw_err replay_restart(struct replay *p, int64_t next_id)
{
    alert_book_destroy(p->book);
    p->book = NULL;
    return alert_book_create(&p->book, p->config, p->sensors, 1, next_id, p->mono_us);
}

struct alert_book *replay_book(struct replay *p)
{
    p->is_touched = true;
    return p->book;
}

int64_t replay_mono_us(const struct replay *p)
{
    return p->mono_us;
}

int64_t replay_wall_us(const struct replay *p)
{
    return p->mono_us + p->ahead_us;
}
