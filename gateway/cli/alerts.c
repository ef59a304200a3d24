/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli.h"
#include "gateway/cli/table.h"
#include "gateway/core/clock.h"
#include "storage/query.h"

#include <math.h>
#include <stdlib.h>

struct listing {
    struct table *table;
    struct cli_json json;
    bool as_json;
};

static cJSON *row_json(const struct alert_row *row)
{
    cJSON *o = cJSON_CreateObject();
    char id[64];

    snprintf(id, sizeof(id), "%s-%lld", row->instance, (long long)row->id);
    cJSON_AddStringToObject(o, "id", id);
    cJSON_AddStringToObject(o, "sensor", row->sensor);
    cJSON_AddStringToObject(o, "rule", row->rule);
    cJSON_AddStringToObject(o, "severity", row->severity);
    cJSON_AddStringToObject(o, "state", row->state);
    cli_json_number(o, "value", row->value);
    cli_json_number(o, "limit", row->limit);
    cJSON_AddStringToObject(o, "unit", row->unit);
    cli_json_time(o, "raised", row->raised_us);
    cli_json_time(o, "changed", row->changed_us);
    cli_json_time(o, "cleared", row->cleared_us);
    return o;
}

static bool each(void *arg, const struct alert_row *row)
{
    struct listing *l = arg;
    char raised[CLOCK_UTC_SIZE], cleared[CLOCK_UTC_SIZE] = "-", id[24];
    char value[CLI_NUMBER_SIZE] = "-", limit[CLI_NUMBER_SIZE] = "-";

    if (l->as_json) {
        cli_json_item(&l->json, row_json(row));
        return true;
    }
    snprintf(id, sizeof(id), "%lld", (long long)row->id);
    if (!isnan(row->value))
        cli_rounded(row->value, value);
    if (!isnan(row->limit))
        cli_rounded(row->limit, limit);
    if (row->cleared_us)
        clock_format_utc(row->cleared_us, 0, cleared);
    const char *cells[] = {
        id,        row->state, row->severity, row->sensor,
        row->rule, value,      limit,         clock_format_utc(row->raised_us, 0, raised),
        cleared};
    table_add(l->table, cells);
    return true;
}

static enum gw_err list(struct listing *l, struct query *q, bool active, size_t limit)
{
    static const char *const titles[] = {">ID",    "STATE",  "SEVERITY", "SENSOR",  "RULE",
                                         ">VALUE", ">LIMIT", "RAISED",   "CLEARED", NULL};
    const struct alert_filter filter = {.active = active, .limit = limit};

    if (l->as_json) {
        cli_json_begin(&l->json);
        enum gw_err err = query_alerts(q, &filter, each, l);
        cli_json_end(&l->json);
        return err;
    }
    l->table = table_create(titles);
    if (!l->table)
        return GW_ENOMEM;
    enum gw_err err = query_alerts(q, &filter, each, l);
    if (table_rows(l->table) > 0)
        table_print(l->table, stdout);
    else
        puts(active ? "No alert is active." : "No alert so far.");
    table_destroy(l->table);
    return err;
}

static int alerts(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {"active", 'a', false}, {"json", 'j', false}, {"limit", 'n', true}, {0}};
    struct cli_parser p = {cli, &cli_command_alerts, options, argc, argv, 0, 0};
    struct listing l = {0};
    bool active = false;
    size_t limit = 100;
    struct query *q;
    char *end;
    int c;

    while ((c = cli_next(&p)) >= 0) {
        if (c == 'a')
            active = true;
        else if (c == 'j')
            l.as_json = true;
        else {
            limit = strtoul(cli_argument(), &end, 10);
            if (*end || end == cli_argument() || cli_argument()[0] == '-')
                return cli_usage_error(p.command, "--limit takes a whole number, not '%s'",
                                       cli_argument());
        }
    }
    if (c == CLI_STOP)
        return p.status;
    if (p.first < argc)
        return cli_usage_error(p.command, "'%s' is one word too many", argv[p.first]);
    if (cli_open_database(cli, &q) != CLI_OK)
        return CLI_FAILED;
    enum gw_err err = list(&l, q, active, limit);
    query_close(q);
    return err == GW_OK ? CLI_OK : CLI_FAILED;
}

const struct command cli_command_alerts = {
    .name = "alerts",
    .arguments = "",
    .summary = "Lists the alerts, newest first.",
    .help = "  -a, --active           only those not cleared yet\n"
            "  -n, --limit N          at most N; 0 for all; default 100\n"
            "  -j, --json             a JSON array, one object an alert\n"
            "      --database FILE    this database, whatever the configuration says\n",
    .run = alerts,
};
