/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli.h"
#include "gateway/cli/meter.h"
#include "gateway/cli/outfile.h"
#include "storage/copy.h"
#include "storage/verify.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_FORCE = 256 };

struct job {
    struct outfile out;
    struct meter meter;
    uint64_t readings;
};

static bool copied(void *arg, double done, uint64_t rows)
{
    struct job *j = arg;

    meter_update(&j->meter, done, rows);
    return !interrupt_seen();
}

static bool verified(void *arg, double done)
{
    struct job *j = arg;

    meter_update(&j->meter, done, 0);
    return !interrupt_seen();
}

static void print_problem(void *arg, const char *text)
{
    struct job *j = arg;

    meter_end(&j->meter);
    fprintf(stderr, "sensorgw: the copy is not sound: %s\n", text);
}

static enum gw_err make_copy(struct job *j, const char *database)
{
    const struct copy_request copy = {
        .source = database, .target = j->out.part, .progress = copied, .arg = j};
    const struct verify_request verify = {.path = j->out.part,
                                          .quick = true,
                                          .progress = verified,
                                          .problem = print_problem,
                                          .arg = j};
    struct verify_result result = {0};

    meter_begin(&j->meter, "Copying", false);
    enum gw_err err = copy_database(&copy, &j->readings);
    meter_end(&j->meter);
    if (err != GW_OK)
        return err;
    meter_begin(&j->meter, "Verifying", false);
    err = verify_database(&verify, &result);
    meter_end(&j->meter);
    return err == GW_OK && result.problems > 0 ? GW_ECORRUPT : err;
}

static int run_job(const char *path, bool force, const char *database)
{
    struct job j = {0};

    interrupt_catch();
    if (!outfile_open(&j.out, path, force, database))
        return CLI_FAILED;
    if (!j.out.part) {
        outfile_discard(&j.out);
        fprintf(stderr, "sensorgw: a backup is a file, and %s is none\n", path);
        return CLI_FAILED;
    }
    enum gw_err err = make_copy(&j, database);
    if (err != GW_OK) {
        outfile_discard(&j.out);
        if (interrupt_seen()) {
            fprintf(stderr, "sensorgw: interrupted: there is no backup\n");
            interrupt_obey();
        }
        fprintf(stderr, "sensorgw: there is no backup: %s\n", gw_strerror(err));
        if (cli_is_database_error(err))
            cli_database_error(database, err);
        return CLI_FAILED;
    }
    if (!outfile_finish(&j.out))
        return CLI_FAILED;
    printf("%s: %" PRIu64 " readings, verified\n", path, j.readings);
    return CLI_OK;
}

static int backup(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{"force", OPTION_FORCE, false}, {0}};
    struct cli_parser p = {cli, &cli_command_backup, options, argc, argv, 0, 0};
    bool force = false;
    char *database = NULL;
    int c;

    while ((c = cli_next(&p)) >= 0)
        force = true;
    if (c == CLI_STOP)
        return p.status;
    if (argc - p.first != 1 || strcmp(argv[p.first], "-") == 0)
        return cli_usage_error(p.command, "name the one file to write the backup to");
    int status = cli_database_path(cli, &database);
    if (status == CLI_OK)
        status = run_job(argv[p.first], force, database);
    free(database);
    return status;
}

const struct command cli_command_backup = {
    .name = "backup",
    .arguments = "FILE",
    .summary = "Copies the whole database while the gateway runs, and verifies the copy.",
    .help = "FILE is one complete database: to go back to it, stop the gateway, put FILE in the\n"
            "place of the database (and remove its -wal and -shm), and start the gateway. FILE\n"
            "appears when it is complete and sound. Needs no pause of the gateway.\n\n"
            "      --force            replaces FILE if it exists\n"
            "      --database FILE    copies this database, whatever the configuration says\n",
    .run = backup,
};
