/* SPDX-License-Identifier: Apache-2.0 */
/* The last hour of all sensors at once, in a few numbers each: what the overview draws. */
#include "gateway/core/clock.h"
#include "gateway/http/internal.h"
#include "gateway/json.h"
#include "storage/query.h"

#include <math.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#define POINTS 30
#define STEP_US (2 * US_PER_MINUTE)

struct sum {
    double value;
    unsigned count;
};

struct sparks {
    struct sensor_table *sensors;
    size_t count; /* sensors */
    int64_t since_us;
    struct sum *sums; /* POINTS for each sensor */
};

static bool each_minute(void *arg, const char *sensor, int64_t minute_us, double average)
{
    struct sparks *s = arg;
    uint32_t index = sensor_table_find(s->sensors, sensor);
    int64_t point = (minute_us - s->since_us) / STEP_US;

    if (index < s->count && point >= 0 && point < POINTS) {
        struct sum *sum = &s->sums[(size_t)index * POINTS + (size_t)point];
        sum->value += average;
        sum->count++;
    }
    return true;
}

/* NULL: nothing is known of it in that time. */
static cJSON *spark_json(const struct sum *sums)
{
    char text[POINTS * 16 + 2];
    size_t n = 0;
    bool any = false;

    for (size_t i = 0; i < POINTS; i++) {
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%c", i ? ',' : '[');
        any = any || sums[i].count > 0;
        if (sums[i].count > 0)
            n +=
                (size_t)snprintf(text + n, sizeof(text) - n, "%.6g", sums[i].value / sums[i].count);
        else
            n += (size_t)snprintf(text + n, sizeof(text) - n, "null");
    }
    snprintf(text + n, sizeof(text) - n, "]");
    return any ? cJSON_CreateRaw(text) : NULL;
}

static void send_sparks(const struct sparks *s, struct http_reply *out)
{
    cJSON *o = cJSON_CreateObject();

    json_add_time(o, "since", s->since_us);
    json_add_number(o, "step", (double)STEP_US / 1e6);
    cJSON *all = cJSON_AddObjectToObject(o, "sensors");
    for (uint32_t i = 0; i < s->count; i++) {
        cJSON *spark = spark_json(s->sums + (size_t)i * POINTS);
        if (spark)
            cJSON_AddItemToObject(all, sensor_table_get(s->sensors, i)->name, spark);
    }
    reply_json(out, MHD_HTTP_OK, o);
}

void api_sparks(struct http *h, const struct http_request *r, const char *name,
                struct http_reply *out)
{
    struct sparks s = {.sensors = h->options.sensors,
                       .count = sensor_table_count(h->options.sensors),
                       .since_us = clock_wall_us() / STEP_US * STEP_US - (POINTS - 1) * STEP_US};
    struct query *q;
    enum gw_err err = readers_take(h->readers, &q);

    (void)r;
    (void)name;
    if (err != GW_OK) {
        api_failed(err, out);
        return;
    }
    s.sums = calloc(s.count * POINTS + 1, sizeof(*s.sums));
    err = s.sums ? query_minutes(q, s.since_us, each_minute, &s) : GW_ENOMEM;
    readers_give(h->readers, q);
    if (err == GW_OK)
        send_sparks(&s, out);
    else
        api_failed(err, out);
    free(s.sums);
}
