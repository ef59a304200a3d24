/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw health: how the running gateway fares, for people and for a container's health check. */
#include "config/config.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/daemon.h"
#include "gateway/cli/table.h"
#include "gateway/core/clock.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_US (10 * US_PER_SECOND)

static int print_json(struct daemon *d)
{
    char **lines = daemon_ask(d, "health\tjson");

    if (!lines || !lines[0])
        return CLI_FAILED;
    printf("%s\n", lines[0]);
    return strstr(lines[0], "\"state\":\"unhealthy\"") ? CLI_FAILED : CLI_OK;
}

static void print_problem(char *line)
{
    char *w[5], age[CLI_NUMBER_SIZE];

    daemon_words(line, w, 5);
    cli_age(clock_wall_us() - strtoll(w[2], NULL, 10), age);
    printf("  %-8s %s: %s, for %s\n", w[0], w[1], w[3], age);
    if (w[4][0])
        printf("           %s\n", w[4]);
}

static int print_text(struct daemon *d)
{
    char **lines = daemon_ask(d, "health");

    if (!lines || !lines[0])
        return CLI_FAILED;
    int status = strcmp(lines[0], "unhealthy") == 0 ? CLI_FAILED : CLI_OK;
    puts(lines[0]);
    while (*++lines)
        print_problem(*lines);
    return status;
}

static int ask(const struct config *config, bool json)
{
    const char *why;
    struct daemon *d = daemon_open(config, &why);

    if (!d) {
        if (json)
            puts("{\"state\":\"unhealthy\",\"problems\":[{\"component\":\"gateway\","
                 "\"severity\":\"error\",\"text\":\"cannot be asked\"}]}");
        fprintf(stderr, "sensorgw: cannot ask the gateway: %s\n", why);
        return CLI_FAILED;
    }
    daemon_limit(d, PATIENCE_US);
    int status = json ? print_json(d) : print_text(d);
    if (status != CLI_OK && daemon_lost(d))
        fprintf(stderr, "sensorgw: the gateway does not answer\n");
    daemon_close(d);
    return status;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{"json", 'j', false}, {0}};
    struct cli_parser p = {cli, &cli_command_health, options, argc, argv, 0, 0};
    struct config *config;
    bool json = false;
    int c;

    while ((c = cli_next(&p)) >= 0)
        json = true;
    if (c == CLI_STOP)
        return p.status;
    int status = cli_no_operands(&p);
    if (status != CLI_OK || (status = cli_load_places(cli, &config)) != CLI_OK)
        return status;
    status = ask(config, json);
    config_free(config);
    return status;
}

const struct command cli_command_health = {
    .name = "health",
    .arguments = "",
    .summary = "Says how the running gateway fares, and why it does not fare well.",
    .help = "The first line is healthy, degraded (something around the gateway is wrong: the "
            "broker, a device)\n"
            "or unhealthy (the gateway itself does not work); then what is wrong, since when, and "
            "what to do.\n"
            "Exit status: 0 healthy or degraded; 1 unhealthy, or no gateway answers.\n\n"
            "  -j, --json             the same as JSON\n",
    .run = run,
};
