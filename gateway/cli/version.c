/* SPDX-License-Identifier: Apache-2.0 */
#include "version.h"
#include "gateway/cli/cli.h"

static int version(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{0}};
    struct cli_parser p = {cli, &cli_command_version, options, argc, argv, 0, 0};

    if (cli_next(&p) == CLI_STOP)
        return p.status;
    printf("sensorgw %s\n", SENSORGW_VERSION);
    return CLI_OK;
}

const struct command cli_command_version = {
    .name = "version",
    .arguments = "",
    .summary = "Prints the version.",
    .help = "",
    .run = version,
};
