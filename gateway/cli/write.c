/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw write: sets a sensor that is writable, through the running gateway. */
#include "config/config.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/daemon.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int set(struct daemon *d, const char *sensor, const char *value)
{
    char **lines = daemon_ask(d, "write\t%s\t%s", sensor, value);
    char number[CLI_NUMBER_SIZE];

    if (!lines || !lines[0]) {
        fprintf(stderr, "sensorgw: the gateway has stopped\n");
        return CLI_FAILED;
    }
    if (strncmp(lines[0], "ok ", 3) != 0) {
        fprintf(stderr, "sensorgw: %s: %s\n", sensor,
                strncmp(lines[0], "error ", 6) == 0 ? lines[0] + 6 : lines[0]);
        return CLI_FAILED;
    }
    printf("%s is %s now\n", sensor, cli_rounded(strtod(lines[0] + 3, NULL), number));
    return CLI_OK;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{0}};
    struct cli_parser p = {cli, &cli_command_write, options, argc, argv, 0, 0};
    struct config *config = NULL;
    const char *why;
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
    int status = cli_load_config(cli, &config);
    if (status != CLI_OK)
        return status;
    struct daemon *d = daemon_open(config, &why);
    if (d) {
        status = set(d, sensor, value);
    } else {
        fprintf(stderr, "sensorgw: cannot ask the gateway: %s\n", why);
        status = CLI_FAILED;
    }
    daemon_close(d);
    config_free(config);
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
