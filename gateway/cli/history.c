/* SPDX-License-Identifier: Apache-2.0 */
#include "config/option.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/plot.h"
#include "gateway/core/clock.h"
#include "gateway/core/reading.h"
#include "storage/query.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum format { FORMAT_TABLE, FORMAT_CSV, FORMAT_JSON, FORMAT_PLOT };

struct request {
    const char *sensor;
    int64_t since_us, until_us, every_us;
    enum format format;
    struct plot *plot;
    struct cli_json json;
    uint64_t rows;
};

static void print_csv(const struct request *r, const char *time, const struct history_row *row)
{
    char value[CLI_NUMBER_SIZE] = "", min[CLI_NUMBER_SIZE], max[CLI_NUMBER_SIZE];

    if (!isnan(row->value))
        cli_number(row->value, value);
    if (r->every_us == 0)
        printf("%s,%s,%s\n", time, value, quality_name(row->quality));
    else
        printf("%s,%s,%s,%s,%" PRIu64 "\n", time, value, cli_number(row->min, min),
               cli_number(row->max, max), row->count);
}

static void print_table_row(const struct request *r, const char *time,
                            const struct history_row *row)
{
    char value[CLI_NUMBER_SIZE] = "-", min[CLI_NUMBER_SIZE], max[CLI_NUMBER_SIZE];

    if (!isnan(row->value))
        cli_rounded(row->value, value);
    if (r->every_us == 0)
        printf("%-24s  %14s  %s\n", time, value, quality_name(row->quality));
    else
        printf("%-24s  %14s  %14s  %14s  %8" PRIu64 "\n", time, value, cli_rounded(row->min, min),
               cli_rounded(row->max, max), row->count);
}

static cJSON *row_json(const struct request *r, const char *time, const struct history_row *row)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "time", time);
    cli_json_number(o, r->every_us ? "avg" : "value", row->value);
    if (r->every_us == 0) {
        cJSON_AddStringToObject(o, "quality", quality_name(row->quality));
        return o;
    }
    cli_json_number(o, "min", row->min);
    cli_json_number(o, "max", row->max);
    cJSON_AddNumberToObject(o, "count", (double)row->count);
    return o;
}

/* Not before it is known that there is such a sensor. */
static void begin(struct request *r)
{
    if (r->format == FORMAT_JSON)
        cli_json_begin(&r->json);
    else if (r->format == FORMAT_CSV)
        puts(r->every_us ? "time,avg,min,max,count" : "time,value,quality");
    else if (r->format == FORMAT_TABLE && r->every_us == 0)
        printf("%-24s  %14s  %s\n", "TIME (UTC)", "VALUE", "QUALITY");
    else if (r->format == FORMAT_TABLE)
        printf("%-24s  %14s  %14s  %14s  %8s\n", "TIME (UTC)", "AVERAGE", "MIN", "MAX", "COUNT");
}

static bool each(void *arg, const struct history_row *row)
{
    struct request *r = arg;
    char time[CLOCK_UTC_SIZE];

    if (r->rows++ == 0)
        begin(r);
    clock_format_utc(row->time_us, 3, time);
    switch (r->format) {
    case FORMAT_CSV:
        print_csv(r, time, row);
        break;
    case FORMAT_JSON:
        cli_json_item(&r->json, row_json(r, time, row));
        break;
    case FORMAT_PLOT:
        plot_add(r->plot, row->time_us, r->every_us ? row->min : row->value,
                 r->every_us ? row->max : row->value);
        break;
    case FORMAT_TABLE:
        print_table_row(r, time, row);
        break;
    }
    return !ferror(stdout);
}

static enum gw_err ask(struct request *r, struct query *q)
{
    const struct history_request request = {.sensor = r->sensor,
                                            .since_us = r->since_us,
                                            .until_us = r->until_us,
                                            .every_us = r->every_us};

    return query_history(q, &request, each, r);
}

static int terminal_width(void)
{
    struct winsize size;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 40)
        return size.ws_col;
    return 80;
}

static enum gw_err print_plot(struct request *r, struct query *q)
{
    enum gw_err err = plot_create(&r->plot, terminal_width() - 16, 16, r->since_us, r->until_us);
    if (err != GW_OK)
        return err;
    err = ask(r, q);
    if (err == GW_OK)
        plot_print(r->plot, r->sensor, stdout);
    plot_destroy(r->plot);
    return err;
}

static enum gw_err print_rows(struct request *r, struct query *q)
{
    if (r->format == FORMAT_PLOT)
        return print_plot(r, q);
    enum gw_err err = ask(r, q);
    if (err == GW_OK && r->rows == 0)
        begin(r);
    if (r->format == FORMAT_JSON && (err == GW_OK || r->rows > 0))
        cli_json_end(&r->json);
    if (err == GW_OK && r->rows == 0 && r->format == FORMAT_TABLE)
        puts("No readings in this time.");
    return err;
}

static void explain_unknown(struct query *q, const char *sensor)
{
    char *like = query_suggest(q, sensor);

    fprintf(stderr, "sensorgw: no sensor is called '%s'", sensor);
    if (like)
        fprintf(stderr, "; did you mean '%s'?\n", like);
    else
        fprintf(stderr, "; 'sensorgw sensors' lists them\n");
    free(like);
}

/* CLI_OK, or what a wrong option deserves. */
static int take_option(struct request *r, int c, int64_t now_us)
{
    const struct command *self = &cli_command_history;
    const char *text = cli_argument();

    switch (c) {
    case 's':
    case 'u':
        if (!cli_parse_time(text, now_us, c == 's' ? &r->since_us : &r->until_us))
            return cli_usage_error(
                self, "'%s' is no time: say 24h, 7d, 2026-01-31 or 2026-01-31T12:00:00Z", text);
        return CLI_OK;
    case 'e':
        if (!option_parse_timespan(text, &r->every_us) || r->every_us < US_PER_SECOND)
            return cli_usage_error(
                self, "'%s' is no length of time of a second or more, such as 5m", text);
        return CLI_OK;
    case 'C':
        r->format = FORMAT_CSV;
        return CLI_OK;
    case 'j':
        r->format = FORMAT_JSON;
        return CLI_OK;
    default:
        r->format = FORMAT_PLOT;
        return CLI_OK;
    }
}

static int history(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{"since", 's', true},
                                                {"until", 'u', true},
                                                {"every", 'e', true},
                                                {"csv", 'C', false},
                                                {"json", 'j', false},
                                                {"plot", 'p', false},
                                                {0}};
    struct cli_parser p = {cli, &cli_command_history, options, argc, argv, 0, 0};
    int64_t now = clock_wall_us();
    struct request r = {.since_us = now - US_PER_HOUR, .until_us = now};
    struct query *q;
    int c;

    while ((c = cli_next(&p)) >= 0) {
        int status = take_option(&r, c, now);
        if (status != CLI_OK)
            return status;
    }
    if (c == CLI_STOP)
        return p.status;
    if (argc - p.first != 1)
        return cli_usage_error(p.command, argc > p.first
                                              ? "one sensor at a time"
                                              : "which sensor? 'sensorgw sensors' lists them");
    if (r.since_us >= r.until_us)
        return cli_usage_error(p.command, "--since must lie before --until");
    r.sensor = argv[p.first];
    if (cli_open_database(cli, &q) != CLI_OK)
        return CLI_FAILED;
    enum gw_err err = print_rows(&r, q);
    if (err == GW_ENOENT)
        explain_unknown(q, r.sensor);
    query_close(q);
    return err == GW_OK ? CLI_OK : CLI_FAILED;
}

const struct command cli_command_history = {
    .name = "history",
    .arguments = "SENSOR",
    .summary = "Prints a sensor's readings, or averages over equal spans.",
    .help = "Times are UTC. Without --every each reading is printed as it is stored.\n\n"
            "  -s, --since TIME       from here; default 1h. A span such as 24h or 7d means that\n"
            "                         long ago; or 2026-01-31, 2026-01-31T12:00:00Z\n"
            "  -u, --until TIME       up to here, not included; default now\n"
            "  -e, --every SPAN       average, minimum, maximum and count over spans such as 5m\n"
            "  -C, --csv              comma-separated values with a title line\n"
            "  -j, --json             a JSON array, one object a row\n"
            "  -p, --plot             a chart in the terminal\n"
            "      --database FILE    this database, whatever the configuration says\n",
    .run = history,
};
