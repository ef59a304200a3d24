/* SPDX-License-Identifier: Apache-2.0 */
/* The option tables as a JSON Schema, draft 2020-12. Each writer prints one JSON value. */
#include "config/config.h"

#include "config/sections.h"

#include <string.h>

static void print_text(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            fputc('\\', f);
        fputc(*text, f);
    }
    fputc('"', f);
}

static void print_choices(FILE *f, const char *const *choices)
{
    fputs("\"enum\":[", f);
    for (size_t i = 0; choices[i]; i++) {
        fputs(i ? "," : "", f);
        print_text(f, choices[i]);
    }
    fputc(']', f);
}

static void print_limits(FILE *f, const struct option *o)
{
    if (o->min != 0 || o->max != 0)
        fprintf(f, ",\"minimum\":%.17g", o->min);
    if (o->max != 0 && o->max < OPTION_NO_MAX)
        fprintf(f, ",\"maximum\":%.17g", o->max);
}

/* One that may be a list: a number, "5-9", or a list of both. */
static void print_integer(FILE *f, const struct option *o)
{
    if (!o->each) {
        fputs("\"type\":\"integer\"", f);
        print_limits(f, o);
        return;
    }
    fputs("\"anyOf\":[{\"$ref\":\"#/$defs/number-or-range\"},{\"type\":\"array\",\"minItems\":1,"
          "\"items\":{\"$ref\":\"#/$defs/number-or-range\"}}]",
          f);
}

static void print_table(FILE *f, const struct option *const *tables, size_t count);

static void print_type(FILE *f, const struct option *o)
{
    switch (o->type) {
    case OPTION_STRING:
    case OPTION_SECRET_FILE:
        fputs("\"type\":\"string\"", f);
        break;
    case OPTION_INTEGER:
        print_integer(f, o);
        break;
    case OPTION_REAL:
        fputs("\"type\":\"number\"", f);
        print_limits(f, o);
        break;
    case OPTION_BOOL:
        fputs("\"type\":\"boolean\"", f);
        break;
    case OPTION_TIMESPAN:
        fputs("\"type\":\"string\",\"pattern\":\"^([0-9]+(us|ms|s|m|h|d|y))+$\"", f);
        break;
    case OPTION_SIZE:
        fputs(
            "\"type\":[\"string\",\"integer\"],\"pattern\":\"^[0-9]+(kB|MB|GB|TB|KiB|MiB|GiB)?$\"",
            f);
        break;
    case OPTION_ENUM:
        print_choices(f, o->choices);
        break;
    case OPTION_NUMBER_LIST:
        fputs(
            "\"anyOf\":[{\"type\":\"number\"},{\"type\":\"array\",\"items\":{\"type\":\"number\"}}"
            "]",
            f);
        break;
    case OPTION_TABLE:
        fputs("\"type\":\"object\",\"additionalProperties\":false,", f);
        print_table(f, &o->table, 1);
        break;
    }
}

static void print_default(FILE *f, const struct option *o)
{
    bool plain = o->type == OPTION_INTEGER || o->type == OPTION_REAL || o->type == OPTION_BOOL;

    if (!o->fallback || o->fallback[0] == '\0' || o->type == OPTION_TABLE)
        return;
    fputs(",\"default\":", f);
    if (plain)
        fputs(o->fallback, f);
    else
        print_text(f, o->fallback);
}

static void print_row(FILE *f, const struct option *o)
{
    print_text(f, o->key);
    fputs(":{", f);
    print_type(f, o);
    fputs(",\"description\":", f);
    print_text(f, o->help);
    print_default(f, o);
    fputc('}', f);
}

/* Is this row the first of its group in the table? */
static bool leads_group(const struct option *table, const struct option *o)
{
    if (!o->group)
        return false;
    for (const struct option *row = table; row != o; row++) {
        if (row->group && strcmp(row->group, o->group) == 0)
            return false;
    }
    return true;
}

/* Exactly one key of a group: oneOf its keys; at most one: also none of them. */
static void print_group(FILE *f, const struct option *table, const struct option *leader)
{
    bool may_lack = leader->group[0] == '?';
    const char *comma = "";

    fputs("{\"oneOf\":[", f);
    for (const struct option *o = table; o->key; o++) {
        if (!o->group || strcmp(o->group, leader->group) != 0)
            continue;
        fprintf(f, "%s{\"required\":[\"%s\"]}", comma, o->key);
        comma = ",";
    }
    if (may_lack) {
        comma = "";
        fputs(",{\"not\":{\"anyOf\":[", f);
        for (const struct option *o = table; o->key; o++) {
            if (!o->group || strcmp(o->group, leader->group) != 0)
                continue;
            fprintf(f, "%s{\"required\":[\"%s\"]}", comma, o->key);
            comma = ",";
        }
        fputs("]}}", f);
    }
    fputs("]}", f);
}

static void print_groups(FILE *f, const struct option *const *tables, size_t count)
{
    const char *comma = "";

    fputs(",\"allOf\":[", f);
    for (size_t i = 0; i < count; i++) {
        for (const struct option *o = tables[i]; o && o->key; o++) {
            if (!leads_group(tables[i], o))
                continue;
            fputs(comma, f);
            print_group(f, tables[i], o);
            comma = ",";
        }
    }
    fputs(*comma ? "]" : "true]", f);
}

static void print_required(FILE *f, const struct option *const *tables, size_t count,
                           const char *first)
{
    fputs(",\"required\":[", f);
    fputs(first, f);
    for (size_t i = 0; i < count; i++) {
        for (const struct option *o = tables[i]; o && o->key; o++) {
            if (o->fallback)
                continue;
            fprintf(f, "%s\"%s\"", *first ? "," : "", o->key);
            first = ",";
        }
    }
    fputc(']', f);
}

static void print_rows(FILE *f, const struct option *const *tables, size_t count)
{
    const char *comma = "";

    for (size_t i = 0; i < count; i++) {
        for (const struct option *o = tables[i]; o && o->key; o++) {
            fputs(comma, f);
            print_row(f, o);
            comma = ",";
        }
    }
}

static void print_table(FILE *f, const struct option *const *tables, size_t count)
{
    fputs("\"properties\":{", f);
    print_rows(f, tables, count);
    fputc('}', f);
    print_required(f, tables, count, "");
    print_groups(f, tables, count);
}

/* An object of these tables and some more properties, printed already ready for use. */
static void print_object(FILE *f, const char *more, const char *required,
                         const struct option *const *tables, size_t count)
{
    fprintf(f, "{\"type\":\"object\",\"additionalProperties\":false,\"properties\":{%s", more);
    for (size_t i = 0, any = 0; i < count; i++) {
        for (const struct option *o = tables[i]; o && o->key; o++) {
            fputs(any++ || more[0] ? "," : "", f);
            print_row(f, o);
        }
    }
    fputc('}', f);
    print_required(f, tables, count, required);
    print_groups(f, tables, count);
    fputc('}', f);
}

#define NAME "\"name\":{\"type\":\"string\",\"description\":\"Name, a part of topics\"}"

static void print_sensor(FILE *f, const struct driver_schema *d)
{
    const struct option *const tables[] = {sensor_options, d->sensor_options};

    print_object(f, NAME, "\"name\"", tables, 2);
}

/* A sensor whose name a template has: any of the keys, to have them instead of the template's. */
static void print_sensor_part(FILE *f, const struct driver_schema *d)
{
    const struct option *const tables[] = {sensor_options, d->sensor_options};

    fputs("{\"type\":\"object\",\"additionalProperties\":false,\"required\":[\"name\"],"
          "\"properties\":{" NAME ",",
          f);
    print_rows(f, tables, 2);
    fputs("}}", f);
}

/* A device has a name and sensors, or a template. */
static void print_device(FILE *f, const struct driver_schema *d)
{
    const struct option *const tables[] = {device_options, d->device_options};

    fprintf(f, ",\n\"%s-sensor-part\":", d->name);
    print_sensor_part(f, d);
    fprintf(f, ",\n\"%s-device\":{\"allOf\":[", d->name);
    print_object(f,
                 NAME
                 ",\"template\":{\"type\":\"string\",\"description\":\"A template: its sensors, "
                 "and its other keys where the device has them not\"},\"sensors\":{\"type\":"
                 "\"array\"}",
                 "", tables, 2);
    fprintf(
        f,
        ",{\"if\":{\"required\":[\"template\"]},\"then\":{\"properties\":{\"sensors\":{\"items\":{"
        "\"$ref\":\"#/$defs/%s-sensor-part\"}}}},\"else\":{\"required\":[\"name\",\"sensors\"],"
        "\"properties\":{\"sensors\":{\"items\":{\"$ref\":\"#/$defs/%s-sensor\"}}}}}]}",
        d->name, d->name);
}

/* $defs: for each driver its sensor, its device (where it has them) and its source. */
static void print_driver(FILE *f, const struct driver_schema *d)
{
    const struct option *const source[] = {source_options, d->source_options};
    char more[512];
    const char *list = d->device_options ? "devices" : "sensors";

    fprintf(f, "\"%s-sensor\":", d->name);
    print_sensor(f, d);
    if (d->device_options)
        print_device(f, d);
    snprintf(more, sizeof(more),
             NAME ",\"driver\":{\"const\":\"%s\"},\"%s\":{\"type\":\"array\",\"items\":{\"$ref\":"
                  "\"#/$defs/%s-%s\"}}",
             d->name, list, d->name, d->device_options ? "device" : "sensor");
    fprintf(f, ",\n\"%s-source\":", d->name);
    print_object(f, more,
                 d->device_options ? "\"name\",\"driver\",\"devices\""
                                   : "\"name\",\"driver\",\"sensors\"",
                 source, 2);
}

static void print_refs(FILE *f, const struct driver_schema *const *drivers, size_t count,
                       const char *what)
{
    for (size_t i = 0; i < count; i++)
        fprintf(f, "%s{\"$ref\":\"#/$defs/%s-%s\"}", i ? "," : "", drivers[i]->name, what);
}

/* What a file in template_dir has for each name: a description, sensors, and keys of a device. */
static void print_template(FILE *f, const struct driver_schema *const *drivers, size_t count)
{
    fputs("\"template\":{\"type\":\"object\",\"additionalProperties\":false,\"required\":["
          "\"sensors\"],"
          "\"properties\":{",
          f);
    print_row(f, template_options);
    for (const struct option *o = device_options; o->key; o++) {
        fputc(',', f);
        print_row(f, o);
    }
    for (size_t i = 0; i < count; i++) {
        for (const struct option *o = drivers[i]->device_options; o && o->key; o++) {
            fputc(',', f);
            print_row(f, o);
        }
    }
    fputs(",\"sensors\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"anyOf\":[", f);
    print_refs(f, drivers, count, "sensor");
    fputs("]}}}},\n", f);
}

static void print_section(FILE *f, const char *key, const struct option *table)
{
    fprintf(f, "\"%s\":", key);
    print_object(f, "", "", &table, 1);
    fputs(",\n", f);
}

void config_write_schema(FILE *f, const struct driver_schema *const *drivers, size_t driver_count)
{
    const struct option *rule = rule_options, *http = http_options;

    fputs("{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",\n"
          "\"title\":\"sensorgw configuration\",\"type\":\"object\",\"additionalProperties\":false,"
          "\n\"required\":[\"sources\"],\"properties\":{\n",
          f);
    print_section(f, "gateway", gateway_options);
    print_section(f, "mqtt", mqtt_options);
    print_section(f, "storage", storage_options);
    fputs("\"http\":{\"anyOf\":[{\"const\":\"off\"},{\"const\":false},", f);
    print_object(f, "", "", &http, 1);
    fputs("]},\n", f);
    print_row(f, root_options);
    fputs(",\n\"templates\":{\"type\":\"object\",\"additionalProperties\":{\"$ref\":\"#/$defs/"
          "template\"}},\n\"sources\":{\"type\":\"array\",\"minItems\":1,\"items\":{\"oneOf\":[",
          f);
    print_refs(f, drivers, driver_count, "source");
    fputs("]}},\n\"rules\":{\"type\":\"array\",\"items\":", f);
    print_object(f, "", "", &rule, 1);
    fputs("}},\n\"$defs\":{\n\"number-or-range\":{\"anyOf\":[{\"type\":\"integer\",\"minimum\":0},{"
          "\"type\":\"string\",\"pattern\":\"^[0-9]+(-[0-9]+)?$\"}]},\n",
          f);
    print_template(f, drivers, driver_count);
    for (size_t i = 0; i < driver_count; i++) {
        fputs(i ? ",\n" : "", f);
        print_driver(f, drivers[i]);
    }
    fputs("}}\n", f);
}
