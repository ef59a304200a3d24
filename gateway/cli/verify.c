/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/verify.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/meter.h"
#include "gateway/cli/outfile.h"
#include "gateway/core/clock.h"

#include <inttypes.h>
#include <stdlib.h>

struct job {
    struct verify_request request;
    struct meter meter;
};

static bool progress(void *arg, double done)
{
    struct job *j = arg;

    meter_update(&j->meter, done, 0);
    return !interrupt_seen();
}

static void problem(void *arg, const char *text)
{
    struct job *j = arg;

    meter_end(&j->meter);
    printf("%s\n", text);
}

static int damaged(const char *path, uint64_t problems)
{
    printf("%s is DAMAGED%s", path, problems > 0 ? "" : ", or empty");
    if (problems > 0)
        printf(": %" PRIu64 " problem%s%s", problems, problems == 1 ? "" : "s",
               problems >= 100 ? " or more" : "");
    puts(".\nSave a copy of it and of its -wal file now. Then go back to a backup, or restart the "
         "gateway:\nit sets a damaged file aside and begins a new one.");
    return CLI_FAILED;
}

static int run_job(struct job *j)
{
    struct verify_result result;
    int64_t began_us = clock_mono_us();
    char took[CLI_NUMBER_SIZE];

    meter_begin(&j->meter, "Reading", false);
    interrupt_catch();
    enum gw_err err = verify_database(&j->request, &result);
    meter_end(&j->meter);
    interrupt_obey();
    if (err == GW_ECORRUPT)
        return damaged(j->request.path, 0);
    if (err != GW_OK)
        return cli_database_error(j->request.path, err);
    if (result.problems > 0)
        return damaged(j->request.path, result.problems);
    printf("%s is sound: schema %d, %.1f MB, %s in %s.\n", j->request.path, result.schema,
           (double)(result.pages * result.page_size) / 1e6,
           j->request.quick ? "all pages read" : "all pages and indexes read",
           cli_age(clock_mono_us() - began_us, took));
    return CLI_OK;
}

static int verify(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{"quick", 'q', false}, {0}};
    struct cli_parser p = {cli, &cli_command_verify, options, argc, argv, 0, 0};
    struct job j = {.request = {.progress = progress, .problem = problem, .arg = &j}};
    char *path = NULL;
    int c;

    while ((c = cli_next(&p)) >= 0)
        j.request.quick = true;
    if (c == CLI_STOP)
        return p.status;
    if (argc - p.first > 1)
        return cli_usage_error(p.command, "one file at a time");
    if (p.first < argc)
        cli->database = argv[p.first];
    int status = cli_database_path(cli, &path);
    if (status != CLI_OK)
        return status;
    j.request.path = path;
    status = run_job(&j);
    free(path);
    return status;
}

const struct command cli_command_verify = {
    .name = "verify",
    .arguments = "[FILE]",
    .summary = "Reads the whole database, or a backup, and tells whether it is sound.",
    .help = "Works while the gateway runs; on a large database better when little happens, since\n"
            "the gateway's log grows until the check is over. Exit status 1: it is damaged, or no\n"
            "database of sensorgw.\n\n"
            "  -q, --quick            do not compare indexes with their tables\n"
            "      --database FILE    this database, whatever the configuration says\n",
    .run = verify,
};
