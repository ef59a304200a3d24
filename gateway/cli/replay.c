/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw replay: what alerts the rules would have given on readings of the past. */
#include "gateway/replay.h"

#include "gateway/cli/cli.h"
#include "gateway/cli/replay.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "storage/query.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define SETS_MAX 32
#define UNKNOWN_MAX 10 /* sensors of a file that are named */

struct job {
    /* what is asked for */
    const char *file, *sensor;
    const char *sets[SETS_MAX];
    size_t set_count;
    int64_t since_us, until_us;
    bool from_db, as_json;

    struct replay *replay;
    struct cli_json json;
    struct query *query; /* from_db */
    uint64_t unknown, readings, late, states[ALERT_STATE_COUNT], withheld, reminders;
    int64_t first_us, last_us;
    int64_t judged_us; /* of a reading that came late: when, and not its own time */
    bool failed;
};

/* --- what comes out --- */

static void print_json(struct job *j, const struct sensor *s, const struct alert_change *c)
{
    const char *withheld = alert_withheld_name(c->withheld);
    cJSON *o = cJSON_CreateObject();

    cli_json_time(o, "time", c->time_us);
    cJSON_AddStringToObject(o, "state", alert_state_name(c->state));
    cJSON_AddStringToObject(o, "severity", severity_name(c->severity));
    cJSON_AddStringToObject(o, "sensor", s->name);
    cJSON_AddStringToObject(o, "rule", c->rule);
    cJSON_AddStringToObject(o, "reason", alert_reason_name(c->reason));
    cli_json_number(o, "value", c->value);
    cli_json_number(o, "limit", c->limit);
    cJSON_AddStringToObject(o, "unit", s->unit);
    cli_json_time(o, "since", c->since_us);
    cJSON_AddNumberToObject(o, "id", (double)c->alert_id);
    if (c->repeat)
        cJSON_AddNumberToObject(o, "repeat", c->repeat);
    if (withheld)
        cJSON_AddStringToObject(o, "withheld", withheld);
    cli_json_item(&j->json, o);
}

static void print_line(const struct sensor *s, const struct alert_change *c)
{
    char time[CLOCK_UTC_SIZE], value[CLI_NUMBER_SIZE] = "-", limit[CLI_NUMBER_SIZE] = "-";

    if (!isnan(c->value))
        cli_rounded(c->value, value);
    if (!isnan(c->limit))
        cli_rounded(c->limit, limit);
    printf("%-24s  %-9s  %-8s  %-24s  %-16s  %10s  %10s  %s", clock_format_utc(c->time_us, 3, time),
           alert_state_name(c->state), severity_name(c->severity), s->name, c->rule, value, limit,
           alert_reason_name(c->reason));
    if (c->repeat)
        printf(", reminder %u", c->repeat);
    if (c->withheld)
        printf(", not published: %s", alert_withheld_name(c->withheld));
    putchar('\n');
}

static void on_change(void *arg, const struct sensor *s, const struct alert_change *c)
{
    struct job *j = arg;
    struct alert_change shown = *c;

    if (c->alert_id == 0)
        return;
    if (shown.time_us < j->judged_us)
        shown.time_us = j->judged_us;
    if (c->repeat)
        j->reminders++;
    else
        j->states[c->state]++;
    j->withheld += c->withheld != ALERT_TOLD;
    if (j->as_json)
        print_json(j, s, &shown);
    else
        print_line(s, &shown);
}

static void print_summary(const struct job *j)
{
    char from[CLOCK_UTC_SIZE], to[CLOCK_UTC_SIZE];

    if (j->readings == 0) {
        fprintf(stderr, "No readings.\n");
        return;
    }
    fprintf(stderr,
            "%" PRIu64 " reading%s from %s to %s: %" PRIu64 " raised, %" PRIu64
            " escalated, %" PRIu64 " cleared",
            j->readings, j->readings == 1 ? "" : "s", clock_format_utc(j->first_us, 0, from),
            clock_format_utc(j->last_us, 0, to), j->states[ALERT_RAISED],
            j->states[ALERT_ESCALATED], j->states[ALERT_CLEARED]);
    if (j->reminders)
        fprintf(stderr, ", %" PRIu64 " reminder%s", j->reminders, j->reminders == 1 ? "" : "s");
    if (j->withheld)
        fprintf(stderr, ", %" PRIu64 " of these not published", j->withheld);
    fprintf(stderr, "\n");
    if (j->late)
        fprintf(stderr,
                "%" PRIu64
                " reading%s older than one before, and judged at that one's time: sort the "
                "file by time\n",
                j->late, j->late == 1 ? " was" : "s were");
}

/* --- what goes in --- */

/* A misspelt one, or one that a source makes while it runs. */
static void tell_unknown(struct job *j, const char *sensor)
{
    if (j->unknown++ < UNKNOWN_MAX)
        fprintf(stderr,
                "sensorgw: %s: the configuration names no such sensor: only rules with a pattern "
                "that matches judge it\n",
                sensor);
    else if (j->unknown == UNKNOWN_MAX + 1)
        fprintf(stderr, "sensorgw: there are more of these sensors\n");
}

static bool take(struct job *j, const char *sensor, const char *unit, struct reading *r)
{
    if (r->time_us < j->since_us || r->time_us >= j->until_us)
        return true;
    if (j->readings++ == 0)
        j->first_us = j->last_us = r->time_us;
    bool late = r->time_us < j->last_us;
    j->late += late;
    j->last_us = late ? j->last_us : r->time_us;
    j->judged_us = late ? j->last_us : INT64_MIN;
    size_t known = sensor_table_count(replay_sensors(j->replay));
    enum gw_err err = replay_reading(j->replay, sensor, unit, r);
    if (err == GW_OK) {
        if (!j->from_db && sensor_table_count(replay_sensors(j->replay)) > known)
            tell_unknown(j, sensor);
        return true;
    }
    fprintf(stderr, "sensorgw: %s: %s\n", sensor,
            err == GW_EFULL ? "there are too many sensors" : gw_strerror(err));
    j->failed = true;
    return false;
}

static bool each_line(void *arg, const struct replay_line *line)
{
    struct reading r = line->reading;

    return take(arg, line->sensor, line->unit, &r);
}

static bool each_row(void *arg, const struct latest_row *row)
{
    struct reading r = {.time_us = row->time_us,
                        .value = row->is_integer ? (double)row->integer : row->value,
                        .quality = (uint8_t)row->quality};

    return take(arg, row->sensor, row->unit, &r);
}

static bool read_file(struct job *j)
{
    bool is_stdin = strcmp(j->file, "-") == 0;
    FILE *f = is_stdin ? stdin : fopen(j->file, "re");

    if (!f) {
        fprintf(stderr, "sensorgw: cannot read %s: %s\n", j->file, strerror(errno));
        return false;
    }
    bool fine = replay_read_csv(f, is_stdin ? "standard input" : j->file, j->sensor, each_line, j);
    if (!is_stdin)
        fclose(f);
    return fine;
}

static bool read_database(struct job *j)
{
    const struct readings_request request = {.sensors = j->sensor,
                                             .since_us = j->since_us,
                                             .until_us = j->until_us,
                                             .each = each_row,
                                             .arg = j};

    return query_readings(j->query, &request) == GW_OK && !j->failed;
}

static int run_replay(struct job *j, const struct config *config)
{
    if (replay_create(&j->replay, config, on_change, j) != GW_OK)
        return CLI_FAILED;
    if (j->as_json)
        cli_json_begin(&j->json);
    else
        printf("%-24s  %-9s  %-8s  %-24s  %-16s  %10s  %10s  %s\n", "TIME", "STATE", "SEVERITY",
               "SENSOR", "RULE", "VALUE", "LIMIT", "REASON");
    bool fine = j->from_db ? read_database(j) : read_file(j);
    if (j->readings > 0)
        replay_until(j->replay, j->last_us);
    if (j->as_json)
        cli_json_end(&j->json);
    fflush(stdout);
    if (fine)
        print_summary(j);
    replay_destroy(j->replay);
    return fine ? CLI_OK : CLI_FAILED;
}

/* --- the command line --- */

static int take_option(struct job *j, int c)
{
    static const char *const no_time = "'%s' is no time; write 24h, 2026-01-31 or "
                                       "2026-01-31T12:00:00Z";
    int64_t now = clock_wall_us();

    switch (c) {
    case 'd':
        j->from_db = true;
        break;
    case 'j':
        j->as_json = true;
        break;
    case 'S':
        j->sensor = cli_argument();
        break;
    case 's':
    case 'u':
        if (!cli_parse_time(cli_argument(), now, c == 's' ? &j->since_us : &j->until_us))
            return cli_usage_error(&cli_command_replay, no_time, cli_argument());
        break;
    default:
        if (j->set_count == SETS_MAX)
            return cli_usage_error(&cli_command_replay, "too many --set");
        j->sets[j->set_count++] = cli_argument();
    }
    return CLI_OK;
}

static int apply_sets(const struct job *j, struct config *config)
{
    for (size_t i = 0; i < j->set_count; i++) {
        const char *problem = replay_set(config, j->sets[i]);
        if (problem)
            return cli_usage_error(&cli_command_replay, "--set %s: %s", j->sets[i], problem);
    }
    const char *problem = replay_check(config);
    return problem ? cli_usage_error(&cli_command_replay, "%s", problem) : CLI_OK;
}

static int replay(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{"from-db", 'd', false},
                                                {"sensor", 'S', true},
                                                {"since", 's', true},
                                                {"until", 'u', true},
                                                {"set", 'x', true},
                                                {"json", 'j', false},
                                                {0}};
    struct cli_parser p = {cli, &cli_command_replay, options, argc, argv, 0, 0};
    struct job j = {.since_us = 0, .until_us = INT64_MAX};
    struct config *config = NULL;
    int c, status = CLI_OK;

    while ((c = cli_next(&p)) >= 0) {
        if ((status = take_option(&j, c)) != CLI_OK)
            return status;
    }
    if (c == CLI_STOP)
        return p.status;
    if (argc - p.first != (j.from_db ? 0 : 1))
        return cli_usage_error(p.command, "wants a FILE of readings, or --from-db");
    if ((status = cli_check_span(p.command, j.since_us, j.until_us, INT64_MAX)) != CLI_OK)
        return status;
    j.file = argv[p.first];
    log_configure(LOG_LEVEL_ERROR, LOG_FORMAT_TEXT);
    if ((status = cli_load_config(cli, &config)) == CLI_OK)
        status = apply_sets(&j, config);
    if (status == CLI_OK && j.from_db)
        status = cli_open_database(cli, &j.query);
    if (status == CLI_OK)
        status = run_replay(&j, config);
    query_close(j.query);
    config_free(config);
    return status;
}

const struct command cli_command_replay = {
    .name = "replay",
    .arguments = "FILE | --from-db",
    .summary = "Prints the alerts that the rules would have given on readings of the past.",
    .help =
        "FILE (or - for standard input) holds comma-separated values with a title line: time, "
        "sensor, value,\n"
        "and if you like quality, as export and history write them, sorted by time. Nothing is "
        "stored or\n"
        "published, the running gateway knows nothing of it. The clock follows the readings, in "
        "steps of 1 s.\n\n"
        "  -d, --from-db          the readings of the database; it is only read\n"
        "  -S, --sensor NAME      of a file without a column sensor; with --from-db a shell\n"
        "                         pattern of sensors to replay\n"
        "  -s, --since TIME       from then on: 24h, 7d, 2026-01-31, 2026-01-31T12:00:00Z\n"
        "  -u, --until TIME       until then\n"
        "  -x, --set RULE.KEY=VALUE\n"
        "                         with another limit: overheat.high.warning=80, overheat.for=1m;\n"
        "                         any number of times\n"
        "  -j, --json             a JSON array, one object a transition\n"
        "      --database FILE    this database, whatever the configuration says\n",
    .run = replay,
};
