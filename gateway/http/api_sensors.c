/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/clock.h"
#include "gateway/http/internal.h"
#include "gateway/http/parameters.h"
#include "gateway/json.h"
#include "gateway/live.h"

#include <fnmatch.h>
#include <math.h>
#include <microhttpd.h>
#include <string.h>

static cJSON *sensor_json(const struct http *h, uint32_t index)
{
    const struct http_options *o = &h->options;
    const struct sensor *s = sensor_table_get(o->sensors, index);
    struct reading r;
    cJSON *json = cJSON_CreateObject();

    cJSON_AddStringToObject(json, "name", s->name);
    cJSON_AddStringToObject(json, "device", s->device);
    cJSON_AddStringToObject(json, "source", plant_source_name(o->config, s->source));
    cJSON_AddStringToObject(json, "unit", s->unit);
    json_add_number(json, "every", s->every_us ? (double)s->every_us / 1e6 : (double)NAN);
    json_add_reading(json, live_get(o->live, index, &r) ? &r : NULL);
    return json;
}

void api_sensors(struct http *h, const struct http_request *r, const char *name,
                 struct http_reply *out)
{
    const char *match = request_query(r, "match");
    cJSON *o = cJSON_CreateObject();

    (void)name;
    json_add_time(o, "time", clock_wall_us());
    cJSON *list = cJSON_AddArrayToObject(o, "sensors");
    for (uint32_t i = 0; i < sensor_table_count(h->options.sensors); i++) {
        const struct sensor *s = sensor_table_get(h->options.sensors, i);
        if (s->gone)
            continue;
        if (!match || fnmatch(match, s->name, 0) == 0)
            cJSON_AddItemToArray(list, sensor_json(h, i));
    }
    reply_json(out, MHD_HTTP_OK, o);
}

/* {"warning": 75, "critical": 85}, without what is not set. */
static void add_limits(cJSON *o, const char *key, const double limits[3])
{
    cJSON *json = cJSON_AddObjectToObject(o, key);

    for (unsigned s = SEVERITY_WARNING; s <= SEVERITY_CRITICAL; s++) {
        if (!isnan(limits[s]))
            json_add_number(json, severity_name(s), limits[s]);
    }
}

static cJSON *rule_json(const struct rule_config *rule)
{
    static const char *const kinds[] = {[RULE_LEVEL] = "level",
                                        [RULE_RATE] = "rate",
                                        [RULE_STALE] = "stale",
                                        [RULE_QUALITY] = "quality",
                                        [RULE_EXPRESSION] = "expression"};
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "name", rule->name);
    cJSON_AddStringToObject(o, "kind", kinds[rule->kind]);
    if (rule->kind == RULE_EXPRESSION)
        cJSON_AddStringToObject(o, "expression", rule->expression);
    if (rule->kind == RULE_LEVEL || rule->kind == RULE_EXPRESSION) {
        add_limits(o, "high", rule->high);
        add_limits(o, "low", rule->low);
        json_add_number(o, "hysteresis", rule->hysteresis);
    }
    if (rule->kind == RULE_RATE) {
        add_limits(o, "rate", rule->rate);
        json_add_number(o, "per", (double)rule->per_us / 1e6);
    }
    if (rule->kind == RULE_STALE)
        json_add_number(o, "stale", (double)rule->stale_us / 1e6);
    if (rule->kind == RULE_QUALITY)
        json_add_number(o, "bad_for", (double)rule->bad_for_us / 1e6);
    json_add_number(o, "for", (double)rule->for_us / 1e6);
    if (rule->kind != RULE_LEVEL && rule->kind != RULE_RATE)
        cJSON_AddStringToObject(o, "severity", severity_name((unsigned)rule->severity));
    return o;
}

/* An expression's alerts belong to one sensor, whose name may hold what is special in a glob. */
static bool is_about(const struct rule_config *rule, const char *sensor)
{
    return rule->kind == RULE_EXPRESSION ? strcmp(rule->sensor, sensor) == 0
                                         : fnmatch(rule->sensor, sensor, 0) == 0;
}

void api_sensor(struct http *h, const struct http_request *r, const char *name,
                struct http_reply *out)
{
    const struct config *config = h->options.config;
    uint32_t index = sensor_table_find(h->options.sensors, name);

    if (index == SENSOR_NONE || sensor_table_get(h->options.sensors, index)->gone) {
        reply_error(out, MHD_HTTP_NOT_FOUND, "there is no sensor of that name",
                    "/api/v1/sensors lists all; a slash in a name may be written as %2F; below a "
                    "sensor there are /readings and, to POST, /write");
        return;
    }
    /* Not before: of a path that does not exist, the parameter is not what is wrong. */
    if (!parameters_check(r->query, "", out))
        return;
    cJSON *o = sensor_json(h, index);
    cJSON *rules = cJSON_AddArrayToObject(o, "rules");
    for (size_t i = 0; i < config->rule_count; i++) {
        if (is_about(&config->rules[i], name))
            cJSON_AddItemToArray(rules, rule_json(&config->rules[i]));
    }
    reply_json(out, MHD_HTTP_OK, o);
}
