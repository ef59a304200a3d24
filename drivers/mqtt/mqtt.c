/* SPDX-License-Identifier: Apache-2.0 */
/* Subscribes, and makes readings of messages. Everything below open and close runs in Paho's
 * receive thread, one message at a time, and only try-pushes. */
#include "drivers/driver.h"

#include "drivers/convert.h"
#include "drivers/mqtt/client.h"
#include "drivers/mqtt/names.h"
#include "drivers/mqtt/options.h"
#include "drivers/mqtt/payload.h"
#include "gateway/core/clock.h"

#include <stdlib.h>
#include <string.h>

#define BATCH 64

struct state {
    struct source *source;
    struct names *names;
    unsigned subscription;
    int64_t last_us; /* arrival time given to the last message */
};

/* Arrival times never repeat within a source: (time, sensor) is a key in the database, and two
 * messages may come within a microsecond, or the clock may step back. */
static int64_t arrival_time(struct state *st)
{
    int64_t now = clock_wall_us();

    if (now <= st->last_us && st->last_us - now < US_PER_MINUTE)
        now = st->last_us + 1;
    st->last_us = now;
    return now;
}

/* The message's readings for all sensors that find their value in it; how many. */
static size_t read_values(struct state *st, struct payload *p, const uint32_t *sensors,
                          unsigned flags)
{
    struct reading batch[BATCH];
    const struct sensor_config *c;
    int64_t now = arrival_time(st);
    size_t n = 0, total = 0;

    for (size_t i = 0; (c = source_sensor(st->source->config, i)); i++) {
        const struct mqtt_sensor *o = c->options;
        int64_t time = now;
        double raw;
        if (!payload_number(p, o->value, &raw))
            continue;
        unsigned own = o->time && payload_time(p, o->time, now, &time) ? READING_OWN_TIME : 0;
        batch[n] = convert_reading(c, sensors[i], time, raw);
        batch[n++].flags |= (uint8_t)(flags | own);
        total++;
        if (n == BATCH) {
            source_emit_batch(st->source, batch, n);
            n = 0;
        }
    }
    if (n > 0)
        source_emit_batch(st->source, batch, n);
    return total;
}

static void on_message(void *arg, const struct mqtt_message *m)
{
    struct state *st = arg;
    const struct mqtt_source *o = st->source->config->options;
    enum drop_reason why = DROP_BAD_PAYLOAD;
    struct payload payload;

    if (m->length > (size_t)o->max_payload) {
        source_reject(st->source, DROP_OVERSIZE);
        source_error(st->source, "a message on %s is longer than max_payload", m->topic);
        return;
    }
    const uint32_t *sensors = names_find(st->names, m->topic, &why);
    if (!sensors) {
        source_reject(st->source, why);
        return;
    }
    payload_init(&payload, m->payload, m->length);
    if (read_values(st, &payload, sensors, m->retained ? READING_RETAINED : 0) == 0) {
        source_reject(st->source, DROP_BAD_PAYLOAD);
        source_error(st->source, "a message on %s has no usable value", m->topic);
    }
    payload_fini(&payload);
}

static void close_source(struct source *s)
{
    struct state *st = s->state;

    mqtt_client_unsubscribe(s->env->mqtt, st->subscription);
    names_destroy(st->names);
    free(st);
    s->state = NULL;
}

static enum gw_err open_source(struct source *s)
{
    const struct mqtt_source *o = s->config->options;
    struct state *st = calloc(1, sizeof(*st));

    if (!st)
        return GW_ENOMEM;
    st->source = s;
    st->names = names_create(s);
    if (!st->names) {
        free(st);
        return GW_ENOMEM;
    }
    s->state = st;
    enum gw_err err = mqtt_client_subscribe(s->env->mqtt, o->topic, (int)o->qos, on_message, st,
                                            &st->subscription);
    if (err != GW_OK) {
        names_destroy(st->names);
        free(st);
        s->state = NULL;
    }
    return err;
}

static void describe(const struct source_config *c, FILE *f)
{
    const struct mqtt_source *o = c->options;
    const struct sensor_config *s;

    fprintf(f, "  topic %s, QoS %d\n", o->topic, (int)o->qos);
    for (size_t i = 0; (s = source_sensor(c, i)); i++) {
        const struct mqtt_sensor *sensor = s->options;
        fprintf(f, "  %-40s %s%s%s\n", s->name, sensor->value ? sensor->value : "the message",
                s->unit[0] ? ", " : "", s->unit);
    }
    if (c->extra_sensors)
        fprintf(f, "  at most %zu sensors made from topics\n", c->extra_sensors);
}

const struct driver driver_mqtt = {
    .schema =
        {
            .name = "mqtt",
            .help = "Messages on topics of the broker, as plain numbers or JSON.",
            .source_options = mqtt_source_options,
            .sensor_options = mqtt_sensor_options,
            .source_size = sizeof(struct mqtt_source),
            .sensor_size = sizeof(struct mqtt_sensor),
            .needs_mqtt = true,
            .wildcard_names = true,
            .check_sensor = mqtt_check_sensor,
            .check_source = mqtt_check_source,
        },
    .open = open_source,
    .close = close_source,
    .describe = describe,
};
