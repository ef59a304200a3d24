/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw support-bundle: one text file with what somebody who is to help needs to know. A text,
 * so that who sends it can read beforehand what is in it. */
#include "gateway/cli/support.h"

#include "config/config.h"
#include "config/text.h"
#include "config/yaml.h"
#include "gateway/cli/outfile.h"
#include "gateway/core/clock.h"
#include "version.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define USUAL_DATABASE "/var/lib/sensorgw/sensorgw.db"
#define PATIENCE_US (10 * US_PER_SECOND)

enum { OPTION_FORCE = 256 };

static const struct part {
    const char *title;
    void (*write)(struct support *s);
} parts[] = {
    {"Versions", support_versions},
    {"Health", support_health},
    {"What the check of the configuration says", support_check},
    {"Configuration", support_config},
    {"Templates of the configuration", support_templates},
    {"Sources and units", support_sources},
    {"Figures", support_figures},
    {"Database", support_database},
    {"Files and disks", support_files},
    {"Log of the running gateway", support_log},
    {"Journal of the service", support_journal},
};
#define PARTS (sizeof(parts) / sizeof(parts[0]))

static const char left_out[] = "Left out: stored readings; passwords, tokens, names of users, and "
                               "comments in the configuration.\n"
                               "Still in it: names of sensors, devices and topics, addresses, "
                               "names of files, and what the log says.\n";

/* --- what is looked at --- */

static char *folder_of(const char *path)
{
    const char *slash = path ? strrchr(path, '/') : NULL;

    if (!slash)
        return strdup(".");
    return slash == path ? strdup("/") : strndup(path, (size_t)(slash - path));
}

static char *templates_of(const struct support *s)
{
    char *path = NULL;

    if (s->config)
        return strdup(s->config->template_dir);
    return asprintf(&path, "%s/templates", s->folder) < 0 ? NULL : path;
}

/* Even one that is not valid may say where the database is. */
static char *database_of(const char *config_path)
{
    struct yaml_document doc;
    struct yaml_error error;
    char *text, *path = NULL;
    const char *why;
    size_t length;

    if (!config_path || text_read(config_path, &text, &length, &why) != GW_OK)
        return NULL;
    if (yaml_parse(text, length, &doc, &error) == GW_OK) {
        const struct yaml_node *found = yaml_get(yaml_get(doc.root, "storage"), "path");
        path = found && found->text ? strdup(found->text) : NULL;
        yaml_release(&doc);
    }
    free(text);
    return path;
}

static void find_config(struct support *s, const struct cli *cli)
{
    s->config_path = cli_config_path(cli);
    if (cli_find_config(cli, &s->config) != CLI_OK)
        s->config = NULL;
    s->folder = folder_of(s->config_path);
    s->templates = s->folder ? templates_of(s) : NULL;
    if (s->config) { /* from files of their own, which are not in the bundle */
        redact_add(s->redact, s->config->mqtt.password);
        redact_add(s->redact, s->config->http.token);
    }
}

/* Even a configuration that somebody has just broken may have a gateway that runs with what it was
 * before. */
static void find_gateway(struct support *s, const struct cli *cli)
{
    if (cli->database)
        s->database = strdup(cli->database);
    else if (s->config)
        s->database = strdup(s->config->storage.path);
    else if (!(s->database = database_of(s->config_path)) && access(USUAL_DATABASE, F_OK) == 0)
        s->database = strdup(USUAL_DATABASE);
    s->why = "the configuration does not say where its database is; --database says it too";
    if (s->config && !cli->database) {
        s->daemon = daemon_open(s->config, &s->why);
    } else if (s->database) {
        const struct config only = {.storage = {.path = s->database}};
        s->daemon = daemon_open(&only, &s->why);
    }
    if (s->daemon)
        daemon_limit(s->daemon, PATIENCE_US);
}

static void forget(struct support *s)
{
    daemon_close(s->daemon);
    config_free(s->config);
    free(s->database);
    free(s->folder);
    free(s->templates);
}

/* --- the bundle --- */

static void write_head(FILE *f)
{
    char now[CLOCK_UTC_SIZE];

    fprintf(f, "sensorgw %s, support bundle of %s\n%s\nIn it:\n", SENSORGW_VERSION,
            clock_format_utc(clock_wall_us(), 0, now), left_out);
    for (size_t i = 0; i < PARTS; i++)
        fprintf(f, "  %2zu. %s\n", i + 1, parts[i].title);
}

/* Returns owned: everything, before the secrets that are known by then are taken out of it. */
static char *collect(struct support *s)
{
    char *text = NULL;
    size_t size;

    s->f = open_memstream(&text, &size);
    if (!s->f)
        return NULL;
    write_head(s->f);
    for (size_t i = 0; i < PARTS; i++) {
        fprintf(s->f, "\n===== %zu. %s =====\n", i + 1, parts[i].title);
        parts[i].write(s);
    }
    return fclose(s->f) == 0 ? text : NULL;
}

static char *usual_name(void)
{
    char now[CLOCK_UTC_SIZE], *name = NULL;
    size_t n = 0;

    clock_format_utc(clock_wall_us(), 0, now); /* without the signs that file systems dislike */
    for (const char *at = now; *at; at++) {
        if (*at != '-' && *at != ':')
            now[n++] = *at;
    }
    now[n] = '\0';
    return asprintf(&name, "sensorgw-support-%s.txt", now) < 0 ? NULL : name;
}

static int write_bundle(struct support *s, const char *path, bool force)
{
    struct outfile out;
    char *text = collect(s);

    if (!text) {
        fprintf(stderr, "sensorgw: out of memory\n");
        return CLI_FAILED;
    }
    umask(0077);
    bool ok = outfile_open(&out, path, force, s->database ? s->database : "");
    if (ok) {
        redact_text(s->redact, text, out.file);
        ok = outfile_finish(&out);
    }
    free(text);
    return ok ? CLI_OK : CLI_FAILED;
}

static void tell(const struct support *s, const char *path)
{
    struct stat st = {0};

    if (strcmp(path, "-") == 0)
        return;
    stat(path, &st);
    printf("Wrote %s, %lld kB of text that only you can read.\n", path,
           (long long)(st.st_size + 999) / 1000);
    fputs(left_out, stdout);
    if (!s->daemon)
        printf("The running gateway could not be asked (%s): without its health, figures and "
               "log.\n",
               s->why);
    if (geteuid() != 0)
        printf("As root, or with sudo -u sensorgw, it may find more.\n");
    printf("Look it through before you send it.\n");
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{"force", OPTION_FORCE, false}, {0}};
    struct cli_parser p = {cli, &cli_command_support, options, argc, argv, 0, 0};
    struct redact redact = {0};
    struct support s = {.redact = &redact};
    bool force = false;
    int c;

    while ((c = cli_next(&p)) >= 0)
        force = true;
    if (c == CLI_STOP)
        return p.status;
    if (argc - p.first > 1)
        return cli_usage_error(p.command, "one file at a time");
    char *path = p.first < argc ? strdup(argv[p.first]) : usual_name();
    find_config(&s, cli);
    find_gateway(&s, cli);
    int status = path ? write_bundle(&s, path, force) : CLI_FAILED;
    if (status == CLI_OK)
        tell(&s, path);
    forget(&s);
    redact_fini(&redact);
    free(path);
    return status;
}

const struct command cli_command_support = {
    .name = "support-bundle",
    .arguments = "[FILE]",
    .summary = "Writes one text file with all that helps to find out what is wrong.",
    .help =
        "In it: versions, health, the configuration without its secrets and what the check says of "
        "it,\n"
        "sources and units, all figures, facts about the database, owners and permissions of "
        "files,\n"
        "room on the disks, and the last lines of the log. Stored readings are not in it. It "
        "holds\n"
        "up nothing, and works without a running gateway too, as far as that goes.\n"
        "FILE is sensorgw-support-<time>.txt unless it is named; - is standard output.\n\n"
        "      --force            replace FILE if it exists\n"
        "      --database FILE    this database, whatever the configuration says\n",
    .run = run,
};
