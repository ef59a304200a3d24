/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/alert.h"

#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/rule.h"

#include <assert.h>
#include <fnmatch.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A sensor's rules with their states. */
struct watch {
    uint32_t sensor;
    size_t count;
    struct {
        const struct rule_config *rule;
        struct rule_state state;
    } items[];
};

struct lane {
    struct watch **watches; /* by sensor index / lanes; NULL: not seen yet */
};

/* An alert of an earlier run whose sensor has not been seen in this one. */
struct restored {
    struct alert_change change;
    char *sensor_name;
};

struct alert_book {
    /* set once */
    const struct config *config;
    struct sensor_table *sensors;
    size_t lane_count;
    size_t per_lane; /* sensors that a lane may have */
    int64_t start_mono_us;
    struct restored *restored; /* complete before the workers start */
    size_t restored_count;

    atomic_int_least64_t next_id;
    atomic_size_t active;

    struct lane *lanes; /* each the worker's own */
};

static bool rule_watches(const struct rule_config *rule, const char *sensor_name)
{
    return fnmatch(rule->sensor, sensor_name, 0) == 0;
}

static struct watch *new_watch(const struct alert_book *b, uint32_t sensor, const char *name)
{
    const struct config *c = b->config;
    size_t count = 0;

    for (size_t i = 0; i < c->rule_count; i++)
        count += rule_watches(&c->rules[i], name);
    struct watch *w = calloc(1, sizeof(*w) + count * sizeof(w->items[0]));
    if (!w)
        return NULL;
    w->sensor = sensor;
    for (size_t i = 0; i < c->rule_count; i++) {
        if (rule_watches(&c->rules[i], name)) {
            w->items[w->count].state.seen_mono_us = b->start_mono_us;
            w->items[w->count++].rule = &c->rules[i];
        }
    }
    return w;
}

static void restore_state(struct rule_state *state, const struct alert_change *change)
{
    state->alert_id = change->alert_id;
    state->since_us = change->since_us;
    state->severity = change->severity;
    state->limit = change->limit;
}

static void restore_watch(const struct alert_book *b, struct watch *w, const char *name)
{
    for (size_t i = 0; i < b->restored_count; i++) {
        const struct restored *r = &b->restored[i];
        for (size_t k = 0; k < w->count; k++) {
            if (strcmp(r->sensor_name, name) == 0 &&
                strcmp(r->change.rule, w->items[k].rule->name) == 0)
                restore_state(&w->items[k].state, &r->change);
        }
    }
}

/* The sensor's watch, made at first sight; NULL without memory or for an unknown sensor. */
static struct watch *watch_of(struct alert_book *b, size_t lane, uint32_t sensor)
{
    size_t slot = sensor / b->lane_count;
    if (slot >= b->per_lane)
        return NULL;
    struct watch **w = &b->lanes[lane].watches[slot];
    if (*w)
        return *w;
    const struct sensor *s = sensor_table_get(b->sensors, sensor);
    if (!s)
        return NULL;
    *w = new_watch(b, sensor, s->name);
    if (*w)
        restore_watch(b, *w, s->name);
    return *w;
}

static enum gw_err make_lanes(struct alert_book *b)
{
    b->lanes = calloc(b->lane_count, sizeof(*b->lanes));
    if (!b->lanes)
        return GW_ENOMEM;
    for (size_t i = 0; i < b->lane_count; i++) {
        b->lanes[i].watches = calloc(b->per_lane, sizeof(*b->lanes[i].watches));
        if (!b->lanes[i].watches)
            return GW_ENOMEM;
    }
    for (uint32_t s = 0; s < sensor_table_count(b->sensors); s++) {
        if (!watch_of(b, s % b->lane_count, s))
            return GW_ENOMEM;
    }
    return GW_OK;
}

enum gw_err alert_book_create(struct alert_book **out, const struct config *config,
                              struct sensor_table *sensors, size_t lanes, int64_t first_id,
                              int64_t now_mono_us)
{
    struct alert_book *b = calloc(1, sizeof(*b));
    if (!b)
        return GW_ENOMEM;
    b->config = config;
    b->sensors = sensors;
    b->lane_count = lanes;
    b->per_lane = sensor_table_capacity(sensors) / lanes + 1;
    b->start_mono_us = now_mono_us;
    atomic_init(&b->next_id, first_id);
    if (make_lanes(b) != GW_OK) {
        alert_book_destroy(b);
        return GW_ENOMEM;
    }
    *out = b;
    return GW_OK;
}

static void free_lane(struct lane *lane, size_t slots)
{
    if (!lane->watches)
        return;
    for (size_t i = 0; i < slots; i++)
        free(lane->watches[i]);
    free(lane->watches);
}

void alert_book_destroy(struct alert_book *b)
{
    if (!b)
        return;
    for (size_t i = 0; b->lanes && i < b->lane_count; i++)
        free_lane(&b->lanes[i], b->per_lane);
    free(b->lanes);
    for (size_t i = 0; i < b->restored_count; i++)
        free(b->restored[i].sensor_name);
    free(b->restored);
    free(b);
}

/* Does any source of this configuration have, or may it still create, a sensor of that name? */
static bool may_exist(const struct alert_book *b, const char *sensor_name)
{
    if (sensor_table_find(b->sensors, sensor_name) != SENSOR_NONE)
        return true;
    for (size_t i = 0; i < b->config->source_count; i++) {
        const struct source_config *s = &b->config->sources[i];
        size_t length = strlen(s->name);
        if (s->schema->wildcard_names && strncmp(sensor_name, s->name, length) == 0 &&
            sensor_name[length] == '/')
            return true;
    }
    return false;
}

static bool is_watched(const struct alert_book *b, const char *rule, const char *sensor_name)
{
    for (size_t i = 0; i < b->config->rule_count; i++) {
        if (strcmp(b->config->rules[i].name, rule) == 0)
            return rule_watches(&b->config->rules[i], sensor_name);
    }
    return false;
}

enum gw_err alert_book_restore(struct alert_book *b, const struct alert_change *change,
                               const char *sensor_name)
{
    if (!is_watched(b, change->rule, sensor_name) || !may_exist(b, sensor_name))
        return GW_ENOENT;
    struct restored *grown = realloc(b->restored, (b->restored_count + 1) * sizeof(*grown));
    if (!grown)
        return GW_ENOMEM;
    b->restored = grown;
    struct restored *r = &grown[b->restored_count];
    *r = (struct restored){.change = *change, .sensor_name = strdup(sensor_name)};
    r->change.next = NULL;
    if (!r->sensor_name)
        return GW_ENOMEM;
    b->restored_count++;
    atomic_fetch_add(&b->active, 1);
    metric_set(METRIC_ALERTS_ACTIVE, (int64_t)alert_book_active(b));

    uint32_t sensor = sensor_table_find(b->sensors, sensor_name);
    if (sensor != SENSOR_NONE) {
        size_t lane = sensor % b->lane_count;
        restore_watch(b, b->lanes[lane].watches[sensor / b->lane_count], sensor_name);
    }
    return GW_OK;
}

static void log_event(const struct sensor *s, const struct rule_config *rule,
                      const struct rule_event *e)
{
    const char *unit = s->unit[0] ? s->unit : "";
    const char *space = s->unit[0] ? " " : "";
    enum log_level level = e->state == ALERT_CLEARED ? LOG_LEVEL_INFO : LOG_LEVEL_WARNING;

    if (rule->kind == RULE_STALE)
        LOG_AT(level, "alert %s: %s %s: no good value for %g s", alert_state_name(e->state),
               s->name, rule->name, e->limit);
    else
        LOG_AT(level, "alert %s (%s): %s %s: value %g%s%s, limit %g", alert_state_name(e->state),
               severity_name(e->severity), s->name, rule->name, e->value, space, unit, e->limit);
}

static void count_event(struct alert_book *b, const struct rule_event *e)
{
    if (e->state == ALERT_RAISED) {
        atomic_fetch_add(&b->active, 1);
        metric_add(METRIC_ALERTS_RAISED, 1);
    } else if (e->state == ALERT_CLEARED) {
        atomic_fetch_sub(&b->active, 1);
        metric_add(METRIC_ALERTS_CLEARED, 1);
    }
    metric_set(METRIC_ALERTS_ACTIVE, (int64_t)alert_book_active(b));
}

/* Makes the transition that goes to the writer, and numbers a new alert. */
static struct alert_change *new_change(struct alert_book *b, const struct watch *w,
                                       const struct rule_config *rule, struct rule_state *state,
                                       const struct rule_event *e)
{
    struct alert_change *change = calloc(1, sizeof(*change));

    if (!change) {
        log_error("out of memory: an alert of rule %s is lost", rule->name);
        return NULL;
    }
    if (e->state == ALERT_RAISED)
        state->alert_id = atomic_fetch_add(&b->next_id, 1);
    change->alert_id = state->alert_id;
    change->time_us = e->time_us;
    change->since_us = state->since_us;
    change->value = e->value;
    change->limit = e->limit;
    change->sensor = w->sensor;
    change->state = (uint8_t)e->state;
    change->severity = (uint8_t)e->severity;
    snprintf(change->rule, sizeof(change->rule), "%s", rule->name);
    count_event(b, e);
    log_event(sensor_table_get(b->sensors, w->sensor), rule, e);
    return change;
}

struct alert_change *alert_book_eval(struct alert_book *b, size_t lane, const struct reading *r,
                                     int64_t now_mono_us)
{
    struct watch *w = watch_of(b, lane, r->sensor);
    struct alert_change *first = NULL, **end = &first;
    struct rule_event event;

    for (size_t i = 0; w && i < w->count; i++) {
        if (!rule_eval(w->items[i].rule, &w->items[i].state, r, now_mono_us, &event))
            continue;
        *end = new_change(b, w, w->items[i].rule, &w->items[i].state, &event);
        if (*end)
            end = &(*end)->next;
    }
    return first;
}

struct alert_change *alert_book_tick(struct alert_book *b, size_t lane, int64_t now_mono_us,
                                     int64_t now_wall_us)
{
    struct alert_change *first = NULL, **end = &first;
    struct rule_event event;

    for (size_t slot = 0; slot < b->per_lane; slot++) {
        struct watch *w = b->lanes[lane].watches[slot];
        for (size_t i = 0; w && i < w->count; i++) {
            if (!rule_tick(w->items[i].rule, &w->items[i].state, now_mono_us, now_wall_us, &event))
                continue;
            *end = new_change(b, w, w->items[i].rule, &w->items[i].state, &event);
            if (*end)
                end = &(*end)->next;
        }
    }
    return first;
}

size_t alert_book_active(const struct alert_book *b)
{
    return atomic_load(&b->active);
}
