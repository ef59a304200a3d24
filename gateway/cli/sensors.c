/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli.h"
#include "gateway/cli/table.h"
#include "gateway/core/clock.h"
#include "gateway/core/reading.h"
#include "storage/query.h"

#include <inttypes.h>
#include <math.h>

struct listing {
    struct table *table;
    struct cli_json json;
    int64_t now_us;
    bool as_json;
    size_t rows;
};

static cJSON *row_json(const struct listing *l, const struct latest_row *row)
{
    cJSON *o = cJSON_CreateObject();
    char exact[CLI_NUMBER_SIZE];

    cJSON_AddStringToObject(o, "sensor", row->sensor);
    if (row->is_integer) {
        snprintf(exact, sizeof(exact), "%" PRId64, row->integer);
        cJSON_AddRawToObject(o, "value", exact);
    } else {
        cli_json_number(o, "value", row->value);
    }
    cJSON_AddStringToObject(o, "unit", row->unit);
    cJSON_AddStringToObject(o, "quality", row->time_us ? quality_name(row->quality) : "never seen");
    cli_json_time(o, "time", row->time_us);
    cli_json_number(o, "age_s",
                    row->time_us ? (double)(l->now_us - row->time_us) / 1e6 : (double)NAN);
    cJSON_AddStringToObject(o, "source", row->source);
    cJSON_AddStringToObject(o, "device", row->device);
    return o;
}

static void row_table(struct listing *l, const struct latest_row *row)
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
    table_add(l->table, cells);
}

static bool each(void *arg, const struct latest_row *row)
{
    struct listing *l = arg;

    l->rows++;
    if (l->as_json)
        cli_json_item(&l->json, row_json(l, row));
    else
        row_table(l, row);
    return true;
}

static enum gw_err list(struct listing *l, struct query *q, const char *glob)
{
    static const char *const titles[] = {"SENSOR", ">VALUE", "UNIT", "QUALITY",
                                         ">AGE",   "SOURCE", NULL};

    if (l->as_json) {
        cli_json_begin(&l->json);
        enum gw_err err = query_latest(q, glob, each, l);
        cli_json_end(&l->json);
        return err;
    }
    l->table = table_create(titles);
    if (!l->table)
        return GW_ENOMEM;
    enum gw_err err = query_latest(q, glob, each, l);
    table_print(l->table, stdout);
    table_destroy(l->table);
    return err;
}

static int sensors(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{"json", 'j', false}, {0}};
    struct cli_parser p = {cli, &cli_command_sensors, options, argc, argv, 0, 0};
    struct listing l = {.now_us = clock_wall_us()};
    struct query *q;
    int c;

    while ((c = cli_next(&p)) >= 0)
        l.as_json = true;
    if (c == CLI_STOP)
        return p.status;
    if (argc - p.first > 1)
        return cli_usage_error(p.command, "one pattern at most; put it in quotes");
    const char *glob = argc > p.first ? argv[p.first] : NULL;
    if (cli_open_database(cli, &q) != CLI_OK)
        return CLI_FAILED;
    enum gw_err err = list(&l, q, glob);
    query_close(q);
    if (err == GW_OK && l.rows == 0 && glob) {
        fprintf(stderr, "sensorgw: no sensor is named like '%s'\n", glob);
        return CLI_FAILED;
    }
    return err == GW_OK ? CLI_OK : CLI_FAILED;
}

const struct command cli_command_sensors = {
    .name = "sensors",
    .arguments = "[PATTERN]",
    .summary = "Lists the sensors with their last value, its quality and age.",
    .help =
        "PATTERN is a shell pattern such as 'boiler/*'. Works while the gateway runs and after.\n\n"
        "  -j, --json             a JSON array, one object a sensor\n"
        "      --database FILE    this database, whatever the configuration says\n",
    .run = sensors,
};
