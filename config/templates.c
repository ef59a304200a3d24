/* SPDX-License-Identifier: Apache-2.0 */
#include "config/templates.h"

#include "config/suggest.h"
#include "config/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_FOLDER "templates" /* beside the configuration */
#define DRIVERS_MAX 16

struct template_file {
    struct report_file report; /* first: the reporter's list leads to it */
    struct template_file *next;
    struct yaml_document document;
};

/* A folder, once it has been read. */
struct folder {
    bool is_read, is_broken;
    struct template_file *first, **end; /* in the order of their names */
};

enum { FOLDER_OWN, FOLDER_INSTALLED, FOLDERS };

struct templates {
    struct folder folders[FOLDERS];
};

static const char *const list_keys[] = {"sensors", NULL};

struct templates *templates_create(struct arena *arena)
{
    struct templates *t = arena_take(arena, sizeof(*t));

    for (int i = 0; i < FOLDERS; i++)
        t->folders[i].end = &t->folders[i].first;
    return t;
}

void templates_release(struct templates *t)
{
    for (int i = 0; t && i < FOLDERS; i++) {
        for (struct template_file *f = t->folders[i].first; f; f = f->next)
            yaml_release(&f->document);
    }
}

/* --- what a template may hold: a description, sensors, and what a device of any driver may --- */

const struct option template_options[] = {{.key = "description",
                                           .type = OPTION_STRING,
                                           .offset = 0,
                                           .fallback = OPTION_OPTIONAL,
                                           .help = "What the device is, for people"},
                                          {0}};

static void check_template(struct loader *l, const struct yaml_node *map)
{
    struct fill_part parts[DRIVERS_MAX + 2] = {{template_options, NULL}, {device_options, NULL}};
    size_t n = 2;

    if (map->kind != YAML_MAP) {
        config_report(l->fill.reporter, map, NULL, "must be a map like {sensors: […]}");
        return;
    }
    for (size_t i = 0; i < l->driver_count && n < DRIVERS_MAX; i++) {
        if (l->drivers[i]->device_options)
            parts[n++].table = l->drivers[i]->device_options;
    }
    fill_check_keys(&l->fill, map, parts, n, list_keys);
    fill_list(&l->fill, map, "sensors", "sensors", true);
}

static void check_all(struct loader *l, const struct yaml_node *templates)
{
    for (size_t i = 0; i < templates->count; i++)
        check_template(l, templates->items[i]);
}

/* --- folders --- */

static void check_twice(struct loader *l, const struct folder *folder,
                        const struct template_file *file)
{
    for (const struct template_file *f = folder->first; f; f = f->next) {
        for (size_t i = 0; f != file && i < file->document.root->count; i++) {
            const char *name = file->document.root->keys[i]->text;
            if (yaml_get(f->document.root, name))
                report_key(l->fill.reporter, file->document.root, i, "is in %s already",
                           f->report.path);
        }
    }
}

static void keep_file(struct loader *l, struct folder *folder, const char *path,
                      const struct yaml_document *document)
{
    struct template_file *f = arena_take(l->fill.arena, sizeof(*f));

    f->document = *document;
    f->report.path = path;
    f->report.root = document->root;
    f->report.next = l->fill.reporter->files;
    l->fill.reporter->files = &f->report;
    *folder->end = f;
    folder->end = &f->next;
    if (document->root->kind == YAML_MAP) {
        check_all(l, document->root);
        check_twice(l, folder, f);
    } else {
        config_report(l->fill.reporter, document->root, NULL,
                      "must be a map: the templates by their names");
    }
}

static void read_file(struct loader *l, struct folder *folder, const char *path)
{
    char *text;
    size_t length;
    const char *why;
    struct yaml_document document = {0};
    struct yaml_error error = {0};

    if (text_read(path, &text, &length, &why) != GW_OK) {
        report_place(l->fill.reporter, path, 0, 0, "%s", why);
        return;
    }
    enum gw_err err = yaml_parse(text, length, &document, &error);
    free(text);
    if (err == GW_ECONFIG)
        report_place(l->fill.reporter, path, error.line, error.column, "%s", error.text);
    else if (err == GW_OK && document.root)
        keep_file(l, folder, path, &document);
    else
        yaml_release(&document); /* only comments */
}

static int is_yaml(const struct dirent *entry)
{
    const char *dot = strrchr(entry->d_name, '.');

    return entry->d_name[0] != '.' && dot &&
           (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* False with errno: there is no such folder, or it cannot be read. */
static bool read_folder(struct loader *l, struct folder *folder, const char *path)
{
    struct dirent **entries;
    char name[4096];
    int n = scandir(path, &entries, is_yaml, alphasort);
    size_t before = l->fill.reporter->count;

    folder->is_read = true;
    for (int i = 0; i < n; i++) {
        int length = snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
        free(entries[i]);
        if (length > 0 && (size_t)length < sizeof(name))
            read_file(l, folder, arena_text(l->fill.arena, name, (size_t)length));
    }
    folder->is_broken = l->fill.reporter->count > before;
    if (n >= 0)
        free(entries);
    return n >= 0;
}

static char *own_folder(struct loader *l)
{
    const char *named = l->config->template_dir;
    char path[4096];

    if (named && named[0] == '/')
        return l->config->template_dir;
    snprintf(path, sizeof(path), "%s/%s", l->fill.folder, named ? named : DEFAULT_FOLDER);
    return arena_text(l->fill.arena, path, strlen(path));
}

void templates_read(struct loader *l)
{
    const struct yaml_node *templates = yaml_get(l->root, "templates");
    bool is_named = l->config->template_dir != NULL;

    if (templates && templates->kind == YAML_MAP)
        check_all(l, templates);
    else if (templates)
        config_report(l->fill.reporter, l->root, "templates",
                      "must be a map: the templates by their names");
    l->config->template_dir = own_folder(l);
    if (is_named && !read_folder(l, &l->templates->folders[FOLDER_OWN], l->config->template_dir))
        config_report(l->fill.reporter, l->root, "template_dir", "cannot read the folder %s: %s",
                      l->config->template_dir, strerror(errno));
}

static const struct yaml_node *find_in(const struct folder *folder, const char *name)
{
    const struct yaml_node *found = NULL;

    for (const struct template_file *f = folder->first; f && !found; f = f->next)
        found = yaml_get(f->document.root, name);
    return found;
}

static void offer_all(struct suggest *s, const struct yaml_node *templates)
{
    for (size_t i = 0; templates && templates->kind == YAML_MAP && i < templates->count; i++)
        suggest_offer(s, templates->keys[i]->text);
}

static void report_missing(struct loader *l, const struct yaml_node *device, const char *name)
{
    struct suggest s;

    suggest_init(&s, name);
    offer_all(&s, yaml_get(l->root, "templates"));
    for (int i = 0; i < FOLDERS; i++) {
        for (const struct template_file *f = l->templates->folders[i].first; f; f = f->next)
            offer_all(&s, f->document.root);
    }
    if (s.best)
        config_report(l->fill.reporter, device, "template",
                      "there is no template '%s'; did you mean '%s'?", name, s.best);
    else
        config_report(l->fill.reporter, device, "template",
                      "there is no template '%s' below templates:, in %s, or among the installed "
                      "ones; `sensorgw templates` lists those",
                      name, l->config->template_dir);
}

const struct yaml_node *templates_find(struct loader *l, const struct yaml_node *device,
                                       const char *name)
{
    const char *const paths[FOLDERS] = {l->config->template_dir, config_installed_templates()};
    const struct yaml_node *found = yaml_get(yaml_get(l->root, "templates"), name);
    bool is_broken = false;

    for (int i = 0; i < FOLDERS && !found; i++) {
        struct folder *folder = &l->templates->folders[i];
        if (!folder->is_read)
            read_folder(l, folder, paths[i]);
        found = find_in(folder, name);
        is_broken = is_broken || folder->is_broken;
    }
    if (found)
        return found->kind == YAML_MAP ? found : NULL; /* if not, that was reported */
    if (!is_broken) /* else it may well be in what could not be read */
        report_missing(l, device, name);
    return NULL;
}

void templates_list(struct loader *l, const char *folder,
                    void (*each)(void *arg, const struct config_template *t), void *arg)
{
    struct folder *own = &l->templates->folders[FOLDER_OWN];

    read_folder(l, own, folder);
    for (const struct template_file *f = own->first; f; f = f->next) {
        const struct yaml_node *root = f->document.root;
        for (size_t i = 0; root->kind == YAML_MAP && i < root->count; i++) {
            const struct yaml_node *about = yaml_get(root->items[i], "description");
            const struct yaml_node *sensors = yaml_get(root->items[i], "sensors");
            const struct config_template t = {.name = root->keys[i]->text,
                                              .description =
                                                  about && about->text ? about->text : "",
                                              .file = f->report.path,
                                              .sensors = sensors ? sensors->count : 0};
            each(arg, &t);
        }
    }
}
