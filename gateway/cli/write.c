/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw write: sets a sensor that is writable, through the running gateway. */
#include "gateway/cli/cli.h"
#include "gateway/cli/daemon.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int set(struct daemon *d, const char *sensor, const char *value)
{
    char **lines = daemon_ask(d, "write\t%s\t%s", sensor, value);
    char number[CLI_NUMBER_SIZE];

    if (!daemon_did(lines, sensor))
        return CLI_FAILED;
    printf("%s is %s now\n", sensor, cli_rounded(strtod(lines[0] + 3, NULL), number));
    return CLI_OK;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{0}};
    struct cli_parser p = {cli, &cli_command_write, options, argc, argv, 0, 0};
    struct daemon *d;
    char *end;

    if (cli_next(&p) == CLI_STOP)
        return p.status;
    if (argc - p.first != 2)
        return cli_usage_error(p.command, "wants a SENSOR and a VALUE");
    const char *sensor = argv[p.first], *value = argv[p.first + 1];
    if (!isfinite(strtod(value, &end)) || end == value || *end)
        return cli_usage_error(p.command, "'%s' is no number", value);
    if (strpbrk(sensor, "\t\n"))
        return cli_usage_error(p.command, "there is no such sensor");
    int status = daemon_find(cli, &d);
    if (status != CLI_OK)
        return status;
    status = set(d, sensor, value);
    daemon_close(d);
    return status;
}

const struct command cli_command_write = {
    .name = "write",
    .arguments = "SENSOR VALUE",
    .summary = "Sets a sensor that is \"writable: true\", and reads it back.",
    .help = "VALUE is in the sensor's unit; a negative one goes after --. The running gateway does "
            "it, and\nchecks it against the sensor's min and max.\n",
    .run = run,
};
