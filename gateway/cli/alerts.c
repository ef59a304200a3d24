/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/listing.h"
#include "gateway/core/clock.h"
#include "storage/query.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct job {
    struct listing listing;
    struct alert_filter filter;
    bool filtered, undelivered;
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

static int list(struct job *j, struct query *q)
{
    static const char *const titles[] = {">ID",    "STATE",  "SEVERITY", "SENSOR",  "RULE",
                                         ">VALUE", ">LIMIT", "RAISED",   "CLEARED", NULL};
    struct listing *l = &j->listing;

    return listing_begin(l, titles)
               ? listing_end(l, query_alerts(q, &j->filter, each, l),
                             j->filtered ? "No alert of this kind." : "No alert so far.")
               : CLI_FAILED;
}

enum { OPTION_SEVERITY = 256 };

/* One of `words`, which end with NULL. */
static int take_word(const char *text, const char *option, const char *const *words,
                     const char **out)
{
    char all[128] = "";

    for (size_t i = 0; words[i]; i++) {
        if (strcmp(text, words[i]) == 0) {
            *out = words[i];
            return CLI_OK;
        }
        snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s%s", i ? ", " : "", words[i]);
    }
    return cli_usage_error(&cli_command_alerts, "%s takes one of %s, not '%s'", option, all, text);
}

static int take_option(struct job *j, int c, int64_t now_us)
{
    static const char *const states[] = {"raised",  "escalated", "acknowledged",
                                         "shelved", "cleared",   NULL};
    static const char *const severities[] = {"warning", "critical", NULL};
    const struct command *self = &cli_command_alerts;
    struct alert_filter *f = &j->filter;

    j->filtered = j->filtered || (c != 'j' && c != 'n');
    switch (c) {
    case 'a':
        f->active = true;
        return CLI_OK;
    case 'j':
        j->listing.as_json = true;
        return CLI_OK;
    case 'U':
        j->undelivered = true;
        return CLI_OK;
    case 's':
        return cli_take_time(self, now_us, &f->since_us);
    case 'u':
        return cli_take_time(self, now_us, &f->until_us);
    case 'r':
        f->rule = cli_argument();
        return CLI_OK;
    case 'S':
        f->sensor = cli_argument();
        return CLI_OK;
    case 't':
        return take_word(cli_argument(), "--state", states, &f->state);
    case OPTION_SEVERITY:
        return take_word(cli_argument(), "--severity", severities, &f->severity);
    default:
        return cli_take_limit(self, &f->limit);
    }
}

static int alerts(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{"active", 'a', false},
                                                {"json", 'j', false},
                                                {"limit", 'n', true},
                                                {"undelivered", 'U', false},
                                                {"since", 's', true},
                                                {"until", 'u', true},
                                                {"rule", 'r', true},
                                                {"sensor", 'S', true},
                                                {"state", 't', true},
                                                {"severity", OPTION_SEVERITY, true},
                                                {0}};
    struct cli_parser p = {cli, &cli_command_alerts, options, argc, argv, 0, 0};
    struct job j = {.filter = {.limit = 100}};
    int64_t now = clock_wall_us();
    struct query *q;
    int c, status;

    while ((c = cli_next(&p)) >= 0) {
        if ((status = take_option(&j, c, now)) != CLI_OK)
            return status;
    }
    if (c == CLI_STOP)
        return p.status;
    if ((status = cli_no_operands(&p)) != CLI_OK)
        return status;
    if (j.filter.until_us && (status = cli_check_span(p.command, j.filter.since_us,
                                                      j.filter.until_us, INT64_MAX)) != CLI_OK)
        return status;
    if (j.undelivered)
        return cli_undelivered(cli, j.filter.limit, j.listing.as_json);
    if (cli_open_database(cli, &q) != CLI_OK)
        return CLI_FAILED;
    status = list(&j, q);
    query_close(q);
    return status;
}

const struct command cli_command_alerts = {
    .name = "alerts",
    .arguments = "",
    .summary = "Lists the alerts, newest first.",
    .help = "Patterns are shell patterns, in quotes. Times are UTC, in and out.\n\n"
            "  -a, --active           only those not cleared yet\n"
            "  -s, --since TIME       only those that were there at TIME or later. " CLI_TIME_HELP
            "  -u, --until TIME       only those that were raised before TIME\n"
            "  -r, --rule PATTERN     of these rules\n"
            "  -S, --sensor PATTERN   of these sensors, such as 'boiler/*'\n"
            "  -t, --state STATE      raised, escalated, acknowledged, shelved or cleared\n"
            "      --severity WHICH   warning or critical\n"
            "  -U, --undelivered      transitions instead that the broker refused, with its "
            "reason, or\n"
            "                         has not taken yet\n"
            "  -n, --limit N          at most N; 0 for all; default 100\n"
            "  -j, --json             a JSON array, one object an alert\n"
            "      --database FILE    this database, whatever the configuration says\n",
    .run = alerts,
};
