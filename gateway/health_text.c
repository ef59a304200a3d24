/* SPDX-License-Identifier: Apache-2.0 */
/* Health reports as text and as JSON. */
#include "gateway/core/clock.h"
#include "gateway/health.h"

#include <cjson/cJSON.h>

bool health_is_bad(const struct health_report *r)
{
    return r->count > 0 && r->items[0].severity == HEALTH_ERROR;
}

const char *health_state(const struct health_report *r)
{
    return r->count == 0 ? "healthy" : health_is_bad(r) ? "unhealthy" : "degraded";
}

const char *health_severity_name(enum health_severity severity)
{
    return severity == HEALTH_ERROR ? "error" : "warning";
}

const char *health_line(const struct health_report *r, char buf[static HEALTH_TEXT])
{
    size_t others = r->count + r->left_out - (r->count > 0);
    int n = snprintf(buf, HEALTH_TEXT, "%s", health_state(r));

    if (r->count > 0)
        n += snprintf(buf + n, HEALTH_TEXT - (size_t)n, ": %s: %.160s", r->items[0].component,
                      r->items[0].text);
    if (others > 0 && n < HEALTH_TEXT)
        snprintf(buf + n, HEALTH_TEXT - (size_t)n, " (and %zu more)", others);
    return buf;
}

void health_write_text(const struct health_report *r, FILE *f)
{
    char since[CLOCK_UTC_SIZE];

    fprintf(f, "%s\n", health_state(r));
    for (size_t i = 0; i < r->count; i++) {
        const struct health_item *item = &r->items[i];
        fprintf(f, "%s: %s: %s (since %s); %s\n", health_severity_name(item->severity),
                item->component, item->text, clock_format_utc(item->since_us, 0, since),
                item->hint);
    }
    if (r->left_out > 0)
        fprintf(f, "and %zu more\n", r->left_out);
}

static cJSON *item_json(const struct health_item *item)
{
    char since[CLOCK_UTC_SIZE];
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "component", item->component);
    cJSON_AddStringToObject(o, "severity", health_severity_name(item->severity));
    cJSON_AddStringToObject(o, "since", clock_format_utc(item->since_us, 3, since));
    cJSON_AddStringToObject(o, "text", item->text);
    cJSON_AddStringToObject(o, "hint", item->hint);
    return o;
}

char *health_json(const struct health_report *r)
{
    cJSON *root = cJSON_CreateObject();

    cJSON_AddStringToObject(root, "state", health_state(r));
    cJSON *problems = cJSON_AddArrayToObject(root, "problems");
    for (size_t i = 0; i < r->count; i++)
        cJSON_AddItemToArray(problems, item_json(&r->items[i]));
    if (r->left_out > 0)
        cJSON_AddNumberToObject(root, "left_out", (double)r->left_out);
    char *text = cJSON_PrintUnformatted(root);
    cJSON_Delete(root);
    return text;
}
