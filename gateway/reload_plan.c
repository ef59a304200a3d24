/* SPDX-License-Identifier: Apache-2.0 */
/* What a reload will change: the file is read, checked and compared; nothing is touched. */
#include "drivers/driver.h"
#include "gateway/core/log.h"
#include "gateway/reload_change.h"

#include <stdlib.h>
#include <string.h>

#define LOGGED 10 /* errors of a file; the rest is counted */

/* --- the file --- */

static void say_errors(struct change *c, const struct config_errors *errors, enum gw_err err)
{
    config_errors_print(errors, c->o->path, c->text);
    for (size_t i = 0; i < errors->count && i < LOGGED; i++) {
        const struct config_error *e = &errors->items[i];
        const char *file = e->file ? e->file : c->o->path;
        if (e->line > 0)
            log_error("reload: %s:%d:%d: %s", file, e->line, e->column, e->text);
        else
            log_error("reload: %s: %s", file, e->text);
    }
    if (errors->count > LOGGED)
        log_error("reload: and %zu more; `sensorgw check` lists all", errors->count - LOGGED);
    if (errors->count == 0)
        change_say(c, "%s: %s", c->o->path, gw_strerror(err));
}

static enum gw_err read_file(struct change *c)
{
    struct config_errors errors = {0};
    size_t drivers;
    const struct driver_schema *const *schemas = driver_schemas(&drivers);
    enum gw_err err = config_load(c->o->path, schemas, drivers, &c->config, &errors);

    if (err != GW_OK)
        say_errors(c, &errors, err);
    config_errors_free(&errors);
    return err;
}

/* --- what needs a restart --- */

static bool needs_broker(struct change *c)
{
    for (size_t i = 0; i < c->config->source_count; i++) {
        if (!c->config->sources[i].schema->needs_mqtt || c->o->env->mqtt)
            continue;
        change_say(c, "source %s needs the broker: the mqtt section needs a restart",
                   c->config->sources[i].name);
        return true;
    }
    return false;
}

static size_t find_source(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->source_count; i++) {
        if (strcmp(c->sources[i].name, name) == 0)
            return i;
    }
    return NO_PLACE;
}

/* Room for what is new, in the tables that were made at the start. */
static bool has_room(struct change *c)
{
    struct sensor_table *table = c->o->env->sensors;
    const struct sensor_config *s;
    size_t sensors = sensor_table_count(table), capacity = sensor_table_capacity(table);
    size_t sources = c->o->names->count, may_come = 0;

    for (size_t i = 0; i < c->config->source_count; i++) {
        const struct source_config *source = &c->config->sources[i];
        sources += !source_names_has(c->o->names, source->name);
        may_come +=
            find_source(c->now->config, source->name) == NO_PLACE ? source->extra_sensors : 0;
        for (size_t k = 0; (s = source_sensor(source, k)); k++)
            sensors += s->index != SENSOR_NONE && sensor_table_find(table, s->name) == SENSOR_NONE;
    }
    if (sources > c->o->names->room || sensors > capacity) {
        bool is_sources = sources > c->o->names->room;
        change_say(c, "so many new %s need a restart: there is room for %zu",
                   is_sources ? "sources" : "sensors", is_sources ? c->o->names->room : capacity);
        return false;
    }
    if (sensors + may_come > capacity)
        change_say(c,
                   "there is room for %zu of the sensors that new sources may make from topics; "
                   "for all %zu of them it needs a restart",
                   capacity - sensors, may_come);
    return true;
}

static void say_fixed(void *arg, const char *key)
{
    change_say(arg, "%s needs a restart: it stays as it is until then", key);
}

/* --- what goes on --- */

bool change_keeps(const struct change *c, const struct source *s)
{
    for (size_t i = 0; i < c->config->source_count; i++) {
        if (c->kept[i] != NO_PLACE && c->now->sources[c->kept[i]] == s)
            return true;
    }
    return false;
}

/* One thread serves all sources of a line: does any of them change, or does one come? */
static bool line_changes(const struct change *c, size_t i)
{
    const struct source *s = c->now->sources[c->kept[i]];
    const struct source *leader = s->leader ? s->leader : s;

    if (!change_keeps(c, leader))
        return true;
    for (const struct source *m = leader->members; m; m = m->next_member) {
        if (!change_keeps(c, m))
            return true;
    }
    for (size_t k = 0; k < c->config->source_count && s->driver->same_line; k++) {
        if (c->kept[k] == NO_PLACE && c->config->sources[k].schema == s->config->schema &&
            s->driver->same_line(&c->config->sources[k], s->config))
            return true;
    }
    return false;
}

/* Which sources may go on as they are. One that did not start is tried anew. */
static void match_sources(struct change *c)
{
    bool again = true;

    for (size_t i = 0; i < c->config->source_count; i++) {
        size_t k = find_source(c->now->config, c->config->sources[i].name);
        const struct source *s = k != NO_PLACE ? c->now->sources[k] : NULL;
        bool same = s && s->started && config_source_equal(&c->config->sources[i], s->config);
        c->kept[i] = same ? k : NO_PLACE;
    }
    while (again) {
        again = false;
        for (size_t i = 0; i < c->config->source_count; i++) {
            if (c->kept[i] == NO_PLACE || !line_changes(c, i))
                continue;
            c->kept[i] = NO_PLACE;
            again = true;
        }
    }
}

static void count_sources(struct change *c)
{
    for (size_t i = 0; i < c->config->source_count; i++) {
        bool known = find_source(c->now->config, c->config->sources[i].name) != NO_PLACE;
        c->sources[c->kept[i] != NO_PLACE ? KEPT : known ? CHANGED : ADDED]++;
    }
    for (size_t k = 0; k < c->now->config->source_count; k++)
        c->sources[REMOVED] += find_source(c->config, c->now->config->sources[k].name) == NO_PLACE;
}

static void count_rules(struct change *c)
{
    for (size_t i = 0; i < c->config->rule_count; i++) {
        const struct rule_config *rule = &c->config->rules[i];
        const struct rule_config *before = config_find_rule(c->now->config, rule->name);
        c->rules[!before ? ADDED : config_rule_equal(rule, before) ? KEPT : CHANGED]++;
    }
    for (size_t i = 0; i < c->now->config->rule_count; i++)
        c->rules[REMOVED] += !config_find_rule(c->config, c->now->config->rules[i].name);
}

bool change_plan(struct change *c)
{
    if (read_file(c) != GW_OK)
        return false;
    c->kept = calloc(c->config->source_count + 1, sizeof(*c->kept));
    if (!c->kept || needs_broker(c) || !has_room(c)) {
        config_free(c->config);
        return false;
    }
    config_keep_fixed(c->config, c->o->first, say_fixed, c);
    match_sources(c);
    count_sources(c);
    count_rules(c);
    return true;
}

void change_fini(struct change *c)
{
    free(c->kept);
}
