/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/feed.h"

#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/discovery.h"
#include "gateway/message.h"
#include "gateway/watch.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>

#define READINGS 4096

/* What was last published of a sensor, for `changes`. */
struct last {
    double value;
    uint16_t quality;
    bool known;
};

struct feed {
    struct feed_options options;
    enum publish_readings mode;

    pthread_mutex_t lock;
    /* guarded by lock */
    bool closed;
    struct reading readings[READINGS];
    size_t first, count;

    /* the sending thread's own */
    struct last *last;               /* by sensor */
    size_t greet_sensor, greet_rule; /* how far discovery has come */
};

struct feed *feed_create(const struct feed_options *options)
{
    const struct mqtt_section *m = &options->config->mqtt;
    struct feed *f = calloc(1, sizeof(*f));

    if (!f)
        return NULL;
    f->options = *options;
    f->mode = (enum publish_readings)m->publish_readings;
    if (m->home_assistant && f->mode == PUBLISH_NONE) {
        log_info("mqtt: home_assistant needs readings: publishing changes");
        f->mode = PUBLISH_CHANGES;
    }
    pthread_mutex_init(&f->lock, NULL);
    f->last = calloc(sensor_table_capacity(options->sensors) + 1, sizeof(*f->last));
    if (f->last)
        return f;
    feed_destroy(f);
    return NULL;
}

void feed_destroy(struct feed *f)
{
    if (!f)
        return;
    pthread_mutex_destroy(&f->lock);
    free(f->last);
    free(f);
}

bool feed_offer(struct feed *f, const struct reading *readings, size_t n)
{
    size_t taken = 0;

    pthread_mutex_lock(&f->lock);
    bool is_first = f->count == 0;
    for (; taken < n && f->count < READINGS && !f->closed; taken++)
        f->readings[(f->first + f->count++) % READINGS] = readings[taken];
    pthread_mutex_unlock(&f->lock);
    if (taken < n)
        metric_add(METRIC_READINGS_NOT_PUBLISHED, (int64_t)(n - taken));
    return is_first && taken > 0;
}

void feed_close(struct feed *f)
{
    pthread_mutex_lock(&f->lock);
    f->closed = true;
    pthread_mutex_unlock(&f->lock);
}

void feed_greet(struct feed *f)
{
    f->greet_sensor = f->greet_rule = 0;
}

static bool send(struct feed *f, const char *topic, char *text, int qos)
{
    return f->options.send(f->options.arg, topic, text, qos);
}

/* The next rule from `first` on that watches the sensor; rule_count: none. */
static size_t next_rule(const struct config *c, const char *sensor, size_t first)
{
    while (first < c->rule_count && !watch_takes(&c->rules[first], sensor))
        first++;
    return first;
}

static void next_sensor(struct feed *f)
{
    f->greet_rule = 0;
    f->greet_sensor++;
}

/* greet_rule 0 is the sensor itself, i + 1 is rule i. */
static void send_discovery(struct feed *f, const struct config *c)
{
    char topic[TOPIC_SIZE];

    while (f->greet_sensor < sensor_table_count(f->options.sensors)) {
        const struct sensor *s = sensor_table_get(f->options.sensors, (uint32_t)f->greet_sensor);
        /* A reload may have left fewer, and then has all sent anew. */
        bool over = f->greet_rule > c->rule_count || s->gone;
        if (over) {
            next_sensor(f);
            continue;
        }
        const struct rule_config *rule = f->greet_rule ? &c->rules[f->greet_rule - 1] : NULL;
        if (!send(f, topic, discovery_message(c, s, rule, topic), 1))
            return;
        f->greet_rule = next_rule(c, s->name, f->greet_rule) + 1;
    }
}

static bool is_news(struct feed *f, const struct reading *r)
{
    struct last *last = &f->last[r->sensor];
    double value = r->flags & READING_INTEGER ? (double)r->integer : r->value;
    bool same = last->known && last->quality == r->quality &&
                (value == last->value || (isnan(value) && isnan(last->value)));

    *last = (struct last){.value = value, .quality = r->quality, .known = true};
    return f->mode == PUBLISH_ALL || !same;
}

static bool take_reading(struct feed *f, struct reading *r)
{
    pthread_mutex_lock(&f->lock);
    bool any = f->count > 0;
    if (any) {
        *r = f->readings[f->first];
        f->first = (f->first + 1) % READINGS;
        f->count--;
    }
    pthread_mutex_unlock(&f->lock);
    return any;
}

static void give_back(struct feed *f, const struct reading *r)
{
    pthread_mutex_lock(&f->lock);
    bool fits = f->count < READINGS;
    if (fits) {
        f->first = (f->first + READINGS - 1) % READINGS;
        f->readings[f->first] = *r;
        f->count++;
    }
    pthread_mutex_unlock(&f->lock);
    if (!fits)
        metric_add(METRIC_READINGS_NOT_PUBLISHED, 1);
}

static void send_readings(struct feed *f)
{
    char topic[TOPIC_SIZE];
    struct reading r;

    while (take_reading(f, &r)) {
        const struct sensor *s = sensor_table_get(f->options.sensors, r.sensor);
        if (!s || !is_news(f, &r))
            continue;
        message_topic(f->options.config, "readings", s->name, NULL, topic);
        if (!send(f, topic, message_reading(s, &r), 0)) {
            f->last[r.sensor].known = false;
            give_back(f, &r);
            return;
        }
        metric_add(METRIC_READINGS_PUBLISHED, 1);
    }
}

static void greet(struct feed *f)
{
    struct plants *plants = f->options.plants;
    struct plant *plant = plants ? plants_hold(plants) : NULL;

    send_discovery(f, plant ? plant->config : f->options.config);
    if (plant)
        plants_release(plants, plant);
}

void feed_work(struct feed *f)
{
    if (f->options.config->mqtt.home_assistant)
        greet(f);
    send_readings(f);
}
