/* SPDX-License-Identifier: Apache-2.0 */
/* sensorgw templates: which devices can be named, and what one looks like. */
#include "config/config.h"
#include "drivers/driver.h"
#include "gateway/cli/cli.h"
#include "gateway/cli/table.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct listing {
    struct table *table;
    struct cli_json json;
    bool as_json;
    const char *name; /* the one that is asked for; NULL: all */
    char *file;       /* where it is; owned */
    size_t found;
};

static void add(void *arg, const struct config_template *t)
{
    struct listing *l = arg;
    char sensors[24];

    if (l->name) {
        if (!l->file && strcmp(t->name, l->name) == 0)
            l->file = strdup(t->file);
        return;
    }
    l->found++;
    if (l->as_json) {
        cJSON *o = cJSON_CreateObject();
        cJSON_AddStringToObject(o, "name", t->name);
        cJSON_AddStringToObject(o, "description", t->description);
        cJSON_AddNumberToObject(o, "sensors", (double)t->sensors);
        cJSON_AddStringToObject(o, "file", t->file);
        cli_json_item(&l->json, o);
        return;
    }
    snprintf(sensors, sizeof(sensors), "%zu", t->sensors);
    table_add(l->table, (const char *[]){t->name, sensors, t->description});
}

/* The file as it is: its comments say what the manual says. */
static int print_file(const char *path)
{
    char text[4096];
    size_t n;
    FILE *f = fopen(path, "re");

    if (!f) {
        perror(path);
        return CLI_FAILED;
    }
    printf("# %s\n", path);
    while ((n = fread(text, 1, sizeof(text), f)) > 0)
        fwrite(text, 1, n, stdout);
    fclose(f);
    return CLI_OK;
}

/* False when the folder has errors, which are said. */
static bool list_folder(const char *folder, struct listing *l)
{
    struct config_errors errors;
    size_t count;
    const struct driver_schema *const *schemas = driver_schemas(&count);

    config_list_templates(folder, schemas, count, add, l, &errors);
    bool ok = errors.count == 0;
    config_errors_print(&errors, folder, stderr);
    config_errors_free(&errors);
    return ok;
}

static int list_all(const struct config *config, struct listing *l)
{
    bool ok = !config || list_folder(config->template_dir, l);

    ok = list_folder(config_installed_templates(), l) && ok;
    if (l->name && !l->file)
        fprintf(stderr,
                "sensorgw: there is no template '%s' in %s%s%s; those below templates: of "
                "the configuration are not listed\n",
                l->name, config ? config->template_dir : "", config ? " or " : "",
                config_installed_templates());
    else if (l->name)
        return print_file(l->file);
    else if (l->found == 0)
        fprintf(stderr, "sensorgw: there are no templates in %s%s%s\n",
                config ? config->template_dir : "", config ? " or " : "",
                config_installed_templates());
    return ok && (l->found > 0 || l->file) ? CLI_OK : CLI_FAILED;
}

static int list(const struct config *config, struct listing *l)
{
    static const char *const titles[] = {"TEMPLATE", ">SENSORS", "DEVICE", NULL};

    if (l->name)
        return list_all(config, l);
    if (l->as_json)
        cli_json_begin(&l->json);
    else if (!(l->table = table_create(titles)))
        return CLI_FAILED;
    int status = list_all(config, l);
    if (l->as_json)
        cli_json_end(&l->json);
    else if (l->found > 0)
        table_print(l->table, stdout);
    table_destroy(l->table);
    return status;
}

static int run(struct cli *cli, int argc, char **argv)
{
    static const struct cli_option options[] = {{"json", 'j', false}, {0}};
    struct cli_parser p = {cli, &cli_command_templates, options, argc, argv, 0, 0};
    struct config *config = NULL;
    struct listing l = {0};
    int c;

    while ((c = cli_next(&p)) >= 0)
        l.as_json = true;
    if (c == CLI_STOP)
        return p.status;
    if (argc - p.first > 1)
        return cli_usage_error(p.command, "wants at most one NAME");
    l.name = argv[p.first]; /* NULL at the end */
    if (cli_find_config(cli, &config) != CLI_OK)
        config = NULL; /* the installed ones are there without one */
    int status = list(config, &l);
    free(l.file);
    config_free(config);
    return status;
}

const struct command cli_command_templates = {
    .name = "templates",
    .arguments = "[NAME]",
    .summary = "Lists the device templates that a configuration can use, or shows one.",
    .help = "With NAME the file that has it, to be read or copied. Those of the configuration's "
            "template_dir\ncome first (-c says which configuration).\n\n"
            "  -j, --json             a JSON array\n",
    .run = run,
};
