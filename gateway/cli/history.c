/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"
#include "gateway/cli/history_print.h"
#include "gateway/cli/plot.h"
#include "gateway/cli/table.h"
#include "gateway/core/clock.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define RAW_SPAN_US (6 * US_PER_HOUR)   /* up to here each reading is printed, */
#define MINUTE_SPAN_US (5 * US_PER_DAY) /* up to here minutes, beyond hours */
#define PLOT_HEIGHT 16
#define PLOT_AXIS 16 /* characters beside the chart */

struct job {
    int64_t since_us, until_us, every_us;
    bool chosen; /* every_us by the caller */
    bool plot;
    const char *aggregates;
    struct query *query;
    struct history_print print;
    uint64_t rows;

    char **sensors; /* owned */
    size_t sensor_count;
};

static bool each(void *arg, const struct history_row *row)
{
    struct job *j = arg;

    j->rows++;
    history_print_row(&j->print, row);
    return !ferror(stdout);
}

static bool wants_last(const struct job *j)
{
    return !j->print.is_raw && j->aggregates && strstr(j->aggregates, "last") != NULL;
}

static enum gw_err print_all(struct job *j)
{
    enum gw_err err = GW_OK;

    for (size_t i = 0; err == GW_OK && i < j->sensor_count && !ferror(stdout); i++) {
        const struct history_request r = {.sensor = j->sensors[i],
                                          .since_us = j->since_us,
                                          .until_us = j->until_us,
                                          .every_us = j->every_us,
                                          .last = wants_last(j)};
        j->print.sensor = j->sensors[i];
        err = query_history(j->query, &r, each, j);
    }
    if (err != GW_OK)
        return err;
    history_print_end(&j->print);
    if (j->rows == 0 && j->print.format == HISTORY_TABLE)
        puts("No readings in this time.");
    return GW_OK;
}

static bool plot_row(void *arg, const struct history_row *row)
{
    plot_add(arg, row->time_us, row->min, row->max);
    return true;
}

static enum gw_err fill_plot(const struct job *j, const char *sensor, int width, struct plot *p)
{
    const struct history_request r = {.sensor = sensor,
                                      .since_us = j->since_us,
                                      .until_us = j->until_us,
                                      .every_us = j->every_us};
    struct series s;

    if (j->chosen && j->every_us > 0)
        return query_history(j->query, &r, plot_row, p);
    enum gw_err err =
        query_series(j->query, sensor, j->since_us, j->until_us, (size_t)width * 2, &s);
    if (err != GW_OK)
        return err;
    /* A point is as long as its bucket: it may cover more than one column of dots. */
    int64_t column_us = (j->until_us - j->since_us) / width / 2 + 1;
    for (size_t i = 0; i < s.count; i++)
        for (int64_t t = 0; t <= s.every_us; t += column_us)
            plot_add(p, s.points[i].time_us + t, s.points[i].min, s.points[i].max);
    series_fini(&s);
    return GW_OK;
}

static enum gw_err plot_all(const struct job *j)
{
    int terminal = table_terminal_width(stdout);
    int width = (terminal > PLOT_AXIS + 24 ? terminal : 80) - PLOT_AXIS;
    enum gw_err err = GW_OK;

    for (size_t i = 0; err == GW_OK && i < j->sensor_count; i++) {
        struct plot *p;
        if ((err = plot_create(&p, width, PLOT_HEIGHT, j->since_us, j->until_us)) != GW_OK)
            return err;
        if ((err = fill_plot(j, j->sensors[i], width, p)) == GW_OK)
            plot_print(p, j->sensors[i], stdout);
        plot_destroy(p);
    }
    return err;
}

static bool add_sensor(void *arg, const struct latest_row *row)
{
    struct job *j = arg;
    char **grown = realloc(j->sensors, (j->sensor_count + 1) * sizeof(*grown));

    if (!grown)
        return false;
    j->sensors = grown;
    j->sensors[j->sensor_count] = strdup(row->sensor);
    if (!j->sensors[j->sensor_count])
        return false;
    int width = table_text_width(row->sensor);
    if (width > j->print.sensor_width)
        j->print.sensor_width = width;
    j->sensor_count++;
    return true;
}

/* A pattern, or a name: query_latest() takes both, unless a name has letters of a pattern in it. */
static int find_sensors(struct job *j, int count, char **words)
{
    j->print.sensor_width = (int)strlen("SENSOR");
    for (int i = 0; i < count; i++) {
        size_t before = j->sensor_count;
        if (query_latest(j->query, words[i], add_sensor, j) != GW_OK)
            return CLI_FAILED;
        if (j->sensor_count == before)
            return cli_unknown_sensor(j->query, words[i]);
    }
    j->print.named = j->sensor_count > 1;
    return CLI_OK;
}

static void choose_every(struct job *j)
{
    int64_t span_us = j->until_us - j->since_us;

    if (!j->chosen && span_us > RAW_SPAN_US)
        j->every_us = span_us > MINUTE_SPAN_US ? US_PER_HOUR : US_PER_MINUTE;
    /* Who asks for averages does not want single readings. */
    if (!j->chosen && j->every_us == 0 && j->aggregates)
        j->every_us = US_PER_MINUTE;
    j->print.is_raw = j->every_us == 0;
    if (!j->chosen && j->every_us > 0 && !j->plot && isatty(STDERR_FILENO))
        fprintf(stderr, "(by the %s, since the time is long; --every raw prints each reading)\n",
                j->every_us == US_PER_HOUR ? "hour" : "minute");
}

static int take_every(struct job *j, const char *text)
{
    j->chosen = true;
    if (strcmp(text, "raw") == 0) {
        j->every_us = 0;
        return CLI_OK;
    }
    if (option_parse_timespan(text, &j->every_us) && j->every_us >= US_PER_SECOND)
        return CLI_OK;
    return cli_usage_error(&cli_command_history,
                           "'%s' is no length of time of a second or more, such as 5m; nor is it "
                           "'raw', for each reading",
                           text);
}

static int take_aggregates(struct job *j, const char *text)
{
    char *wrong = history_print_columns(&j->print, text);

    j->aggregates = text;
    if (!wrong)
        return CLI_OK;
    int status = cli_usage_error(&cli_command_history,
                                 "'%s' in --agg is none of avg, min, max, last and count", wrong);
    free(wrong);
    return status;
}

static int take_format(struct job *j, enum history_format format)
{
    if (j->print.format != HISTORY_TABLE && j->print.format != format)
        return cli_usage_error(&cli_command_history, "either --csv or --json");
    j->print.format = format;
    return CLI_OK;
}

/* CLI_OK, or what a wrong option deserves. */
static int take_option(struct job *j, int c, int64_t now_us)
{
    const char *text = cli_argument();

    switch (c) {
    case 's':
        return cli_take_time(&cli_command_history, now_us, &j->since_us);
    case 'u':
        return cli_take_time(&cli_command_history, now_us, &j->until_us);
    case 'e':
        return take_every(j, text);
    case 'a':
        return take_aggregates(j, text);
    case 'C':
        return take_format(j, HISTORY_CSV);
    case 'j':
        return take_format(j, HISTORY_JSON);
    default:
        j->plot = true;
        return CLI_OK;
    }
}

static int answer(struct job *j, const struct cli *cli, int count, char **words)
{
    int status = cli_open_database(cli, &j->query);

    if (status != CLI_OK)
        return status;
    if ((status = find_sensors(j, count, words)) == CLI_OK) {
        choose_every(j);
        status = (j->plot ? plot_all(j) : print_all(j)) == GW_OK ? CLI_OK : CLI_FAILED;
    }
    query_close(j->query);
    for (size_t i = 0; i < j->sensor_count; i++)
        free(j->sensors[i]);
    free(j->sensors);
    return status;
}

static int history(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {"since", 's', true}, {"until", 'u', true}, {"every", 'e', true}, {"agg", 'a', true},
        {"csv", 'C', false},  {"json", 'j', false}, {"plot", 'p', false}, {0}};
    struct cli_parser p = {cli, &cli_command_history, options, argc, argv, 0, 0};
    int64_t now = clock_wall_us();
    struct job j = {.since_us = now - US_PER_HOUR, .until_us = now};
    int c, status;

    history_print_columns(&j.print, "avg,min,max,count");
    while ((c = cli_next(&p)) >= 0) {
        if ((status = take_option(&j, c, now)) != CLI_OK)
            return status;
    }
    if (c == CLI_STOP)
        return p.status;
    if (p.first == argc)
        return cli_usage_error(p.command, "which sensor? 'sensorgw sensors' lists them");
    if ((status = cli_check_span(p.command, j.since_us, j.until_us, now)) != CLI_OK)
        return status;
    if (j.aggregates && j.chosen && j.every_us == 0)
        return cli_usage_error(p.command, "--agg needs spans of time: --every 5m, not raw");
    return answer(&j, cli, argc - p.first, argv + p.first);
}

const struct command cli_command_history = {
    .name = "history",
    .arguments = "SENSOR...",
    .summary = "Prints readings of sensors, or averages over equal spans.",
    .help =
        "SENSOR is a name, or a pattern such as 'boiler/*'. Times are UTC, in and out. Without\n"
        "--every each reading is printed if the time is at most 6 hours, else minutes (up to 5\n"
        "days) or hours.\n\n"
        "  -s, --since TIME       from here; default 1h. " CLI_TIME_HELP
        "  -u, --until TIME       up to here, not included; default now\n"
        "  -e, --every SPAN       a row for each span such as 5m; raw: for each reading\n"
        "  -a, --agg LIST         what of each span: any of avg,min,max,last,count, in the order\n"
        "                         given; default avg,min,max,count. last is empty where the\n"
        "                         readings themselves are no longer kept\n"
        "  -C, --csv              comma-separated values with a title line (RFC 4180)\n"
        "  -j, --json             a JSON array, one object a row\n"
        "  -p, --plot             a chart in the terminal for each sensor\n"
        "      --database FILE    this database, whatever the configuration says\n",
    .run = history,
};
