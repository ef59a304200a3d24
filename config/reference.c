/* SPDX-License-Identifier: Apache-2.0 */
/* The option tables as a page in Markdown. */
#include "config/config.h"

#include "config/sections.h"
#include "config/value.h"

static const char *type_name(const struct option *o)
{
    static const char *const names[] = {[OPTION_STRING] = "text",
                                        [OPTION_SECRET_FILE] = "file name",
                                        [OPTION_INTEGER] = "integer",
                                        [OPTION_REAL] = "number",
                                        [OPTION_BOOL] = "true, false",
                                        [OPTION_TIMESPAN] = "timespan",
                                        [OPTION_SIZE] = "size",
                                        [OPTION_ENUM] = "one of",
                                        [OPTION_NUMBER_LIST] = "number or list",
                                        [OPTION_TABLE] = "map"};

    return names[o->type];
}

/* A '|' inside a cell would end it. */
static void print_cell(FILE *f, const char *text)
{
    for (; *text; text++)
        fprintf(f, *text == '|' ? "\\|" : "%c", *text);
}

static void print_row(FILE *f, const char *prefix, const struct option *o)
{
    char low[VALUE_TEXT_SIZE], high[VALUE_TEXT_SIZE];

    fprintf(f, "| `%s%s` | %s", prefix, o->key, type_name(o));
    for (size_t i = 0; o->type == OPTION_ENUM && o->choices[i]; i++)
        fprintf(f, "%s `%s`", i ? "," : "", o->choices[i]);
    if (o->max >= OPTION_NO_MAX)
        fprintf(f, ", at least %s", value_limit(o->type, o->min, low));
    else if (o->min != 0 || o->max != 0)
        fprintf(f, ", %s to %s", value_limit(o->type, o->min, low),
                value_limit(o->type, o->max, high));
    if (!o->fallback)
        fputs(" | **required** | ", f);
    else if (o->fallback[0])
        fprintf(f, " | `%s` | ", o->fallback);
    else
        fputs(" | | ", f);
    print_cell(f, o->help);
    if (o->group) {
        fputs(o->group[0] == '?' ? " (at most one of: " : " (exactly one of: ", f);
        print_cell(f, o->group + (o->group[0] == '?'));
        fputc(')', f);
    }
    fputs(" |\n", f);
}

static void print_rows(FILE *f, const struct option *table)
{
    char prefix[64];

    for (const struct option *o = table; o && o->key; o++) {
        print_row(f, "", o);
        if (o->type != OPTION_TABLE)
            continue;
        snprintf(prefix, sizeof(prefix), "%s.", o->key);
        for (const struct option *inner = o->table; inner->key; inner++)
            print_row(f, prefix, inner);
    }
}

static void print_head(FILE *f, const char *level, const char *title, const char *text)
{
    fprintf(f, "\n%s %s\n%s%s\n| key | value | default | what |\n|---|---|---|---|\n", level, title,
            text, *text ? "\n" : "");
}

static void print_driver(FILE *f, const struct driver_schema *d)
{
    fprintf(f, "\n## driver: %s\n%s\n", d->name, d->help);
    print_head(f, "###", "The source", "");
    print_rows(f, source_options);
    print_rows(f, d->source_options);
    if (d->device_options) {
        print_head(
            f, "###", "A device",
            "Below `devices:`, with a `name` and its `sensors`, or with a `template` (above).");
        print_rows(f, device_options);
        print_rows(f, d->device_options);
    }
    print_head(f, "###", "A sensor",
               "Below `sensors:`, with a `name` and the keys of every sensor "
               "(above).");
    print_rows(f, d->sensor_options);
}

static void print_templates(FILE *f)
{
    print_head(
        f, "##", "templates",
        "A map: devices by name, to be used by `template:` of a device. A file in "
        "`template_dir` holds such a map. `sensorgw templates` lists what there is, and "
        "docs/templates.md says how they are used.\n\n"
        "A template has `sensors`, and may have keys of a device (`every`, `max_gap`, …) for "
        "devices that do not have them. A device may name a sensor of its template again, "
        "with the keys that are to be different, and add sensors.");
    print_rows(f, template_options);
}

void config_write_reference(FILE *f, const struct driver_schema *const *drivers,
                            size_t driver_count)
{
    fputs("# Configuration reference\n"
          "Made from the program's own tables by `sensorgw check --reference`. Timespans are "
          "written `500ms`, `2s`, `10m`, `1h30m`, `30d`, `1y`; sizes `64kB`, `2GB`, `1GiB`. In "
          "texts `${NAME}` stands for a variable of the environment, `$${` for the characters "
          "themselves; `${CREDENTIALS_DIRECTORY}` is the service's folder of secrets, or "
          "`credentials` beside the configuration. Relative file names start at the "
          "configuration's folder.\n",
          f);
    print_head(f, "##", "At the top", "Beside the sections below.");
    print_rows(f, root_options);
    print_head(f, "##", "gateway", "");
    print_rows(f, gateway_options);
    print_head(f, "##", "mqtt", "Without this section alerts are stored and logged only.");
    print_rows(f, mqtt_options);
    print_head(f, "##", "storage", "");
    print_rows(f, storage_options);
    print_head(f, "##", "http", "`http: off` disables it.");
    print_rows(f, http_options);
    print_templates(f);
    print_head(f, "##", "rules", "A list; each rule has high or low limits, or a rate, or stale.");
    print_rows(f, rule_options);
    print_head(f, "##", "Every sensor",
               "Keys that all drivers' sensors have, with a `name`. The "
               "full name is `device/sensor` or `source/sensor`.");
    print_rows(f, sensor_options);
    for (size_t i = 0; i < driver_count; i++)
        print_driver(f, drivers[i]);
}
