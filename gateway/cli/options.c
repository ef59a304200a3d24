/* SPDX-License-Identifier: Apache-2.0 */
/* Apart from cli.c because getopt.h and config/option.h both have a `struct option`. */
#include "gateway/cli/cli.h"

#include <getopt.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_DATABASE = 1000, MAX_OPTIONS = 16 };

int cli_usage_error(const struct command *c, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "sensorgw %s: ", c->name);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\nTry 'sensorgw %s --help'.\n", c->name);
    return CLI_USAGE;
}

void cli_print_help(const struct command *c, FILE *f)
{
    fprintf(f,
            "Usage: sensorgw %s [OPTION...]%s%s\n%s\n\n%s"
            "  -c, --config FILE      configuration; default ./sensorgw.yaml, then\n"
            "                         /etc/sensorgw/sensorgw.yaml\n"
            "  -h, --help             this text\n\n"
            "Exit status: 0 done; 1 failed, with the reason on standard error; 2 wrong usage.\n",
            c->name, c->arguments[0] ? " " : "", c->arguments, c->summary, c->help);
}

/* The command's options and those of all, in the two forms that getopt_long wants. A command that
 * does not tell of --database would do nothing with it. */
static void fill_getopt(const struct cli_parser *p, struct option *longs, char *shorts)
{
    const struct cli_option *options = p->options;
    size_t n = 0, s = 0;

    shorts[s++] = ':';
    for (; n < MAX_OPTIONS - 4 && options[n].name; n++) {
        longs[n] = (struct option){options[n].name, options[n].argument, NULL, options[n].value};
        if (options[n].value > ' ' && options[n].value < 127) {
            shorts[s++] = (char)options[n].value;
            if (options[n].argument)
                shorts[s++] = ':';
        }
    }
    longs[n++] = (struct option){"config", 1, NULL, 'c'};
    if (strstr(p->command->help, "--database FILE"))
        longs[n++] = (struct option){"database", 1, NULL, OPTION_DATABASE};
    longs[n++] = (struct option){"help", 0, NULL, 'h'};
    longs[n] = (struct option){0};
    memcpy(shorts + s, "c:h", 4);
}

static int stop(struct cli_parser *p, int status)
{
    p->status = status;
    return CLI_STOP;
}

/* The word with the option that getopt has just refused: it is passed when its last letter was
 * that, else it is the next one. */
static const char *refused_word(const struct cli_parser *p)
{
    const char *passed = p->argv[optind - 1];
    bool is_short = optopt > ' ' && optopt < 127;

    if (is_short && optind < p->argc && (passed[0] != '-' || !strchr(passed, optopt)))
        return p->argv[optind];
    return passed;
}

static int refuse(struct cli_parser *p)
{
    const char *word = refused_word(p);
    bool is_number = strcspn(word, "0123456789") == 1;

    return stop(p, cli_usage_error(p->command, "unknown option '%s'%s", word,
                                   is_number ? "; a negative number goes after --" : ""));
}

int cli_next(struct cli_parser *p)
{
    struct option longs[MAX_OPTIONS];
    char shorts[2 * MAX_OPTIONS + 8];

    fill_getopt(p, longs, shorts);
    opterr = 0;
    for (;;) {
        int c = getopt_long(p->argc, p->argv, shorts, longs, NULL);
        switch (c) {
        case -1:
            p->first = optind;
            return CLI_END;
        case 'c':
            p->cli->config = optarg;
            break;
        case OPTION_DATABASE:
            p->cli->database = optarg;
            break;
        case 'h':
            cli_print_help(p->command, stdout);
            return stop(p, CLI_OK);
        case ':':
            return stop(
                p, cli_usage_error(p->command, "option '%s' needs a value", p->argv[optind - 1]));
        case '?':
            return refuse(p);
        default:
            return c;
        }
    }
}

const char *cli_argument(void)
{
    return optarg;
}

int cli_take_time(const struct command *c, int64_t now_us, int64_t *out)
{
    if (cli_parse_time(optarg, now_us, out))
        return CLI_OK;
    return cli_usage_error(
        c, "'%s' is no time: say 24h, 7d, 2026-01-31, 2026-01-31T12:00:00Z or now", optarg);
}

int cli_check_span(const struct command *c, int64_t since_us, int64_t until_us, int64_t now_us)
{
    if (since_us < until_us)
        return CLI_OK;
    if (until_us == now_us)
        return cli_usage_error(c, "--since lies in the future");
    return cli_usage_error(c, "--since must lie before --until");
}

int cli_take_limit(const struct command *c, size_t *out)
{
    char *end;

    *out = strtoul(optarg, &end, 10);
    if (*end || end == optarg || *optarg == '-')
        return cli_usage_error(c, "--limit takes a whole number, not '%s'", optarg);
    return CLI_OK;
}

int cli_no_operands(const struct cli_parser *p)
{
    if (p->first >= p->argc)
        return CLI_OK;
    return cli_usage_error(p->command, "'%s' is one word too many", p->argv[p->first]);
}
