/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/json.h"

#include "gateway/core/clock.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

void json_add_number(cJSON *o, const char *key, double value)
{
    if (isfinite(value))
        cJSON_AddNumberToObject(o, key, value);
    else
        cJSON_AddNullToObject(o, key);
}

/* cJSON's numbers are doubles; whole numbers beyond 2^53 are written as they are. */
void json_add_integer(cJSON *o, const char *key, int64_t value)
{
    char text[24];

    snprintf(text, sizeof(text), "%" PRId64, value);
    cJSON_AddRawToObject(o, key, text);
}

void json_add_time(cJSON *o, const char *key, int64_t us)
{
    char text[CLOCK_UTC_SIZE], key_us[32];

    snprintf(key_us, sizeof(key_us), "%s_us", key);
    if (us == 0) {
        cJSON_AddNullToObject(o, key);
        cJSON_AddNullToObject(o, key_us);
        return;
    }
    cJSON_AddStringToObject(o, key, clock_format_utc(us, 3, text));
    json_add_integer(o, key_us, us);
}

void json_add_reading(cJSON *o, const struct reading *r)
{
    if (!r) {
        cJSON_AddNullToObject(o, "value");
        cJSON_AddNullToObject(o, "quality");
        json_add_time(o, "time", 0);
        return;
    }
    if (r->flags & READING_INTEGER)
        json_add_integer(o, "value", r->integer);
    else
        json_add_number(o, "value", reading_number(r));
    cJSON_AddStringToObject(o, "quality", quality_name(r->quality));
    json_add_time(o, "time", r->time_us);
}

char *json_print(cJSON *o)
{
    char *text = cJSON_PrintUnformatted(o);

    cJSON_Delete(o);
    return text;
}
