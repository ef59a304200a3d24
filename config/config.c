/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "config/sections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)4 * 1024 * 1024)

/* What config.memory points to: the nodes and everything made from them. */
struct memory {
    struct yaml_document document;
    struct arena *arena;
};

static const char *const root_keys[] = {"gateway",   "mqtt",    "storage", "http",
                                        "templates", "sources", "rules",   NULL};

static struct config *new_config(struct arena *arena, const struct yaml_document *document,
                                 const char *path)
{
    struct config *c = arena_take(arena, sizeof(*c));
    struct memory *m = arena_take(arena, sizeof(*m));

    m->arena = arena;
    m->document = *document;
    c->memory = m;
    c->path = arena_text(arena, path, strlen(path));
    return c;
}

void config_free(struct config *c)
{
    if (!c)
        return;
    free_sources(c);
    struct memory *m = c->memory;
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

static void read_all(struct loader *l)
{
    struct fill_part none = {0};

    fill_map(&l->fill, l->root, &none, 1, root_keys);
    if (l->root->kind != YAML_MAP)
        return;
    read_gateway(l);
    read_mqtt(l);
    read_storage(l);
    read_http(l);
    read_sources(l);
    read_rules(l);
}

static enum gw_err parse(const char *path, const char *text, size_t length,
                         struct config_reporter *r, const struct driver_schema *const *drivers,
                         size_t driver_count, struct config **out)
{
    struct yaml_document document = {0};
    struct yaml_error error;
    enum gw_err err = yaml_parse(text, length, &document, &error);

    if (err != GW_OK) {
        if (err == GW_ECONFIG)
            report_place(r, error.line, error.column, "%s", error.text);
        return err;
    }
    if (!document.root) {
        report_place(r, 0, 0, "is empty: it must have sources at least");
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
    read_all(&l);
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

static enum gw_err read_failed(struct config_errors *errors, const char *why, enum gw_err err)
{
    struct config_reporter r = {.errors = errors};

    *errors = (struct config_errors){0};
    report_place(&r, 0, 0, "%s", why);
    return err;
}

enum gw_err config_load(const char *path, const struct driver_schema *const *drivers,
                        size_t driver_count, struct config **out, struct config_errors *errors)
{
    FILE *f = fopen(path, "re");
    if (!f) {
        enum gw_err err = errno == ENOENT ? GW_ENOENT : errno == EACCES ? GW_EACCES : GW_EIO;
        return read_failed(errors, strerror(errno), err);
    }
    char *text = malloc(FILE_MAX + 1);
    if (!text) {
        fclose(f);
        return GW_ENOMEM;
    }
    size_t length = fread(text, 1, FILE_MAX + 1, f);
    int failed = ferror(f) ? errno : 0;
    fclose(f);
    enum gw_err err;
    if (failed)
        err = read_failed(errors, strerror(failed), GW_EIO);
    else if (length > FILE_MAX)
        err = read_failed(errors, "is larger than 4 MiB, which no configuration is", GW_ECONFIG);
    else
        err = config_parse(path, text, length, drivers, driver_count, out, errors);
    free(text);
    return err;
}
