/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload asks: which sources and rules are the same as before, and which values must stay as
 * they are. The option tables say what there is to compare. */
#include "config/sections.h"

#include <stdio.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* As it was written: not a number is the same as not a number. */
static bool same_bits(const void *a, const void *b, size_t size)
{
    return memcmp(a, b, size) == 0;
}

static bool same_numbers(const struct number_list *a, const struct number_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct number *x = &a->items[i], *y = &b->items[i];
        if (x->integer != y->integer || x->is_integer != y->is_integer || x->is_hex != y->is_hex ||
            !same_bits(&x->real, &y->real, sizeof(x->real)))
            return false;
    }
    return true;
}

static bool same_options(const struct option *table, const void *a, const void *b);

static bool same_option(const struct option *o, const void *a, const void *b)
{
    const char *x = (const char *)a + o->offset, *y = (const char *)b + o->offset;

    switch (o->type) {
    case OPTION_STRING:
    case OPTION_SECRET_FILE:
        return same_text(*(char *const *)(const void *)x, *(char *const *)(const void *)y);
    case OPTION_INTEGER:
    case OPTION_TIMESPAN:
    case OPTION_SIZE:
        return same_bits(x, y, sizeof(int64_t));
    case OPTION_REAL:
        return same_bits(x, y, sizeof(double));
    case OPTION_BOOL:
        return same_bits(x, y, sizeof(bool));
    case OPTION_ENUM:
        return same_bits(x, y, sizeof(int));
    case OPTION_NUMBER_LIST:
        return same_numbers((const void *)x, (const void *)y);
    case OPTION_TABLE:
        return same_options(o->table, x, y);
    }
    return false;
}

static bool same_options(const struct option *table, const void *a, const void *b)
{
    for (const struct option *o = table; o && o->key; o++) {
        if (!same_option(o, a, b))
            return false;
    }
    return true;
}

/* --- sources and rules --- */

static bool same_sensor(const struct driver_schema *schema, const struct sensor_config *a,
                        const struct sensor_config *b)
{
    return strcmp(a->name, b->name) == 0 && same_options(sensor_options, a, b) &&
           same_options(schema->sensor_options, a->options, b->options);
}

static bool same_device(const struct driver_schema *schema, const struct device_config *a,
                        const struct device_config *b)
{
    if (strcmp(a->name, b->name) != 0 || a->sensor_count != b->sensor_count ||
        !same_options(device_options, a, b) ||
        !same_options(schema->device_options, a->options, b->options))
        return false;
    for (size_t i = 0; i < a->sensor_count; i++) {
        if (!same_sensor(schema, &a->sensors[i], &b->sensors[i]))
            return false;
    }
    return true;
}

bool config_source_equal(const struct source_config *a, const struct source_config *b)
{
    if (strcmp(a->name, b->name) != 0 || a->schema != b->schema ||
        a->device_count != b->device_count || !same_options(source_options, a, b) ||
        !same_options(a->schema->source_options, a->options, b->options))
        return false;
    for (size_t i = 0; i < a->device_count; i++) {
        if (!same_device(a->schema, &a->devices[i], &b->devices[i]))
            return false;
    }
    return true;
}

bool config_rule_equal(const struct rule_config *a, const struct rule_config *b)
{
    return a->kind == b->kind && same_options(rule_options, a, b);
}

/* --- what must stay --- */

struct differences {
    void (*differ)(void *arg, const char *key);
    void *arg;
};

/* Says which keys of a section differ, but for those that may. */
static void compare(const struct differences *d, const char *section, const struct option *table,
                    const void *next, const void *now, const char *const *free_keys)
{
    char key[64];

    for (const struct option *o = table; o->key; o++) {
        bool may_differ = false;
        for (size_t i = 0; free_keys[i]; i++)
            may_differ = may_differ || strcmp(o->key, free_keys[i]) == 0;
        if (may_differ || same_option(o, next, now))
            continue;
        snprintf(key, sizeof(key), "%s.%s", section, o->key);
        d->differ(d->arg, key);
    }
}

static void keep_gateway(const struct differences *d, struct gateway_section *next,
                         const struct gateway_section *now)
{
    static const char *const free_keys[] = {"log", NULL};
    struct gateway_section kept = *now;

    compare(d, "gateway", gateway_options, next, now, free_keys);
    kept.log = next->log;
    *next = kept;
}

static void keep_mqtt(const struct differences *d, struct mqtt_section *next,
                      const struct mqtt_section *now)
{
    static const char *const none[] = {NULL};

    if (next->present != now->present)
        d->differ(d->arg, "mqtt");
    else if (now->present)
        compare(d, "mqtt", mqtt_options, next, now, none);
    *next = *now;
}

static void keep_storage(const struct differences *d, struct storage_section *next,
                         const struct storage_section *now)
{
    static const char *const none[] = {NULL};

    compare(d, "storage", storage_options, next, now, none);
    *next = *now;
}

static void keep_http(const struct differences *d, struct http_section *next,
                      const struct http_section *now)
{
    if (next->enabled != now->enabled)
        d->differ(d->arg, "http");
    else if (!same_text(next->host, now->host) || next->port != now->port)
        d->differ(d->arg, "http.listen");
    else if (!same_text(next->token, now->token))
        d->differ(d->arg, "http.token_file");
    *next = *now;
}

void config_keep_fixed(struct config *next, const struct config *now,
                       void (*differ)(void *arg, const char *key), void *arg)
{
    const struct differences d = {differ, arg};

    keep_gateway(&d, &next->gateway, &now->gateway);
    keep_mqtt(&d, &next->mqtt, &now->mqtt);
    keep_storage(&d, &next->storage, &now->storage);
    keep_http(&d, &next->http, &now->http);
}
