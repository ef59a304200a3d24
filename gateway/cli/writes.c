/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw writes: which sensors were set, by whom, and what became of it. */
#include "gateway/cli/listing.h"
#include "gateway/core/clock.h"
#include "storage/query.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void add_text(cJSON *o, const char *key, const char *text)
{
    if (text[0])
        cJSON_AddStringToObject(o, key, text);
    else
        cJSON_AddNullToObject(o, key);
}

static cJSON *row_json(const struct write_row *row)
{
    cJSON *o = cJSON_CreateObject();

    cli_json_time(o, "time", row->time_us);
    cJSON_AddStringToObject(o, "sensor", row->sensor);
    cli_json_number(o, "value", row->value);
    cli_json_number(o, "read_back", row->read_back);
    cJSON_AddStringToObject(o, "unit", row->unit);
    cJSON_AddStringToObject(o, "origin", row->origin);
    add_text(o, "request", row->request);
    add_text(o, "error", row->error);
    return o;
}

static bool each(void *arg, const struct write_row *row)
{
    struct listing *l = arg;
    char time[CLOCK_UTC_SIZE], value[CLI_NUMBER_SIZE] = "-", back[CLI_NUMBER_SIZE] = "-";

    if (l->as_json) {
        cli_json_item(&l->json, row_json(row));
        return true;
    }
    if (!isnan(row->value))
        cli_rounded(row->value, value);
    if (!isnan(row->read_back))
        cli_rounded(row->read_back, back);
    table_add(l->table, (const char *[]){clock_format_utc(row->time_us, 0, time), row->sensor,
                                         value, back, row->unit, row->origin, row->request,
                                         row->error[0] ? row->error : "done"});
    return true;
}

static int list(struct listing *l, struct query *q, const struct write_filter *filter)
{
    static const char *const titles[] = {"TIME",   "SENSOR", ">VALUE",  ">READ BACK", "UNIT",
                                         "ORIGIN", "ID",     "OUTCOME", NULL};

    return listing_begin(l, titles)
               ? listing_end(l, query_writes(q, filter, each, l), "Nothing was set.")
               : CLI_FAILED;
}

/* CLI_OK, or what is wrong with the option. */
static int take_option(const struct command *self, int c, struct listing *l,
                       struct write_filter *filter)
{
    switch (c) {
    case 'j':
        l->as_json = true;
        return CLI_OK;
    case 'f':
        filter->failed = true;
        return CLI_OK;
    case 's':
        return cli_take_time(self, clock_wall_us(), &filter->since_us);
    default:
        return cli_take_limit(self, &filter->limit);
    }
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{"failed", 'f', false},
                                                {"since", 's', true},
                                                {"limit", 'n', true},
                                                {"json", 'j', false},
                                                {0}};
    struct cli_parser p = {cli, &cli_command_writes, options, argc, argv, 0, 0};
    struct write_filter filter = {.limit = 100};
    struct listing l = {0};
    struct query *q;
    int c, status = CLI_OK;

    while (status == CLI_OK && (c = cli_next(&p)) >= 0)
        status = take_option(p.command, c, &l, &filter);
    if (status != CLI_OK)
        return status;
    if (c == CLI_STOP)
        return p.status;
    if (argc - p.first > 1)
        return cli_usage_error(p.command, "wants at most one GLOB");
    filter.sensor = argv[p.first]; /* NULL at the end */
    if (cli_open_database(cli, &q) != CLI_OK)
        return CLI_FAILED;
    status = list(&l, q, &filter);
    query_close(q);
    return status;
}

const struct command cli_command_writes = {
    .name = "writes",
    .arguments = "[GLOB]",
    .summary = "Lists which sensors were set or refused to be, newest first.",
    .help = "GLOB selects sensors, such as 'boiler/*'.\n\n"
            "  -f, --failed           only those refused or failed\n"
            "  -s, --since TIME       24h, 7d (that long ago) or a time\n"
            "  -n, --limit N          at most N; 0 for all; default 100\n"
            "  -j, --json             a JSON array, one object each\n"
            "      --database FILE    this database, whatever the configuration says\n",
    .run = run,
};
