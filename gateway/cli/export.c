/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli.h"
#include "gateway/cli/csv.h"
#include "gateway/cli/meter.h"
#include "gateway/cli/outfile.h"
#include "gateway/core/clock.h"
#include "gateway/core/reading.h"
#include "storage/copy.h"
#include "storage/query.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum format { FORMAT_UNSET, FORMAT_CSV, FORMAT_JSON, FORMAT_DATABASE };
enum { OPTION_FORCE = 256 };

struct job {
    /* what is asked for */
    enum format format;
    const char *pattern, *path;
    int64_t since_us, until_us;
    bool force;

    char *database; /* owned */
    struct outfile out;
    struct csv csv;
    struct meter meter;
    uint64_t readings;
};

static void write_csv(struct job *j, const char *time, const struct latest_row *row)
{
    csv_plain(&j->csv, time);
    csv_text(&j->csv, row->sensor);
    if (row->is_integer)
        csv_integer(&j->csv, row->integer);
    else
        csv_number(&j->csv, row->value);
    csv_text(&j->csv, row->unit);
    csv_plain(&j->csv, quality_name(row->quality));
    csv_end(&j->csv);
}

/* As RFC 8259 wants it. cJSON would take three times as long for the whole row. */
static void write_string(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (c < 0x20)
            fprintf(f, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            fprintf(f, "\\%c", c);
        else
            fputc(c, f);
    }
    fputc('"', f);
}

static void write_json(struct job *j, const char *time, const struct latest_row *row)
{
    FILE *f = j->out.file;
    char value[CLI_NUMBER_SIZE] = "null";

    if (row->is_integer)
        snprintf(value, sizeof(value), "%" PRId64, row->integer);
    else if (!isnan(row->value))
        cli_number(row->value, value);
    fprintf(f, "{\"time\":\"%s\",\"sensor\":", time);
    write_string(f, row->sensor);
    fprintf(f, ",\"value\":%s,\"unit\":", value);
    write_string(f, row->unit);
    fprintf(f, ",\"quality\":\"%s\"}\n", quality_name(row->quality));
}

static bool each(void *arg, const struct latest_row *row)
{
    struct job *j = arg;
    char time[CLOCK_UTC_SIZE];

    j->readings++;
    clock_format_utc(row->time_us, 6, time);
    if (j->format == FORMAT_CSV)
        write_csv(j, time, row);
    else
        write_json(j, time, row);
    return !ferror(j->out.file);
}

static bool copied(void *arg, double done, uint64_t rows)
{
    struct job *j = arg;

    meter_update(&j->meter, done, rows);
    return !interrupt_seen();
}

static bool between(void *arg, double done)
{
    return copied(arg, done, ((struct job *)arg)->readings);
}

static enum gw_err write_rows(struct job *j)
{
    struct readings_request r = {.sensors = j->pattern,
                                 .since_us = j->since_us,
                                 .until_us = j->until_us,
                                 .each = each,
                                 .between = between,
                                 .arg = j};
    struct query *q;
    enum gw_err err = query_open(&q, j->database);

    if (err != GW_OK)
        return err;
    j->csv.file = j->out.file;
    if (j->format == FORMAT_CSV)
        fputs("time,sensor,value,unit,quality\r\n", j->out.file);
    err = query_readings(q, &r);
    query_close(q);
    return err;
}

static bool matched(void *arg, const struct latest_row *row)
{
    (void)row;
    *(bool *)arg = true;
    return false;
}

/* Before a file is made; what else is wrong with the database is said when it is read. */
static int check_pattern(const struct job *j)
{
    struct query *q;
    bool any = false;

    if (!j->pattern || query_open(&q, j->database) != GW_OK)
        return CLI_OK;
    enum gw_err err = query_latest(q, j->pattern, matched, &any);
    int status = err == GW_OK && !any ? cli_unknown_sensor(q, j->pattern) : CLI_OK;
    query_close(q);
    return status;
}

static enum gw_err write_copy(struct job *j)
{
    const struct copy_request r = {.source = j->database,
                                   .target = j->out.part,
                                   .since_us = j->since_us,
                                   .until_us = j->until_us,
                                   .progress = copied,
                                   .arg = j};

    return copy_database(&r, &j->readings);
}

static int finish(struct job *j, enum gw_err err)
{
    if (interrupt_seen()) {
        outfile_discard(&j->out);
        fprintf(stderr, "sensorgw: interrupted: nothing was exported%s\n",
                j->out.path ? "" : " beyond what stands above");
        interrupt_obey();
    }
    if (err != GW_OK) {
        outfile_discard(&j->out);
        if (cli_is_database_error(err))
            return cli_database_error(j->database, err);
        fprintf(stderr, "sensorgw: the export failed: %s\n", gw_strerror(err));
        return CLI_FAILED;
    }
    const char *path = j->out.path;
    if (!outfile_finish(&j->out))
        return CLI_FAILED;
    if (path)
        fprintf(stderr, "%s: %" PRIu64 " reading%s\n", path, j->readings,
                j->readings == 1 ? "" : "s");
    return CLI_OK;
}

static int run_job(struct job *j)
{
    interrupt_catch();
    if (!outfile_open(&j->out, j->path, j->force, j->database))
        return CLI_FAILED;
    if (j->format == FORMAT_DATABASE && !j->out.part) {
        outfile_discard(&j->out);
        fprintf(stderr, "sensorgw: a database can only be written to a file: name one with -o\n");
        return CLI_USAGE;
    }
    meter_begin(&j->meter, "Exporting", !j->out.path && isatty(STDOUT_FILENO));
    enum gw_err err = j->format == FORMAT_DATABASE ? write_copy(j) : write_rows(j);
    meter_end(&j->meter);
    return finish(j, err);
}

/* By name, or by the end of the file's name. */
static enum format format_of(const char *text)
{
    static const struct {
        const char *name;
        enum format format;
    } names[] = {{"csv", FORMAT_CSV},         {"json", FORMAT_JSON},   {"jsonl", FORMAT_JSON},
                 {"ndjson", FORMAT_JSON},     {"db", FORMAT_DATABASE}, {"sqlite", FORMAT_DATABASE},
                 {"sqlite3", FORMAT_DATABASE}};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(text, names[i].name) == 0)
            return names[i].format;
    }
    return FORMAT_UNSET;
}

/* Endings by which a file would be taken for what it is not. */
static bool is_of_others(const char *ending)
{
    static const char *const others[] = {"xlsx", "xls", "ods", "tsv", "xml", "yaml", "parquet",
                                         "gz",   "zip", "xz",  "zst", "bz2", "tar"};

    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        if (strcasecmp(ending, others[i]) == 0)
            return true;
    }
    return false;
}

static int take_option(struct job *j, int c, int64_t now_us)
{
    const struct command *self = &cli_command_export;
    const char *text = cli_argument();

    switch (c) {
    case 's':
        return cli_take_time(self, now_us, &j->since_us);
    case 'u':
        return cli_take_time(self, now_us, &j->until_us);
    case 'f':
        j->format = format_of(text);
        return j->format ? CLI_OK
                         : cli_usage_error(self, "'%s' is no format: csv, json or db", text);
    case 'o':
        j->path = text;
        return CLI_OK;
    default:
        j->force = true;
        return CLI_OK;
    }
}

static int check_job(struct job *j)
{
    const char *slash = j->path ? strrchr(j->path, '/') : NULL;
    const char *name = slash ? slash + 1 : j->path;
    const char *ending = name ? strrchr(name, '.') : NULL;

    if (j->format == FORMAT_UNSET && ending && !(j->format = format_of(ending + 1)) &&
        is_of_others(ending + 1))
        return cli_usage_error(&cli_command_export,
                               "no format ends in '%s': csv, json, jsonl, ndjson, db, sqlite and "
                               "sqlite3 are known; or say which with --format",
                               ending);
    if (j->format == FORMAT_UNSET)
        j->format = FORMAT_CSV;
    if (j->format == FORMAT_DATABASE && j->pattern)
        return cli_usage_error(&cli_command_export, "a database has all sensors: leave out '%s'",
                               j->pattern);
    return CLI_OK;
}

static int export(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {
        {"since", 's', true},  {"until", 'u', true},           {"format", 'f', true},
        {"output", 'o', true}, {"force", OPTION_FORCE, false}, {0}};
    struct cli_parser p = {cli, &cli_command_export, options, argc, argv, 0, 0};
    int64_t now = clock_wall_us();
    struct job j = {.until_us = now};
    int c, status;

    while ((c = cli_next(&p)) >= 0) {
        if ((status = take_option(&j, c, now)) != CLI_OK)
            return status;
    }
    if (c == CLI_STOP)
        return p.status;
    if (argc - p.first > 1)
        return cli_usage_error(p.command, "one pattern at most; put it in quotes");
    j.pattern = argc > p.first ? argv[p.first] : NULL;
    if ((status = cli_check_span(p.command, j.since_us, j.until_us, now)) != CLI_OK ||
        (status = check_job(&j)) != CLI_OK ||
        (status = cli_database_path(cli, &j.database)) != CLI_OK)
        return status;
    if ((status = check_pattern(&j)) == CLI_OK)
        status = run_job(&j);
    free(j.database);
    return status;
}

const struct command cli_command_export = {
    .name = "export",
    .arguments = "[PATTERN]",
    .summary = "Writes readings as CSV, JSON lines, or a database of its own.",
    .help =
        "All sensors, or those that match PATTERN, such as 'boiler/*'. Works while the gateway\n"
        "runs, and does not hold it up. Times in the output are UTC.\n\n"
        "  -s, --since TIME       from here; default: the oldest reading. " CLI_TIME_HELP
        "  -u, --until TIME       up to here, not included; default now\n"
        "  -f, --format FORMAT    csv, json (an object a line), or db: a database with the\n"
        "                         readings, roll-ups and alerts of that time, which every\n"
        "                         command takes with --database; default: as FILE ends; csv if it "
        "has\n"
        "                         no ending\n"
        "  -o, --output FILE      default: standard output. FILE appears when it is complete\n"
        "      --force            replaces FILE if it exists\n"
        "      --database FILE    this database, whatever the configuration says\n",
    .run = export,
};
