/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli.h"
#include "gateway/cli/table.h"
#include "gateway/core/clock.h"
#include "gateway/core/reading.h"
#include "storage/query.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

struct listing {
    int64_t now_us;
    bool as_json, descending;
    int (*compare)(const struct latest_row *a, const struct latest_row *b); /* NULL: by name */
    struct latest_row *rows; /* with texts of their own */
    size_t count;
};

static int compare_numbers(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) - isnan(b); /* those without a value at the end */
    return (a > b) - (a < b);
}

static int by_value(const struct latest_row *a, const struct latest_row *b)
{
    return compare_numbers(a->value, b->value);
}

/* The newest first; never seen: the oldest of all. */
static int by_age(const struct latest_row *a, const struct latest_row *b)
{
    return compare_numbers((double)b->time_us, (double)a->time_us);
}

static int by_quality(const struct latest_row *a, const struct latest_row *b)
{
    return strcmp(a->time_us ? quality_name(a->quality) : "never seen",
                  b->time_us ? quality_name(b->quality) : "never seen");
}

static int by_source(const struct latest_row *a, const struct latest_row *b)
{
    return strcmp(a->source, b->source);
}

static int by_name(const struct latest_row *a, const struct latest_row *b)
{
    return strcmp(a->sensor, b->sensor);
}

static const struct {
    const char *name;
    int (*compare)(const struct latest_row *a, const struct latest_row *b);
} keys[] = {
    {"name", by_name},       {"value", by_value},   {"age", by_age},
    {"quality", by_quality}, {"source", by_source},
};

static int compare_rows(const void *a, const void *b, void *arg)
{
    const struct listing *l = arg;
    int order = l->compare(a, b);

    if (order != 0)
        return l->descending ? -order : order;
    return by_name(a, b);
}

static cJSON *row_json(const struct listing *l, const struct latest_row *row)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "sensor", row->sensor);
    cli_json_value(o, "value", row->value, row->is_integer, row->integer);
    cJSON_AddStringToObject(o, "unit", row->unit);
    cJSON_AddStringToObject(o, "quality", row->time_us ? quality_name(row->quality) : "never seen");
    cli_json_time(o, "time", row->time_us);
    cli_json_number(o, "age_s",
                    row->time_us ? (double)(l->now_us - row->time_us) / 1e6 : (double)NAN);
    cJSON_AddStringToObject(o, "source", row->source);
    cJSON_AddStringToObject(o, "device", row->device);
    return o;
}

static void row_table(const struct listing *l, struct table *t, const struct latest_row *row)
{
    char value[CLI_NUMBER_SIZE] = "-", age[CLI_NUMBER_SIZE] = "-";

    if (row->is_integer)
        snprintf(value, sizeof(value), "%" PRId64, row->integer);
    else if (!isnan(row->value))
        cli_rounded(row->value, value);
    if (row->time_us)
        cli_age(l->now_us - row->time_us, age);
    const char *cells[] = {row->sensor, value,
                           row->unit,   row->time_us ? quality_name(row->quality) : "never seen",
                           age,         row->source};
    table_add(t, cells);
}

static bool keep(void *arg, const struct latest_row *row)
{
    struct listing *l = arg;
    struct latest_row *grown = realloc(l->rows, (l->count + 1) * sizeof(*grown));

    if (!grown)
        return false;
    l->rows = grown;
    grown[l->count] = *row;
    grown[l->count].sensor = strdup(row->sensor);
    grown[l->count].unit = strdup(row->unit);
    grown[l->count].source = strdup(row->source);
    grown[l->count].device = strdup(row->device);
    l->count++;
    return true;
}

static void forget(struct listing *l)
{
    for (size_t i = 0; i < l->count; i++) {
        free((void *)(uintptr_t)l->rows[i].sensor);
        free((void *)(uintptr_t)l->rows[i].unit);
        free((void *)(uintptr_t)l->rows[i].source);
        free((void *)(uintptr_t)l->rows[i].device);
    }
    free(l->rows);
}

static void print_json(const struct listing *l)
{
    struct cli_json json;

    cli_json_begin(&json);
    for (size_t i = 0; i < l->count; i++)
        cli_json_item(&json, row_json(l, &l->rows[i]));
    cli_json_end(&json);
}

static void print_table(const struct listing *l)
{
    static const char *const titles[] = {"SENSOR", ">VALUE", "UNIT", "QUALITY",
                                         ">AGE",   "SOURCE", NULL};
    struct table *t = table_create(titles);

    for (size_t i = 0; t && i < l->count; i++)
        row_table(l, t, &l->rows[i]);
    if (t)
        table_print(t, stdout);
    table_destroy(t);
}

static int list(struct listing *l, struct query *q, const char *glob)
{
    if (query_latest(q, glob, keep, l) != GW_OK)
        return CLI_FAILED;
    if (l->count == 0 && glob)
        return cli_unknown_sensor(q, glob);
    if (l->compare)
        qsort_r(l->rows, l->count, sizeof(*l->rows), compare_rows, l);
    if (l->as_json)
        print_json(l);
    else if (l->count > 0)
        print_table(l);
    else
        puts("No sensor so far.");
    return CLI_OK;
}

static int take_sort(struct listing *l, const char *text)
{
    l->descending = text[0] == '-';
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strcmp(text + l->descending, keys[i].name) == 0) {
            l->compare = keys[i].compare;
            return CLI_OK;
        }
    }
    return cli_usage_error(&cli_command_sensors,
                           "cannot sort by '%s': name, value, age, quality or source", text);
}

static int sensors(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{"json", 'j', false}, {"sort", 'S', true}, {0}};
    struct cli_parser p = {cli, &cli_command_sensors, options, argc, argv, 0, 0};
    struct listing l = {.now_us = clock_wall_us()};
    struct query *q;
    int c, status;

    while ((c = cli_next(&p)) >= 0) {
        if (c == 'j')
            l.as_json = true;
        else if ((status = take_sort(&l, cli_argument())) != CLI_OK)
            return status;
    }
    if (c == CLI_STOP)
        return p.status;
    if (argc - p.first > 1)
        return cli_usage_error(p.command, "one pattern at most; put it in quotes");
    if (cli_open_database(cli, &q) != CLI_OK)
        return CLI_FAILED;
    status = list(&l, q, argc > p.first ? argv[p.first] : NULL);
    query_close(q);
    forget(&l);
    return status;
}

const struct command cli_command_sensors = {
    .name = "sensors",
    .arguments = "[PATTERN]",
    .summary = "Lists the sensors with their last value, its quality and age.",
    .help =
        "PATTERN is a shell pattern such as 'boiler/*'. Works while the gateway runs and after.\n\n"
        "  -S, --sort KEY         by name (the default), value, age, quality or source; -KEY the\n"
        "                         other way round, as in --sort=-age: the oldest first\n"
        "  -j, --json             a JSON array, one object a sensor\n"
        "      --database FILE    this database, whatever the configuration says\n",
    .run = sensors,
};
