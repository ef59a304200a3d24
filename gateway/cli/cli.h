/* SPDX-License-Identifier: Apache-2.0 */
/* The command line: one file per subcommand, and what they share. */
#ifndef SENSORGW_GATEWAY_CLI_CLI_H
#define SENSORGW_GATEWAY_CLI_CLI_H

#include "gateway/core/err.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* Exit statuses of every subcommand. */
enum {
    CLI_OK = 0,
    CLI_FAILED =
        1, /* the configuration is not valid, the database cannot be opened, nothing found, … */
    CLI_USAGE = 2, /* the command line is wrong */

    /* Of `run` only, from sysexits.h: what a service manager should know. */
    CLI_BUSY = 75,   /* another has the database or the port: trying again later may help */
    CLI_CONFIG = 78, /* somebody must mend the configuration, or the database's place, first */
};

struct config;
struct query;

struct cli {
    const char *config;   /* -c, --config; NULL: look in the usual places */
    const char *database; /* --database; NULL: as the configuration says */
};

struct command {
    const char *name;
    const char *arguments; /* for the usage line */
    const char *summary;   /* one line */
    const char *help;      /* the options, ready to print */
    int (*run)(struct cli *cli, int argc,
               char **argv); /* argv[0] is the command's name; returns the exit status */
};

/* All subcommands, ended by NULL. */
extern const struct command *const cli_commands[];

extern const struct command cli_command_run, cli_command_check, cli_command_sensors,
    cli_command_history, cli_command_alerts, cli_command_ack, cli_command_shelve,
    cli_command_export, cli_command_backup, cli_command_verify, cli_command_read, cli_command_scan,
    cli_command_monitor, cli_command_write, cli_command_writes, cli_command_templates,
    cli_command_version;
extern const struct command cli_command_replay;

extern const struct command cli_command_health;
extern const struct command cli_command_support;

extern const struct command cli_command_reload;

/* Parses `argv` with getopt_long; -c/--config and -h/--help are added to every command's own
 * options, which are given in the same form, and --database to those of a command whose help tells
 * of it. Returns the short option or `val` of the next one of the command's own, −1 at the end
 * (then *first is the first operand), or −2 when the command must end now with *status. */
struct cli_option {
    const char *name; /* long name; NULL ends the list */
    int value;        /* what cli_next() returns; a letter is also the short option */
    bool argument;    /* takes one, found in cli_argument() */
};
struct cli_parser {
    struct cli *cli;
    const struct command *command;
    const struct cli_option *options;
    int argc;
    char **argv;
    int status;
    int first;
};
#define CLI_END (-1)
#define CLI_STOP (-2)
int cli_next(struct cli_parser *p);
const char *cli_argument(void);
/* The same as a time (cli_parse_time()), or as a whole number; CLI_OK, or a usage error. */
int cli_take_time(const struct command *c, int64_t now_us, int64_t *out);
int cli_take_limit(const struct command *c, size_t *out);
/* CLI_OK, or a usage error when there is nothing between the two; now_us: what until_us
 * is when it was not given. */
int cli_check_span(const struct command *c, int64_t since_us, int64_t until_us, int64_t now_us);
/* CLI_OK, or a usage error when there are operands. */
int cli_no_operands(const struct cli_parser *p);

/* "no sensor is called …; did you mean …?" on standard error; returns CLI_FAILED. */
int cli_unknown_sensor(struct query *q, const char *name);

/* "sensorgw: …" and where to find help, on standard error; returns CLI_USAGE. */
int cli_usage_error(const struct command *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void cli_print_help(const struct command *c, FILE *f);

/* The file that is meant, named or in one of the usual places; NULL: there is none. */
const char *cli_config_path(const struct cli *cli);
/* Loads the configuration and prints its errors. Returns CLI_OK or the exit status. */
int cli_load_config(const struct cli *cli, struct config **out);
/* The same, but only what is needed to find the running gateway: other parts may be wrong. */
int cli_load_places(const struct cli *cli, struct config **out);
/* The same without a word, for a command that can do without. */
int cli_find_config(const struct cli *cli, struct config **out);
/* What would run with it, as `check` says it. */
void cli_print_plan(const struct config *config, FILE *f);
/* The database that --database or the configuration names; *out is owned by the caller. */
int cli_database_path(const struct cli *cli, char **out);
/* Opens it. */
int cli_open_database(const struct cli *cli, struct query **out);
/* Why it cannot be opened, on standard error; returns CLI_FAILED. */
int cli_database_error(const char *path, enum gw_err err);
/* Whether an error is about the database that was asked, so that this has more to say. */
bool cli_is_database_error(enum gw_err err);

/* To UTC µs: "24h", "7d" (that long ago), "now", an RFC 3339 time, "2026-01-31" or "2026-01-31
 * 12:00". A time without an offset is in UTC, as all times that are printed are. */
bool cli_parse_time(const char *text, int64_t now_us, int64_t *out);
/* For the help of an option, from column 60 on. */
#define CLI_TIME_HELP                                                                              \
    "24h or\n"                                                                                     \
    "                         7d means that long ago; or a time in UTC such as 2026-01-31,\n"      \
    "                         '2026-01-31 12:00', 2026-01-31T12:00:00+01:00, or now\n"

/* The shortest text that reads back as the same double. */
#define CLI_NUMBER_SIZE 32
const char *cli_number(double value, char buf[static CLI_NUMBER_SIZE]);
/* For people: 20.9 where scaling made 20.900000000000002 of it. */
const char *cli_rounded(double value, char buf[static CLI_NUMBER_SIZE]);
/* "3 s", "5 min", "2 h", "4 d". */
const char *cli_age(int64_t us, char buf[static CLI_NUMBER_SIZE]);

/* `alerts --undelivered`: what the broker did not take, or not yet. */
int cli_undelivered(const struct cli *cli, size_t limit, bool as_json);

/* A JSON array on standard output, an item a line, written as it comes. */
struct cli_json {
    bool any;
};
void cli_json_begin(struct cli_json *j);
void cli_json_item(struct cli_json *j, cJSON *item); /* takes the item */
void cli_json_end(struct cli_json *j);
/* Adds a number, null for NAN. */
void cli_json_number(cJSON *object, const char *key, double value);
/* The same, exact for an integer that a double cannot hold. */
void cli_json_value(cJSON *object, const char *key, double value, bool is_integer, int64_t integer);
/* Adds "2026-01-31T12:00:00.000Z", null for 0. */
void cli_json_time(cJSON *object, const char *key, int64_t us);

#endif
