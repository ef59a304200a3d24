/* SPDX-License-Identifier: Apache-2.0 */
/* Finds the subcommand and lets it run; the work is in gateway/cli. */
#include "config/suggest.h"
#include "gateway/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

static void print_usage(FILE *f)
{
    fprintf(f, "Usage: sensorgw [-c FILE] COMMAND [OPTION...]\n"
               "Reads Modbus, serial, MQTT and file sensors, watches their limits, keeps their "
               "history.\n\n"
               "Commands:\n");
    for (size_t i = 0; cli_commands[i]; i++)
        fprintf(f, "  %-14s %s\n", cli_commands[i]->name, cli_commands[i]->summary);
    fprintf(f,
            "\n'sensorgw COMMAND --help' tells more of each.\n"
            "Exit status: 0 done; 1 failed, with the reason on standard error; 2 wrong usage.\n");
}

static const struct command *find_command(const char *name)
{
    for (size_t i = 0; cli_commands[i]; i++) {
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    }
    return NULL;
}

static int unknown_command(const char *name)
{
    struct suggest s;

    suggest_init(&s, name);
    for (size_t i = 0; cli_commands[i]; i++)
        suggest_offer(&s, cli_commands[i]->name);
    fprintf(stderr, "sensorgw: unknown command '%s'", name);
    if (s.best)
        fprintf(stderr, "; did you mean '%s'?", s.best);
    fputs("\n'sensorgw --help' lists them.\n", stderr);
    return CLI_USAGE;
}

/* `sensorgw help`, `sensorgw help COMMAND`; name: NULL for the former. */
static int help(const char *name)
{
    const struct command *command = name ? find_command(name) : NULL;

    if (name && !command)
        return unknown_command(name);
    if (command)
        cli_print_help(command, stdout);
    else
        print_usage(stdout);
    return CLI_OK;
}

/* -c FILE, -cFILE, --config FILE or --config=FILE in front of the command; how many words it took,
 * 0 if it is none. */
static int config_words(int argc, char **argv, const char **file)
{
    if (strncmp(argv[0], "--config=", 9) == 0) {
        *file = argv[0] + 9;
        return 1;
    }
    bool is_short = strcmp(argv[0], "-c") == 0;
    if (is_short || strcmp(argv[0], "--config") == 0) {
        if (argc < 2)
            return 0;
        *file = argv[1];
        return 2;
    }
    if (strncmp(argv[0], "-c", 2) == 0) {
        *file = argv[0] + 2;
        return 1;
    }
    return 0;
}

/* Where one of them is closed, the next file that is opened would take its place: the log would go
 * into it. */
static void fill_standard_files(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) == -1 && errno == EBADF && open("/dev/null", O_RDWR) != fd)
            _exit(CLI_FAILED); /* nobody left to tell */
    }
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    int i = 1;

    fill_standard_files();
    while (i < argc && argv[i][0] == '-') {
        int words = config_words(argc - i, argv + i, &cli.config);
        if (words == 0)
            break;
        i += words;
    }
    if (i < argc && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
        print_usage(stdout);
        return CLI_OK;
    }
    if (i < argc && strcmp(argv[i], "help") == 0)
        return help(argv[i + 1]); /* NULL at the end */
    if (i < argc && strcmp(argv[i], "--version") == 0)
        return cli_command_version.run(&cli, 1, argv);
    const struct command *command = i < argc ? find_command(argv[i]) : NULL;
    if (command)
        return command->run(&cli, argc - i, argv + i);
    if (i < argc)
        return unknown_command(argv[i]);
    print_usage(stderr);
    return CLI_USAGE;
}
