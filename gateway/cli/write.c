/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw write: sets a sensor that is writable, through the running gateway. */
#include "gateway/cli/cli.h"
#include "gateway/cli/daemon.h"
#include "gateway/remote.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int set(struct daemon *d, const char *sensor, double value)
{
    char **lines = daemon_ask(d, "write\t%s\t%.17g", sensor, value);
    char number[CLI_NUMBER_SIZE];

    if (!daemon_did(lines, sensor)) {
        daemon_suggest(d, sensor);
        return CLI_FAILED;
    }
    printf("%s is %s now\n", sensor, cli_rounded(strtod(lines[0] + 3, NULL), number));
    return CLI_OK;
}

/* As over MQTT. */
static bool is_value(const char *text, double *out)
{
    char *end;

    if (remote_parse_word(text, out))
        return true;
    *out = strtod(text, &end);
    return end != text && !*end && isfinite(*out);
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{0}};
    struct cli_parser p = {cli, &cli_command_write, options, argc, argv, 0, 0};
    struct daemon *d;
    double value;

    if (cli_next(&p) == CLI_STOP)
        return p.status;
    if (argc - p.first != 2)
        return cli_usage_error(p.command, "wants a SENSOR and a VALUE");
    const char *sensor = argv[p.first];
    if (!is_value(argv[p.first + 1], &value))
        return cli_usage_error(p.command, "'%s' is no number, nor on, off, true or false",
                               argv[p.first + 1]);
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
    .help =
        "VALUE is in the sensor's unit, or on or off; a negative one goes after --. The running "
        "gateway\ndoes it, and checks it against the sensor's min and max.\n",
    .run = run,
};
