/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw ack, sensorgw shelve: what a person does about an alert, through the running gateway. */
#include "gateway/alert_remote.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/daemon.h"
#include "gateway/core/record.h"
#include "gateway/core/sensor.h"

#include <inttypes.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

struct act {
    const char *sensor, *rule, *who, *comment;
    const char *span; /* as written; NULL: acknowledge */
    int64_t shelve_us;
};

static const char *user_name(void)
{
    /* One thread. */
    /* cppcheck-suppress getpwuidCalled */
    const struct passwd *user = getpwuid(getuid());

    return user ? user->pw_name : "";
}

static char **ask(struct daemon *d, const struct act *a)
{
    if (!a->span)
        return daemon_ask(d, "acknowledge\t%s\t%s\t%s\t%s", a->sensor, a->rule, a->who, a->comment);
    return daemon_ask(d, "shelve\t%s\t%s\t%" PRId64 "\t%s\t%s", a->sensor, a->rule, a->shelve_us,
                      a->who, a->comment);
}

static int perform(struct daemon *d, const struct act *a)
{
    char what[SENSOR_NAME_MAX + RULE_NAME_MAX + 2];

    snprintf(what, sizeof(what), "%s %s", a->sensor, a->rule);
    if (!daemon_did(ask(d, a), what)) {
        daemon_suggest(d, a->sensor);
        return CLI_FAILED;
    }
    if (!a->span)
        printf("%s %s is acknowledged\n", a->sensor, a->rule);
    else if (a->shelve_us == 0)
        printf("%s %s is not shelved any more\n", a->sensor, a->rule);
    else
        printf("%s %s is shelved for %s\n", a->sensor, a->rule, a->span);
    return CLI_OK;
}

/* Fills the act from the command line; CLI_OK, or the exit status in *status. */
static bool parse(struct cli_parser *p, struct act *a, int operands)
{
    static const char *const wants[] = {"wants a SENSOR and a RULE",
                                        "wants a SENSOR, a RULE and a TIME"};
    int c;

    a->who = user_name();
    a->comment = "";
    while ((c = cli_next(p)) >= 0) {
        if (c == 'w')
            a->who = cli_argument();
        else
            a->comment = cli_argument();
    }
    if (c == CLI_STOP)
        return false;
    p->status = CLI_USAGE;
    if (p->argc - p->first != operands) {
        cli_usage_error(p->command, "%s", wants[operands - 2]);
        return false;
    }
    a->sensor = p->argv[p->first];
    a->rule = p->argv[p->first + 1];
    a->span = operands == 3 ? p->argv[p->first + 2] : NULL;
    if (a->span && !alert_parse_shelve(a->span, &a->shelve_us)) {
        cli_usage_error(p->command, "'%s' is no time such as 30m or 2h, nor off", a->span);
        return false;
    }
    const char *texts[] = {a->sensor, a->rule, a->who, a->comment};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (strpbrk(texts[i], "\t\n")) {
            cli_usage_error(p->command, "tabs and line ends are not possible");
            return false;
        }
    }
    return true;
}

static int act(struct cli *cli, const struct command *command, int argc, char **argv, int operands)
{
    static const struct cli_option options[] = {{"who", 'w', true}, {"comment", 'm', true}, {0}};
    struct cli_parser p = {cli, command, options, argc, argv, 0, 0};
    struct act a = {0};
    struct daemon *d;

    if (!parse(&p, &a, operands))
        return p.status;
    int status = daemon_find(cli, &d);
    if (status != CLI_OK)
        return status;
    status = perform(d, &a);
    daemon_close(d);
    return status;
}

static int run_ack(struct cli *cli, int argc, char **argv)
{
    return act(cli, &cli_command_ack, argc, argv, 2);
}

static int run_shelve(struct cli *cli, int argc, char **argv)
{
    return act(cli, &cli_command_shelve, argc, argv, 3);
}

#define PEOPLE_HELP                                                                                \
    "  -w, --who NAME         who does it; default: your user name\n"                              \
    "  -m, --comment TEXT     why\n"

const struct command cli_command_ack = {
    .name = "ack",
    .arguments = "SENSOR RULE",
    .summary = "Acknowledges an active alert: somebody knows, and reminders end.",
    .help = "It stays acknowledged until it clears or gets worse.\n\n" PEOPLE_HELP,
    .run = run_ack,
};

const struct command cli_command_shelve = {
    .name = "shelve",
    .arguments = "SENSOR RULE TIME|off",
    .summary = "Keeps the alerts of a rule and sensor from being published, for a time such as 2h.",
    .help = "They are still stored. When the time is over, or with off, an alert that is active "
            "then is\npublished.\n\n" PEOPLE_HELP,
    .run = run_shelve,
};
