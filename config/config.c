/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "config/sections.h"
#include "config/templates.h"
#include "config/text.h"
#include "version.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

/* What config.memory points to: the nodes and everything made from them. */
struct memory {
    atomic_uint owners;
    struct yaml_document document;
    struct templates *templates;
    struct arena *arena;
};

const struct option root_options[] = {
    {.key = "template_dir",
     .type = OPTION_STRING,
     .offset = offsetof(struct config, template_dir),
     .fallback = OPTION_OPTIONAL,
     .help = "Folder whose *.yaml files hold templates; when left out templates, beside this file, "
             "if there is one. Templates that come with the program are found after those"},
    {0}};

static const char *const root_keys[] = {"gateway",   "mqtt",    "storage", "http",
                                        "templates", "sources", "rules",   NULL};

static struct config *new_config(struct arena *arena, const struct yaml_document *document,
                                 const char *path)
{
    struct config *c = arena_take(arena, sizeof(*c));
    struct memory *m = arena_take(arena, sizeof(*m));

    atomic_init(&m->owners, 1);
    m->arena = arena;
    m->document = *document;
    m->templates = templates_create(arena);
    c->memory = m;
    c->path = arena_text(arena, path, strlen(path));
    return c;
}

void config_hold(const struct config *c)
{
    struct memory *m = c->memory;

    if (m) /* a test's, which nobody frees, has none */
        atomic_fetch_add(&m->owners, 1);
}

void config_free(const struct config *c)
{
    struct memory *m = c ? c->memory : NULL;

    if (!m || atomic_fetch_sub(&m->owners, 1) > 1)
        return;
    free_sources(c);
    templates_release(m->templates);
    yaml_release(&m->document);
    arena_destroy(m->arena); /* c itself lives in it */
}

static const char *folder_of(struct arena *arena, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (!slash)
        return ".";
    return slash == path ? "/" : arena_text(arena, path, (size_t)(slash - path));
}

static void read_places(struct loader *l)
{
    read_gateway(l);
    read_storage(l);
}

static void read_all(struct loader *l)
{
    struct fill_part part = {root_options, l->config};

    fill_map(&l->fill, l->root, &part, 1, root_keys);
    if (l->root->kind != YAML_MAP)
        return;
    templates_read(l);
    read_places(l);
    read_mqtt(l);
    read_http(l);
    read_sources(l);
    read_rules(l);
}

/* drivers NULL: only the places are read. */
static enum gw_err parse(const char *path, const char *text, size_t length,
                         struct config_reporter *r, const struct driver_schema *const *drivers,
                         size_t driver_count, struct config **out)
{
    struct yaml_document document = {0};
    struct yaml_error error;
    enum gw_err err = yaml_parse(text, length, &document, &error);

    if (err != GW_OK) {
        if (err == GW_ECONFIG)
            report_place(r, NULL, error.line, error.column, "%s", error.text);
        return err;
    }
    if (!document.root) {
        report_place(r, NULL, 0, 0, "is empty: it must have sources at least");
        yaml_release(&document);
        return GW_ECONFIG;
    }
    struct arena *arena = arena_create();
    if (!arena) {
        yaml_release(&document);
        return GW_ENOMEM;
    }
    r->root = document.root;
    struct loader l = {.fill = {.reporter = r, .arena = arena, .folder = folder_of(arena, path)},
                       .root = document.root,
                       .config = new_config(arena, &document, path),
                       .drivers = drivers,
                       .driver_count = driver_count};
    l.templates = ((struct memory *)l.config->memory)->templates;
    if (drivers)
        read_all(&l);
    else if (l.root->kind == YAML_MAP)
        read_places(&l);
    else
        report_place(r, NULL, 0, 0, "is no configuration");
    if (r->count > 0) {
        config_free(l.config);
        return GW_ECONFIG;
    }
    *out = l.config;
    return GW_OK;
}

enum gw_err config_parse(const char *path, const char *text, size_t length,
                         const struct driver_schema *const *drivers, size_t driver_count,
                         struct config **out, struct config_errors *errors)
{
    *errors = (struct config_errors){0};
    struct config_reporter r = {.errors = errors};
    enum gw_err err = parse(path, text, length, &r, drivers, driver_count, out);

    report_sort(errors);
    return err;
}

enum gw_err config_load(const char *path, const struct driver_schema *const *drivers,
                        size_t driver_count, struct config **out, struct config_errors *errors)
{
    char *text;
    size_t length;
    const char *why;
    enum gw_err err = text_read(path, &text, &length, &why);

    if (err != GW_OK) {
        struct config_reporter r = {.errors = errors};
        *errors = (struct config_errors){0};
        if (err != GW_ENOMEM)
            report_place(&r, NULL, 0, 0, "%s", why);
        return err;
    }
    err = config_parse(path, text, length, drivers, driver_count, out, errors);
    free(text);
    return err;
}

const char *config_installed_templates(void)
{
    return SENSORGW_TEMPLATES;
}

/* Reads the folder as a configuration without anything else would. */
void config_list_templates(const char *folder, const struct driver_schema *const *drivers,
                           size_t driver_count,
                           void (*each)(void *arg, const struct config_template *t), void *arg,
                           struct config_errors *errors)
{
    struct config_reporter r = {.errors = errors};
    struct arena *arena = arena_create();

    *errors = (struct config_errors){0};
    if (!arena)
        return;
    struct loader l = {.fill = {.reporter = &r, .arena = arena, .folder = folder},
                       .templates = templates_create(arena),
                       .drivers = drivers,
                       .driver_count = driver_count};
    templates_list(&l, folder, each, arg);
    templates_release(l.templates);
    arena_destroy(arena);
    report_sort(errors);
}

enum gw_err config_load_places(const char *path, struct config **out)
{
    struct config_errors errors;
    enum gw_err err = config_load(path, NULL, 0, out, &errors);

    config_errors_free(&errors);
    return err;
}
