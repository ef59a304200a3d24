/* SPDX-License-Identifier: Apache-2.0 */
/* The configuration in a support bundle. */
#include "config/config.h"
#include "drivers/driver.h"
#include "gateway/cli/support.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX 1000000 /* bytes of it that are shown */

void support_cannot(struct support *s, const char *path)
{
    fprintf(s->f, "(%s: %s)\n", path, strerror(errno));
}

static void show_file(struct support *s, const char *path)
{
    FILE *in = fopen(path, "re");
    char *text = in ? malloc(FILE_MAX) : NULL;
    size_t n = text ? fread(text, 1, FILE_MAX, in) : 0;

    if (!in)
        support_cannot(s, path);
    if (text) {
        redact_yaml(s->redact, text, n, s->folder, s->f);
        if (n > 0 && text[n - 1] != '\n')
            fputc('\n', s->f);
        if (n == FILE_MAX)
            fputs("[the file is longer]\n", s->f);
    }
    free(text);
    if (in)
        fclose(in);
}

void support_config(struct support *s)
{
    if (!s->config_path) {
        fputs("(there is none in the usual places; -c names one)\n", s->f);
        return;
    }
    fprintf(s->f, "--- %s ---\n", s->config_path);
    show_file(s, s->config_path);
}

static int is_yaml(const struct dirent *e)
{
    const char *dot = strrchr(e->d_name, '.');

    return dot && dot != e->d_name && strcmp(dot, ".yaml") == 0;
}

void support_templates(struct support *s)
{
    struct dirent **entries;
    char path[4096];
    int n = s->templates ? scandir(s->templates, &entries, is_yaml, alphasort) : -1;

    if (n <= 0)
        fputs("none\n", s->f);
    for (int i = 0; i < n; i++) {
        snprintf(path, sizeof(path), "%s/%s", s->templates, entries[i]->d_name);
        fprintf(s->f, "--- %s ---\n", path);
        show_file(s, path);
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
}

void support_check(struct support *s)
{
    struct config_errors errors = {0};
    struct config *config;
    size_t drivers;
    const struct driver_schema *const *schemas = driver_schemas(&drivers);

    if (s->config) {
        cli_print_plan(s->config, s->f);
        return;
    }
    if (!s->config_path) {
        fputs("(there is no configuration)\n", s->f);
        return;
    }
    enum gw_err err = config_load(s->config_path, schemas, drivers, &config, &errors);
    if (err == GW_OK)
        config_free(config); /* mended this very moment */
    else if (errors.count == 0)
        fprintf(s->f, "%s: %s\n", s->config_path, gw_strerror(err));
    config_errors_print(&errors, s->config_path, s->f);
    config_errors_free(&errors);
}
