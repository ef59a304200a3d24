/* SPDX-License-Identifier: Apache-2.0 */
/* All readings, in slices. */
#include "storage/query_internal.h"

#include <fnmatch.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SLICE_ROWS 10000

/* What is needed of a row after its transaction. */
struct item {
    int64_t time_us, sensor_id;
    union {
        double value;
        int64_t integer;
    };
    bool is_integer;
    unsigned quality;
};

struct name {
    int64_t id;
    char *sensor, *unit, *source, *device;
    bool wanted;
};

struct dump {
    struct query *query;
    const struct readings_request *request;
    int64_t after_us, after_id; /* the key of the last row */
    int64_t first_us, last_us;  /* what progress is measured by */
    sqlite3_stmt *select;
    struct item *items;
    size_t count;
    struct name *names; /* by id */
    size_t name_count;
};

static void free_names(struct dump *d)
{
    for (size_t i = 0; i < d->name_count; i++) {
        free(d->names[i].sensor);
        free(d->names[i].unit);
        free(d->names[i].source);
        free(d->names[i].device);
    }
    free(d->names);
    d->names = NULL;
    d->name_count = 0;
}

static enum gw_err add_name(struct dump *d, sqlite3_stmt *st)
{
    struct name *grown = realloc(d->names, (d->name_count + 1) * sizeof(*grown));

    if (!grown)
        return GW_ENOMEM;
    d->names = grown;
    struct name *n = &d->names[d->name_count++];
    *n = (struct name){
        .id = sqlite3_column_int64(st, 0),
        .sensor = strdup(db_text(st, 1)),
        .unit = strdup(db_text(st, 2)),
        .source = strdup(db_text(st, 3)),
        .device = strdup(db_text(st, 4)),
    };
    if (!n->sensor || !n->unit || !n->source || !n->device)
        return GW_ENOMEM;
    const char *wanted = d->request->sensors;
    n->wanted = !wanted || strcmp(wanted, n->sensor) == 0 || fnmatch(wanted, n->sensor, 0) == 0;
    return GW_OK;
}

static enum gw_err load_names(struct dump *d)
{
    sqlite3_stmt *st = NULL;
    bool row = true;
    enum gw_err err = db_prepare(d->query->db, &st,
                                 "SELECT id, name, unit, source, device FROM sensor ORDER BY id");

    free_names(d);
    while (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row)
        err = add_name(d, st);
    sqlite3_finalize(st);
    return err;
}

static int compare_ids(const void *key, const void *item)
{
    int64_t id = *(const int64_t *)key, other = ((const struct name *)item)->id;

    return (id > other) - (id < other);
}

static const struct name *find_name(const struct dump *d, int64_t id)
{
    return d->names ? bsearch(&id, d->names, d->name_count, sizeof(*d->names), compare_ids) : NULL;
}

static void take_item(struct dump *d, sqlite3_stmt *st)
{
    struct item *item = &d->items[d->count++];

    *item = (struct item){.time_us = sqlite3_column_int64(st, 0),
                          .sensor_id = sqlite3_column_int64(st, 1),
                          .is_integer = sqlite3_column_type(st, 2) == SQLITE_INTEGER,
                          .quality = (unsigned)sqlite3_column_int(st, 3)};
    if (item->is_integer)
        item->integer = sqlite3_column_int64(st, 2);
    else
        item->value = db_double(st, 2);
}

/* The transaction is the statement: it ends with the last row or the reset. */
static enum gw_err read_slice(struct dump *d)
{
    bool row = true;
    enum gw_err err =
        db_bind(d->query->db, &d->select,
                "SELECT time, sensor_id, value, quality FROM reading"
                " WHERE (time, sensor_id) > (?1, ?2) AND time < ?3"
                " ORDER BY time, sensor_id LIMIT ?4",
                "iiii", d->after_us, d->after_id, d->request->until_us, (int64_t)SLICE_ROWS);

    d->count = 0;
    while (err == GW_OK && (err = db_step(d->select, &row)) == GW_OK && row)
        take_item(d, d->select);
    if (err == GW_OK && d->count > 0) {
        d->after_us = d->items[d->count - 1].time_us;
        d->after_id = d->items[d->count - 1].sensor_id;
    }
    return err;
}

static bool give(struct dump *d, const struct item *item, const struct name *name)
{
    struct latest_row row = {
        .sensor = name->sensor,
        .unit = name->unit,
        .source = name->source,
        .device = name->device,
        .value = item->is_integer ? (double)item->integer : item->value,
        .integer = item->is_integer ? item->integer : 0,
        .is_integer = item->is_integer,
        .quality = item->quality,
        .time_us = item->time_us,
    };

    return d->request->each(d->request->arg, &row);
}

static enum gw_err give_slice(struct dump *d, bool *go_on)
{
    for (size_t i = 0; *go_on && i < d->count; i++) {
        const struct name *name = find_name(d, d->items[i].sensor_id);
        if (!name) { /* it is new */
            enum gw_err err = load_names(d);
            if (err != GW_OK)
                return err;
            name = find_name(d, d->items[i].sensor_id);
        }
        if (name && name->wanted)
            *go_on = give(d, &d->items[i], name);
    }
    return GW_OK;
}

static enum gw_err find_ends(struct dump *d)
{
    int64_t oldest = 0, newest = 0;
    enum gw_err err = db_int64(d->query->db, "SELECT min(time) FROM reading", &oldest);

    if (err == GW_OK)
        err = db_int64(d->query->db, "SELECT max(time) FROM reading", &newest);
    d->first_us = oldest > d->request->since_us ? oldest : d->request->since_us;
    d->last_us = newest < d->request->until_us ? newest : d->request->until_us;
    return err;
}

static double part_done(const struct dump *d)
{
    if (d->last_us <= d->first_us || d->after_us >= d->last_us)
        return 1;
    return (double)(d->after_us - d->first_us) / (double)(d->last_us - d->first_us);
}

enum gw_err query_readings(struct query *q, const struct readings_request *request)
{
    struct dump d = {.query = q,
                     .request = request,
                     .after_us = request->since_us - 1,
                     .after_id = INT64_MAX,
                     .items = calloc(SLICE_ROWS, sizeof(*d.items))};
    bool go_on = true;
    enum gw_err err = d.items ? query_refresh(q) : GW_ENOMEM;

    if (err == GW_OK && (err = find_ends(&d)) == GW_OK)
        err = load_names(&d);
    do {
        if (err == GW_OK && (err = read_slice(&d)) == GW_OK)
            err = give_slice(&d, &go_on);
        if (err == GW_OK && go_on && d.count > 0 && request->between)
            go_on = request->between(request->arg, part_done(&d));
    } while (err == GW_OK && go_on && d.count > 0);
    sqlite3_finalize(d.select);
    free_names(&d);
    free(d.items);
    return err;
}
