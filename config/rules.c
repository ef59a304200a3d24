/* SPDX-License-Identifier: Apache-2.0 */
/* rules: */
#include "config/sections.h"

#include "gateway/core/sensor.h"

#include <fnmatch.h>
#include <math.h>
#include <string.h>

static const char *const severity_choices[] = {"none", "warning", "critical", NULL};

/* Limits by enum severity; [SEVERITY_NONE] is unused. */
static const struct option limit_options[] = {{.key = "warning",
                                               .type = OPTION_REAL,
                                               .offset = SEVERITY_WARNING * sizeof(double),
                                               .fallback = OPTION_OPTIONAL,
                                               .help = "Limit of a warning"},
                                              {.key = "critical",
                                               .type = OPTION_REAL,
                                               .offset = SEVERITY_CRITICAL * sizeof(double),
                                               .fallback = OPTION_OPTIONAL,
                                               .help = "Limit of a critical alert"},
                                              {0}};

#define AT(field) offsetof(struct rule_config, field)
#define LIMITS(name, text)                                                                         \
    {                                                                                              \
        .key = #name, .type = OPTION_TABLE, .offset = AT(name), .fallback = OPTION_OPTIONAL,       \
        .table = limit_options, .help = (text)                                                     \
    }
const struct option rule_options[] = {
    {.key = "name",
     .type = OPTION_STRING,
     .offset = AT(name),
     .help = "Name of the rule, the last level of its alerts' topics"},
    {.key = "sensor",
     .type = OPTION_STRING,
     .offset = AT(sensor),
     .help = "Full name of a sensor, or a shell glob for several: boiler/*"},
    LIMITS(high, "Raise when the value is above the limit"),
    LIMITS(low, "Raise when the value is below the limit"),
    LIMITS(rate, "Raise when the value changes by more than this, either way, in the time `per`"),
    {.key = "per",
     .type = OPTION_TIMESPAN,
     .offset = AT(per_us),
     .fallback = "1s",
     .min = 1e3,
     .max = 31536000e6,
     .help = "The time that `rate` is about"},
    {.key = "stale",
     .type = OPTION_TIMESPAN,
     .offset = AT(stale_us),
     .fallback = OPTION_OPTIONAL,
     .min = 1e6,
     .max = 31536000e6,
     .help = "Raise when there was no good value for that long"},
    {.key = "severity",
     .type = OPTION_ENUM,
     .offset = AT(severity),
     .fallback = "warning",
     .choices = severity_choices,
     .help = "Severity of `stale`"},
    {.key = "hysteresis",
     .type = OPTION_REAL,
     .offset = AT(hysteresis),
     .fallback = "0",
     .min = 0,
     .max = OPTION_NO_MAX,
     .help = "How far the value must come back behind a limit before the alert clears, in the "
             "sensor's unit"},
    {.key = "for",
     .type = OPTION_TIMESPAN,
     .offset = AT(for_us),
     .fallback = "0s",
     .min = 0,
     .max = 31536000e6,
     .help = "How long a limit must be crossed without a break before the alert is raised"},
    {.key = "repeat",
     .type = OPTION_TIMESPAN,
     .offset = AT(repeat_us),
     .fallback = "0s",
     .min = 0,
     .max = 31536000e6,
     .help = "Publish an alert that nobody acknowledges again after that time, with the same id; "
             "0s never"},
    {.key = "max_raises",
     .type = OPTION_INTEGER,
     .offset = AT(max_raises),
     .fallback = "0",
     .min = 0,
     .max = 1e6,
     .help = "Alerts of this rule, all its sensors together, that are published in the time "
             "`max_per`; the others wait, and a summary says how many they are; 0 for no limit"},
    {.key = "max_per",
     .type = OPTION_TIMESPAN,
     .offset = AT(max_per_us),
     .fallback = "10m",
     .min = 1e6,
     .max = 86400e6,
     .help = "The time that `max_raises` is about"},
    {0}};

static bool given(const struct yaml_node *node, const char *key)
{
    return yaml_get(node, key) != NULL;
}

/* warning and critical must be in this order for `high` and `rate` (sign 1), reversed for `low`. */
static void check_limits(struct config_reporter *r, const struct yaml_node *node, const char *key,
                         const double limit[3], int sign)
{
    if (!given(node, key) || yaml_get(node, key)->kind != YAML_MAP)
        return;
    if (isnan(limit[SEVERITY_WARNING]) && isnan(limit[SEVERITY_CRITICAL]))
        config_report(r, node, key, "needs a warning limit, a critical one, or both");
    if (sign * limit[SEVERITY_WARNING] >= sign * limit[SEVERITY_CRITICAL])
        config_report(r, node, key, "warning (%g) must be %s critical (%g)",
                      limit[SEVERITY_WARNING], sign > 0 ? "less than" : "more than",
                      limit[SEVERITY_CRITICAL]);
}

/* Exactly one of (high, low), rate, stale. */
static void check_kind(struct config_reporter *r, const struct yaml_node *node,
                       struct rule_config *rule)
{
    bool level = given(node, "high") || given(node, "low");
    bool rate = given(node, "rate"), stale = given(node, "stale");

    if (level + rate + stale != 1) {
        config_report(r, node, NULL,
                      level + rate + stale == 0
                          ? "says nothing to watch: give it high or low limits, a rate, or stale"
                          : "mixes high or low limits, rate and stale: make a rule of each");
        return;
    }
    rule->kind = stale ? RULE_STALE : rate ? RULE_RATE : RULE_LEVEL;
    if (rule->kind != RULE_LEVEL && given(node, "hysteresis"))
        config_report(r, node, "hysteresis", "is for high and low limits only");
    if (rule->kind != RULE_RATE && given(node, "per"))
        config_report(r, node, "per", "is for rate only");
    if (rule->kind != RULE_STALE && given(node, "severity"))
        config_report(r, node, "severity",
                      "is for stale only; limits have their severity by name: {warning: …, "
                      "critical: …}");
    if (given(node, "max_per") && !given(node, "max_raises"))
        config_report(r, node, "max_per", "says nothing without max_raises");
    if (rule->kind == RULE_STALE && given(node, "for"))
        config_report(r, node, "for", "is not for stale, which is a time itself");
}

static void check_range(struct config_reporter *r, const struct yaml_node *node,
                        const struct rule_config *rule)
{
    for (int s = SEVERITY_WARNING; s <= SEVERITY_CRITICAL; s++) {
        if (rule->low[s] >= rule->high[s])
            config_report(r, node, "low", "%s (%g) must be less than that of high (%g)",
                          severity_name((unsigned)s), rule->low[s], rule->high[s]);
    }
    for (int s = SEVERITY_WARNING; s <= SEVERITY_CRITICAL; s++) {
        if (rule->rate[s] <= 0)
            config_report(r, node, "rate", "must be more than 0");
    }
    if (rule->severity == SEVERITY_NONE)
        config_report(r, node, "severity", "must be warning or critical");
}

/* Can a name made from this pattern match the glob? Both are compared up to their first wildcard.
 */
static bool may_match(const char *glob, const char *pattern)
{
    size_t fixed = strcspn(glob, "*?[\\"), known = strcspn(pattern, "{");

    return strncmp(glob, pattern, fixed < known ? fixed : known) == 0;
}

static bool matches_any(const struct config *c, const char *glob)
{
    for (size_t i = 0; i < c->source_count; i++) {
        for (size_t d = 0; d < c->sources[i].device_count; d++) {
            const struct device_config *device = &c->sources[i].devices[d];
            for (size_t k = 0; k < device->sensor_count; k++) {
                const struct sensor_config *s = &device->sensors[k];
                if (s->index == SENSOR_NONE ? may_match(glob, s->name)
                                            : fnmatch(glob, s->name, 0) == 0)
                    return true;
            }
        }
    }
    return false;
}

static void check_name(struct loader *l, const struct rule_config *rule,
                       const struct yaml_node *node)
{
    struct config_reporter *r = l->fill.reporter;
    const char *problem = sensor_name_problem(rule->name);

    if (!problem && strchr(rule->name, '/'))
        problem = "holds a '/'";
    if (!problem && strlen(rule->name) > RULE_NAME_MAX)
        problem = "is longer than 64 bytes";
    if (problem)
        config_report(r, node, "name", "'%s' cannot be the last level of a topic: %s", rule->name,
                      problem);
    for (size_t i = 0; i + 1 < l->config->rule_count; i++) {
        if (l->config->rules[i].name && strcmp(l->config->rules[i].name, rule->name) == 0)
            config_report(r, node, "name", "'%s' is the name of an earlier rule already",
                          rule->name);
    }
}

static void read_rule(struct loader *l, const struct yaml_node *node)
{
    struct rule_config *rule = &l->config->rules[l->config->rule_count++];
    const struct fill_part part = {rule_options, rule};
    struct config_reporter *r = l->fill.reporter;

    rule->high[SEVERITY_NONE] = rule->low[SEVERITY_NONE] = rule->rate[SEVERITY_NONE] = (double)NAN;
    bool filled = fill_map(&l->fill, node, &part, 1, NULL);
    check_kind(r, node, rule);
    if (rule->name)
        check_name(l, rule, node);
    if (!filled)
        return;
    check_limits(r, node, "high", rule->high, 1);
    check_limits(r, node, "low", rule->low, -1);
    check_limits(r, node, "rate", rule->rate, 1);
    check_range(r, node, rule);
    if (!matches_any(l->config, rule->sensor))
        config_report(r, node, "sensor",
                      "'%s' matches no sensor; `sensorgw check` lists their names", rule->sensor);
}

void read_rules(struct loader *l)
{
    const struct yaml_node *list = fill_list(&l->fill, l->root, "rules", "rules", false);

    l->config->rules =
        arena_take(l->fill.arena, ((list ? list->count : 0) + 1) * sizeof(*l->config->rules));
    for (size_t i = 0; list && i < list->count; i++) {
        if (list->items[i]->kind == YAML_MAP)
            read_rule(l, list->items[i]);
        else
            config_report(l->fill.reporter, list->items[i], NULL,
                          "must be a map like {name: …, sensor: …, high: {warning: …}}");
    }
}
