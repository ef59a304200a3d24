/* SPDX-License-Identifier: Apache-2.0 */
/* A sensor's past as a chart wants it: as many points as fit, not as many as there are. */
#include "gateway/core/clock.h"
#include "gateway/http/internal.h"
#include "gateway/json.h"
#include "storage/query.h"

#include <inttypes.h>
#include <math.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>

#define POINTS 500
#define POINTS_MAX 5000
#define SINCE_US US_PER_DAY
#define BUDGET_US US_PER_SECOND /* for one try */

struct wanted {
    int64_t since_us, until_us;
    long points;
};

static void print_number(FILE *f, double value)
{
    if (isfinite(value))
        fprintf(f, ",%.10g", value);
    else
        fputs(",null", f);
}

/* [milliseconds, average, lowest, highest] */
static void print_point(FILE *f, const struct series_point *p, bool is_first)
{
    int64_t us = p->time_us % 1000;

    fprintf(f, "%s[%" PRId64, is_first ? "" : ",", p->time_us / 1000);
    if (us > 0)
        fprintf(f, ".%03" PRId64, us);
    print_number(f, p->avg);
    print_number(f, p->min);
    print_number(f, p->max);
    fputc(']', f);
}

/* As a JSON array, returned owned; NULL: no memory. */
static char *points_text(const struct series *s)
{
    char *text = NULL;
    size_t length;
    FILE *f = open_memstream(&text, &length);

    if (!f)
        return NULL;
    fputc('[', f);
    for (size_t i = 0; i < s->count; i++)
        print_point(f, &s->points[i], i == 0);
    fputc(']', f);
    if (fclose(f) == 0)
        return text;
    free(text);
    return NULL;
}

/* Where looking at each reading would take too long, minutes and hours that are there already. */
static enum gw_err ask(struct query *q, const char *name, const struct wanted *w,
                       struct series *out)
{
    int64_t minutes = (w->until_us - w->since_us) / US_PER_MINUTE;
    size_t points = (size_t)w->points;

    query_limit(q, BUDGET_US);
    enum gw_err err = query_series(q, name, w->since_us, w->until_us, points, out);
    if (err != GW_ETIMEDOUT || minutes < 2 || minutes > w->points)
        return err;
    query_limit(q, BUDGET_US);
    return query_series(q, name, w->since_us, w->until_us, (size_t)minutes, out);
}

static void send_series(const struct http *h, const char *name, const struct wanted *w,
                        const struct series *series, struct http_reply *out)
{
    uint32_t index = sensor_table_find(h->options.sensors, name);
    const struct sensor *s = sensor_table_get(h->options.sensors, index);
    cJSON *o = cJSON_CreateObject();
    char *text = points_text(series);

    cJSON_AddStringToObject(o, "sensor", name);
    cJSON_AddStringToObject(o, "unit", s ? s->unit : "");
    json_add_time(o, "since", w->since_us);
    json_add_time(o, "until", w->until_us);
    json_add_number(o, "step", (double)series->every_us / 1e6);
    cJSON_AddStringToObject(o, "resolution", resolution_name(series->resolution));
    cJSON_AddRawToObject(o, "points", text ? text : "[]");
    free(text);
    reply_json(out, MHD_HTTP_OK, o);
}

static bool wants(const struct http_request *r, struct wanted *w, struct http_reply *out)
{
    int64_t now = clock_wall_us();

    *w = (struct wanted){.since_us = now - SINCE_US, .until_us = now, .points = POINTS};
    if (!api_time(r, "since", now, &w->since_us, out) ||
        !api_time(r, "until", now, &w->until_us, out) ||
        !api_number(r, "points", 2, POINTS_MAX, &w->points, out))
        return false;
    return api_is_span(w->since_us, w->until_us, out);
}

void api_readings(struct http *h, const struct http_request *r, const char *name,
                  struct http_reply *out)
{
    struct wanted w;
    struct series series;
    struct query *q;

    if (!wants(r, &w, out))
        return;
    enum gw_err err = readers_take(h->readers, &q);
    if (err != GW_OK) {
        api_failed(err, out);
        return;
    }
    err = ask(q, name, &w, &series);
    readers_give(h->readers, q);
    if (err == GW_OK) {
        send_series(h, name, &w, &series, out);
        series_fini(&series);
    } else if (err == GW_ENOENT) {
        reply_error(out, MHD_HTTP_NOT_FOUND, "no reading of such a sensor was ever stored",
                    "/api/v1/sensors lists all; a slash in a name may be written as %2F");
    } else {
        api_failed(err, out);
    }
}
