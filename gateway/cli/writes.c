/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw writes: which sensors were set, by whom, and what became of it. */
#include "gateway/cli/cli.h"
#include "gateway/cli/table.h"
#include "gateway/core/clock.h"
#include "storage/query.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct listing {
    struct table *table;
    struct cli_json json;
    bool as_json;
};

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

static enum gw_err list(struct listing *l, struct query *q, const struct write_filter *filter)
{
    static const char *const titles[] = {"TIME",   "SENSOR", ">VALUE",  ">READ BACK", "UNIT",
                                         "ORIGIN", "ID",     "OUTCOME", NULL};

    if (l->as_json) {
        cli_json_begin(&l->json);
        enum gw_err err = query_writes(q, filter, each, l);
        cli_json_end(&l->json);
        return err;
    }
    l->table = table_create(titles);
    if (!l->table)
        return GW_ENOMEM;
    enum gw_err err = query_writes(q, filter, each, l);
    if (table_rows(l->table) > 0)
        table_print(l->table, stdout);
    else if (err == GW_OK)
        puts("Nothing was set.");
    table_destroy(l->table);
    return err;
}

/* CLI_OK, or what is wrong with the option. */
static int take_option(const struct command *self, int c, struct listing *l,
                       struct write_filter *filter)
{
    const char *text = cli_argument();
    char *end;

    if (c == 'j')
        l->as_json = true;
    else if (c == 'f')
        filter->failed = true;
    else if (c == 's' && !cli_parse_time(text, clock_wall_us(), &filter->since_us))
        return cli_usage_error(self, "'%s' is no time: say 24h, 7d or 2026-01-31", text);
    else if (c == 'n') {
        filter->limit = strtoul(text, &end, 10);
        if (*end || end == text || *text == '-')
            return cli_usage_error(self, "--limit takes a whole number, not '%s'", text);
    }
    return CLI_OK;
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
    enum gw_err err = list(&l, q, &filter);
    query_close(q);
    return err == GW_OK ? CLI_OK : CLI_FAILED;
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
