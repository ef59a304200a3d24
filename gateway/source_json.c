/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/source_json.h"

#include "drivers/source.h"
#include "gateway/json.h"

#include <math.h>
#include <string.h>

#define UNITS_AT_ONCE 32

static void add_seconds(cJSON *o, const char *key, int64_t us)
{
    json_add_number(o, key, us ? (double)us / 1e6 : (double)NAN);
}

static cJSON *unit_json(const struct unit_figures *u)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddNumberToObject(o, "unit", u->unit);
    cJSON_AddStringToObject(o, "device", u->device);
    if (u->last == QUALITY_COUNT)
        cJSON_AddNullToObject(o, "last");
    else
        cJSON_AddStringToObject(o, "last", quality_name(u->last));
    json_add_integer(o, "asked", (int64_t)u->asked);
    json_add_integer(o, "timeouts", (int64_t)u->timeouts);
    json_add_integer(o, "damaged", (int64_t)u->damaged);
    json_add_integer(o, "refused", (int64_t)u->refused);
    json_add_integer(o, "overruns", (int64_t)u->overruns);
    cJSON_AddBoolToObject(o, "probing", u->probing_us != 0);
    add_seconds(o, "round_trip", u->took_us);
    add_seconds(o, "round_trip_mean", u->mean_us);
    cJSON_AddNumberToObject(o, "round_trip_sum", (double)u->total_us / 1e6);
    json_add_integer(o, "answers", (int64_t)u->answers);
    return o;
}

static void add_units(cJSON *o, struct source *s)
{
    struct unit_figures units[UNITS_AT_ONCE];
    cJSON *list = cJSON_AddArrayToObject(o, "units");
    size_t n;

    for (size_t first = 0; s && (n = figures_copy(&s->figures, first, units, UNITS_AT_ONCE)) > 0;
         first += n) {
        for (size_t i = 0; i < n; i++)
            cJSON_AddItemToArray(list, unit_json(&units[i]));
    }
}

/* What units refuse to give, and is left out of the requests for the rest. */
static void add_isolated(cJSON *o, struct source *s)
{
    struct isolated_place places[UNITS_AT_ONCE];
    cJSON *list = cJSON_AddArrayToObject(o, "isolated");
    size_t n;

    for (size_t first = 0;
         s && (n = figures_copy_isolated(&s->figures, first, places, UNITS_AT_ONCE)) > 0;
         first += n) {
        for (size_t i = 0; i < n; i++) {
            cJSON *place = cJSON_CreateObject();
            cJSON_AddNumberToObject(place, "unit", places[i].unit);
            cJSON_AddStringToObject(place, "place", places[i].place);
            cJSON_AddNumberToObject(place, "exception", places[i].exception);
            json_add_time(place, "since", places[i].since_us);
            cJSON_AddItemToArray(list, place);
        }
    }
}

static void add_books(cJSON *o, const struct ledger_entry *e)
{
    json_add_integer(o, "accepted", (int64_t)e->accepted);
    json_add_integer(o, "committed", (int64_t)e->committed);
    json_add_integer(o, "in_flight", (int64_t)ledger_in_flight(e));
    cJSON *dropped = cJSON_AddObjectToObject(o, "dropped");
    for (int why = 0; why < DROP_REASON_COUNT; why++)
        json_add_integer(dropped, drop_reason_name((enum drop_reason)why),
                         (int64_t)e->dropped[why]);
}

static void add_state(cJSON *o, struct source *s)
{
    static const char *const states[] = {
        [SOURCE_CLOSED] = "closed", [SOURCE_OPEN] = "open", [SOURCE_FAILED] = "failed"};
    char error[sizeof(((struct source *)0)->last_error)] = "";

    if (s) {
        pthread_mutex_lock(&s->error_lock);
        memcpy(error, s->last_error, sizeof(error));
        pthread_mutex_unlock(&s->error_lock);
    }
    cJSON_AddStringToObject(o, "state", states[s ? atomic_load(&s->status) : SOURCE_CLOSED]);
    cJSON_AddStringToObject(o, "error", error);
    json_add_integer(o, "errors", s ? (int64_t)atomic_load(&s->errors) : 0);
    json_add_integer(o, "overruns", s ? (int64_t)atomic_load(&s->overruns) : 0);
    json_add_integer(o, "opens", s ? (int64_t)atomic_load(&s->opens) : 0);
}

static cJSON *source_json(const struct source_config *c, struct source *s,
                          const struct ledger_entry *books)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "name", c->name);
    cJSON_AddStringToObject(o, "driver", c->schema->name);
    add_state(o, s);
    cJSON *devices = cJSON_AddArrayToObject(o, "devices");
    for (size_t i = 0; i < c->device_count; i++) {
        if (c->devices[i].name[0])
            cJSON_AddItemToArray(devices, cJSON_CreateString(c->devices[i].name));
    }
    add_units(o, s);
    add_isolated(o, s);
    add_books(o, books);
    return o;
}

cJSON *sources_json(const struct config *config, struct source *const *sources,
                    const struct ledger *ledger)
{
    cJSON *list = cJSON_CreateArray();

    for (uint32_t i = 0; i < config->source_count; i++) {
        struct ledger_entry books = ledger_get(ledger, config->sources[i].index);
        cJSON_AddItemToArray(list,
                             source_json(&config->sources[i], sources ? sources[i] : NULL, &books));
    }
    return list;
}
