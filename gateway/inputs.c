/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/inputs.h"

#include "config/expr.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* What is known of a sensor's index. */
enum { UNKNOWN, UNWANTED, WANTED /* and its slot */ };

struct slot {
    const char *sensor;       /* borrowed from an expression */
    double value;             /* NAN: bad now */
    int64_t time_us, mono_us; /* of the newest good value; mono_us INT64_MIN: none yet */
    uint64_t version;
};

struct binding {
    const struct rule_config *rule;
    size_t slots[EXPR_INPUTS_MAX];
};

struct inputs {
    /* set once */
    struct sensor_table *sensors;
    struct binding *bindings; /* by rule */
    size_t slot_count;

    uint16_t *wanted; /* by sensor; each the lane's own */

    pthread_mutex_t lock;
    struct slot *slots; /* guarded by lock, but for their names */
    uint64_t version;   /* guarded by lock */
};

static size_t slot_of(struct inputs *in, const char *sensor)
{
    size_t i = 0;

    while (i < in->slot_count && strcmp(in->slots[i].sensor, sensor) != 0)
        i++;
    if (i == in->slot_count)
        in->slots[in->slot_count++] =
            (struct slot){.sensor = sensor, .value = (double)NAN, .mono_us = INT64_MIN};
    return i;
}

static void bind_rules(struct inputs *in, const struct config *config)
{
    for (size_t i = 0; i < config->rule_count; i++) {
        const struct rule_config *rule = &config->rules[i];
        in->bindings[i].rule = rule;
        for (size_t k = 0; rule->kind == RULE_EXPRESSION && k < rule->expr->input_count; k++)
            in->bindings[i].slots[k] = slot_of(in, rule->expr->inputs[k]);
    }
}

enum gw_err inputs_create(struct inputs **out, const struct config *config,
                          struct sensor_table *sensors)
{
    size_t names = 0;

    for (size_t i = 0; i < config->rule_count; i++) {
        if (config->rules[i].kind == RULE_EXPRESSION)
            names += config->rules[i].expr->input_count;
    }
    if (names == 0)
        return GW_OK;
    struct inputs *in = calloc(1, sizeof(*in));
    if (!in)
        return GW_ENOMEM;
    in->sensors = sensors;
    in->bindings = calloc(config->rule_count, sizeof(*in->bindings));
    in->slots = calloc(names, sizeof(*in->slots));
    in->wanted = calloc(sensor_table_capacity(sensors) + 1, sizeof(*in->wanted));
    pthread_mutex_init(&in->lock, NULL);
    if (!in->bindings || !in->slots || !in->wanted) {
        inputs_destroy(in);
        return GW_ENOMEM;
    }
    bind_rules(in, config);
    *out = in;
    return GW_OK;
}

void inputs_destroy(struct inputs *in)
{
    if (!in)
        return;
    pthread_mutex_destroy(&in->lock);
    free(in->bindings);
    free(in->slots);
    free(in->wanted);
    free(in);
}

/* False: it does not know the sensor. */
static bool copy_slot(struct inputs *in, const char *sensor, struct slot *out)
{
    bool found = false;

    pthread_mutex_lock(&in->lock);
    for (size_t i = 0; !found && i < in->slot_count; i++) {
        found = strcmp(in->slots[i].sensor, sensor) == 0;
        if (found)
            *out = in->slots[i];
    }
    pthread_mutex_unlock(&in->lock);
    return found;
}

void inputs_take(struct inputs *to, struct inputs *from, size_t lane, size_t lanes)
{
    for (size_t i = 0; i < to->slot_count; i++) {
        const char *sensor = to->slots[i].sensor; /* never changes */
        struct slot known;
        if (sensor_table_find(to->sensors, sensor) % lanes != lane ||
            !copy_slot(from, sensor, &known))
            continue;
        pthread_mutex_lock(&to->lock);
        struct slot *slot =
            &to->slots[i]; /* but for its name, which others read without the lock */
        slot->value = known.value;
        slot->time_us = known.time_us;
        slot->mono_us = known.mono_us;
        slot->version = ++to->version;
        pthread_mutex_unlock(&to->lock);
    }
}

static uint16_t find(const struct inputs *in, uint32_t sensor)
{
    const struct sensor *s = sensor_table_get(in->sensors, sensor);

    for (size_t i = 0; s && i < in->slot_count; i++) {
        if (strcmp(in->slots[i].sensor, s->name) == 0)
            return (uint16_t)(WANTED + i);
    }
    return UNWANTED;
}

void inputs_note(struct inputs *in, const struct reading *r, int64_t now_mono_us)
{
    if (r->sensor >= sensor_table_capacity(in->sensors))
        return;
    uint16_t *wanted = &in->wanted[r->sensor];
    if (*wanted == UNKNOWN)
        *wanted = find(in, r->sensor);
    if (*wanted == UNWANTED || (r->flags & READING_RETAINED))
        return;
    pthread_mutex_lock(&in->lock);
    struct slot *slot = &in->slots[*wanted - WANTED];
    slot->value = (double)NAN;
    if (r->quality == QUALITY_GOOD) {
        slot->value = reading_number(r);
        slot->time_us = r->time_us;
        slot->mono_us = now_mono_us;
    }
    slot->version = ++in->version;
    pthread_mutex_unlock(&in->lock);
}

/* Copies the inputs of a rule. False: one of them is too old. */
static bool collect(struct inputs *in, const struct binding *b, int64_t now_mono_us, double *values,
                    int64_t *time_us, uint64_t *version)
{
    bool fresh = true;

    *time_us = INT64_MIN;
    *version = 0;
    pthread_mutex_lock(&in->lock);
    for (size_t i = 0; i < b->rule->expr->input_count; i++) {
        const struct slot *slot = &in->slots[b->slots[i]];
        values[i] = slot->value;
        if (slot->time_us > *time_us)
            *time_us = slot->time_us;
        if (slot->version > *version)
            *version = slot->version;
        fresh = fresh && slot->mono_us != INT64_MIN &&
                now_mono_us - slot->mono_us <= b->rule->max_age_us;
    }
    pthread_mutex_unlock(&in->lock);
    return fresh;
}

enum inputs_verdict inputs_judge(struct inputs *in, size_t rule, int64_t now_mono_us,
                                 uint64_t *judged, struct reading *out)
{
    const struct binding *b = &in->bindings[rule];
    double values[EXPR_INPUTS_MAX], result;
    int64_t time_us;
    uint64_t version;

    if (!collect(in, b, now_mono_us, values, &time_us, &version))
        return INPUTS_TOO_OLD;
    if (version == *judged)
        return INPUTS_NOTHING_NEW;
    *judged = version;
    if (!expr_eval(b->rule->expr, values, &result))
        return INPUTS_NOTHING_NEW;
    *out = (struct reading){.time_us = time_us, .value = result, .quality = QUALITY_GOOD};
    return INPUTS_VERDICT;
}
