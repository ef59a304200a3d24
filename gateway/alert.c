/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/alert.h"

#include "gateway/alert_book.h"
#include "gateway/core/metrics.h"
#include "gateway/core/thread.h"
#include "gateway/made.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

void book_restore_watch(struct alert_book *b, struct watch *w)
{
    const char *name = sensor_table_get(b->sensors, w->sensor)->name;

    for (size_t i = 0; i < b->restored_count; i++) {
        struct restored *r = &b->restored[i];
        struct watched *item =
            strcmp(r->sensor_name, name) == 0 ? watch_find(w, r->change.rule) : NULL;
        if (item && !atomic_exchange(&r->taken, true))
            watch_restore(item, &r->change, r->mono_us, r->wall_us);
    }
}

struct watch *book_watch(struct alert_book *b, size_t lane, uint32_t sensor)
{
    struct lane *l = &b->lanes[lane];
    size_t slot = sensor / b->lane_count;
    if (slot >= b->per_lane)
        return NULL;
    struct watch *w = l->watches[slot];
    const struct sensor *s = w ? NULL : sensor_table_get(b->sensors, sensor);
    if (!s || s->gone)
        return w;
    w = watch_create(l->rules->config, sensor, s->name, b->start_mono_us);
    if (w)
        book_restore_watch(b, w);
    l->watches[slot] = w;
    return w;
}

/* --- life --- */

static enum gw_err make_lanes(struct alert_book *b, size_t lanes)
{
    b->lane_count = lanes;
    b->lanes = calloc(lanes, sizeof(*b->lanes));
    for (size_t i = 0; b->lanes && i < lanes; i++)
        b->lanes[i].rules = ruleset_hold(b->newest);
    if (!b->lanes)
        return GW_ENOMEM;
    for (size_t i = 0; i < lanes; i++) {
        b->lanes[i].adopted = b->newest->number;
        b->lanes[i].watches = calloc(b->per_lane, sizeof(struct watch *));
        b->lanes[i].orders = orders_create();
        if (!b->lanes[i].watches || !b->lanes[i].orders)
            return GW_ENOMEM;
    }
    for (uint32_t s = 0; s < sensor_table_count(b->sensors); s++) {
        if (!book_watch(b, s % lanes, s))
            return GW_ENOMEM;
    }
    return GW_OK;
}

enum gw_err alert_book_create(struct alert_book **out, const struct config *config,
                              struct sensor_table *sensors, size_t lanes, int64_t first_id,
                              int64_t now_mono_us)
{
    if (lanes == 0)
        return GW_EINVAL;
    struct alert_book *b = calloc(1, sizeof(*b));
    if (!b)
        return GW_ENOMEM;
    b->sensors = sensors;
    b->per_lane = sensor_table_capacity(sensors) / lanes + 1;
    b->start_mono_us = now_mono_us;
    atomic_init(&b->next_id, first_id);
    pthread_mutex_init(&b->lock, NULL);
    cond_init_monotonic(&b->adopted);
    if (ruleset_create(&b->newest, config, sensors, NULL) != GW_OK ||
        make_lanes(b, lanes) != GW_OK) {
        alert_book_destroy(b);
        return GW_ENOMEM;
    }
    atomic_store(&b->newest_number, b->newest->number);
    *out = b;
    return GW_OK;
}

static void free_lane(struct lane *lane, size_t slots)
{
    for (size_t i = 0; lane->watches && i < slots; i++)
        free(lane->watches[i]);
    free(lane->watches);
    orders_destroy(lane->orders);
    ruleset_release(lane->rules);
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
    ruleset_release(b->newest);
    pthread_cond_destroy(&b->adopted);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

/* --- what was when it last stopped --- */

bool book_may_watch(const struct alert_book *b, const struct config *config, const char *rule,
                    const char *sensor_name)
{
    uint32_t sensor = sensor_table_find(b->sensors, sensor_name);
    const struct sensor *s = sensor_table_get(b->sensors, sensor);
    bool may_exist = s ? !s->gone : made_by(config, sensor_name, NULL) != NULL;

    return may_exist && watch_rule(config, rule, sensor_name);
}

static enum gw_err keep_restored(struct alert_book *b, const struct alert_change *change,
                                 const char *sensor_name, int64_t mono_us, int64_t wall_us)
{
    struct restored *grown = realloc(b->restored, (b->restored_count + 1) * sizeof(*grown));

    if (!grown)
        return GW_ENOMEM;
    b->restored = grown;
    struct restored *r = &grown[b->restored_count];
    *r = (struct restored){.change = *change,
                           .sensor_name = strdup(sensor_name),
                           .mono_us = mono_us,
                           .wall_us = wall_us};
    r->change.next = NULL;
    if (!r->sensor_name)
        return GW_ENOMEM;
    b->restored_count++;
    return GW_OK;
}

enum gw_err alert_book_restore(struct alert_book *b, const struct alert_change *change,
                               const char *sensor_name, int64_t now_mono_us, int64_t now_wall_us)
{
    if (!book_may_watch(b, b->newest->config, change->rule, sensor_name))
        return GW_ENOENT;
    if (change->alert_id != 0) {
        atomic_fetch_add(&b->active, 1);
        metric_set(METRIC_ALERTS_ACTIVE, (int64_t)alert_book_active(b));
    }
    uint32_t sensor = sensor_table_find(b->sensors, sensor_name);
    if (sensor == SENSOR_NONE)
        return keep_restored(b, change, sensor_name, now_mono_us, now_wall_us);
    struct watch *w = book_watch(b, sensor % b->lane_count, sensor);
    struct watched *item = w ? watch_find(w, change->rule) : NULL;
    if (!item)
        return GW_ENOMEM;
    watch_restore(item, change, now_mono_us, now_wall_us);
    return GW_OK;
}

void alert_book_seen(struct alert_book *b, uint32_t sensor)
{
    struct watch *w = book_watch(b, sensor % b->lane_count, sensor);

    if (w)
        watch_note_seen(w);
}

/* --- questions --- */

size_t alert_book_active(const struct alert_book *b)
{
    return atomic_load(&b->active);
}

static void add_limit(struct alert_limit *out, size_t max, size_t *n,
                      const struct alert_limit *limit)
{
    if (isnan(limit->value))
        return;
    if (*n < max)
        out[*n] = *limit;
    ++*n;
}

size_t alert_limits(const struct config *config, const char *sensor, struct alert_limit *out,
                    size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < config->rule_count; i++) {
        const struct rule_config *rule = &config->rules[i];
        if (rule->kind != RULE_LEVEL || !watch_takes(rule, sensor))
            continue;
        for (int s = SEVERITY_WARNING; s <= SEVERITY_CRITICAL; s++) {
            struct alert_limit limit = {rule->name, (enum severity)s, false, rule->high[s]};
            add_limit(out, max, &n, &limit);
            limit.is_low = true;
            limit.value = rule->low[s];
            add_limit(out, max, &n, &limit);
        }
    }
    return n;
}
