/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli.h"

/* In the order of the help text; one a line, so that branches merge. */
/* clang-format off */
const struct command *const cli_commands[] = {
    &cli_command_run,
    &cli_command_check,
    &cli_command_sensors,
    &cli_command_history,
    &cli_command_alerts,
    &cli_command_ack,
    &cli_command_shelve,
    &cli_command_replay,
    &cli_command_export,
    &cli_command_backup,
    &cli_command_verify,
    &cli_command_read,
    &cli_command_scan,
    &cli_command_monitor,
    &cli_command_write,
    &cli_command_writes,
    &cli_command_templates,
    &cli_command_health,
    &cli_command_support,
    &cli_command_reload,
    &cli_command_version,
    NULL,
};
/* clang-format on */
