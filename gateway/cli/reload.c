/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw reload: the running gateway reads its configuration anew. */
#include "config/config.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/daemon.h"
#include "gateway/core/clock.h"

#include <string.h>
#include <unistd.h>

#define POLL_US (100 * US_PER_MS)

/* Who names a file means that file; the gateway reads the one that it was started with. A gateway
 * that is older than the question is not held to it, nor one whose file is not here, as in a
 * container. */
static int check_file(struct daemon *d, const char *named)
{
    char **lines = named ? daemon_ask(d, "config") : NULL;

    if (!lines || !lines[0] || strncmp(lines[0], "error ", 6) == 0 || access(lines[0], F_OK) != 0 ||
        config_same_file(named, lines[0]))
        return CLI_OK;
    fprintf(stderr,
            "sensorgw: nothing was reloaded: the gateway of this database runs with %s, not with "
            "%s. Change that file, or restart the gateway with yours\n",
            lines[0], named);
    return CLI_FAILED;
}

/* What the gateway says of the reload; NULL: it is gone. */
static char **wait_for_outcome(struct daemon *d)
{
    char **lines = daemon_ask(d, "reload"), number[32];

    if (!lines || !lines[0])
        return NULL;
    snprintf(number, sizeof(number), "%s", lines[0]);
    while ((lines = daemon_ask(d, "reload\t%s", number)) && lines[0]) {
        if (strcmp(lines[0], "wait") != 0)
            return lines;
        clock_sleep_us(POLL_US);
    }
    return NULL;
}

static int reload(struct daemon *d)
{
    char **lines = wait_for_outcome(d);

    if (!lines) {
        fprintf(stderr, "sensorgw: the gateway has gone\n");
        return CLI_FAILED;
    }
    bool ok = strcmp(lines[0], "ok") == 0, refused = strcmp(lines[0], "refused") == 0;
    while (*++lines)
        fprintf(ok ? stdout : stderr, "%s\n", *lines);
    if (refused)
        fprintf(stderr, "sensorgw: not reloaded: the former configuration stays in force\n");
    else if (!ok)
        fprintf(stderr, "sensorgw: reloaded, but not all of it works: see above\n");
    return ok ? CLI_OK : CLI_FAILED;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{0}};
    struct cli_parser p = {cli, &cli_command_reload, options, argc, argv, 0, 0};
    struct daemon *d;
    int c = cli_next(&p);

    if (c == CLI_STOP)
        return p.status;
    int status = cli_no_operands(&p);
    if (status != CLI_OK || (status = daemon_find(cli, &d)) != CLI_OK)
        return status;
    if ((status = check_file(d, cli->config)) == CLI_OK)
        status = reload(d);
    daemon_close(d);
    return status;
}

const struct command cli_command_reload = {
    .name = "reload",
    .arguments = "",
    .summary = "Has the running gateway read its configuration anew.",
    .help =
        "Sources that the file says the same of go on without missing a poll. A file with an "
        "error changes\n"
        "nothing: the errors are printed, and the former configuration stays in force. SIGHUP "
        "does the same.\n"
        "What cannot change while the gateway runs is named; it needs a restart. It reads the file "
        "that it was\n"
        "started with: another one named with -c is refused.\n"
        "Exit status: 0 the file is in force; 1 refused, or in force with a source that does not "
        "start, or no\n"
        "gateway runs.\n",
    .run = run,
};
