/* SPDX-License-Identifier: Apache-2.0 */
/* rules: */
#include "config/sections.h"

#include "gateway/core/sensor.h"

#include <math.h>
#include <string.h>

static const char *const never_seen_choices[] = {"raise", "ignore", NULL};
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
     .fallback = OPTION_OPTIONAL,
     .help = "Full name of a sensor, or a shell glob for several: boiler/*; of an expression: the "
             "sensor that its alerts belong to, the first one of the expression when left out"},
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
    {.key = "never_seen",
     .type = OPTION_ENUM,
     .offset = AT(never_seen),
     .fallback = "raise",
     .choices = never_seen_choices,
     .help = "Whether `stale` is also for a sensor that never had a good value; its alert has the "
             "reason never_seen"},
    {.key = "bad_for",
     .type = OPTION_TIMESPAN,
     .offset = AT(bad_for_us),
     .fallback = OPTION_OPTIONAL,
     .min = 1e6,
     .max = 31536000e6,
     .help = "Raise when all values were bad (time-outs, implausible, …) for that long"},
    {.key = "expression",
     .type = OPTION_STRING,
     .offset = AT(expression),
     .fallback = OPTION_OPTIONAL,
     .help =
         "Raise when this is true, or with high or low limits when its value is beyond them: + - "
         "* / < <= > >= == != and or not min() max() abs() over sensors, as in "
         "boiler/flow_temp - boiler/return_temp > 30"},
    {.key = "max_age",
     .type = OPTION_TIMESPAN,
     .offset = AT(max_age_us),
     .fallback = "5m",
     .min = 1e6,
     .max = 31536000e6,
     .help = "Values older than this are none for `expression`, which then has no result"},
    {.key = "severity",
     .type = OPTION_ENUM,
     .offset = AT(severity),
     .fallback = "warning",
     .choices = severity_choices,
     .help = "Severity of `stale`, `bad_for`, and of an `expression` without limits"},
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
     .help = "How long a limit must be crossed, or an expression be true, without a break before "
             "the alert is raised"},
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

static void read_rule(struct loader *l, const struct yaml_node *node)
{
    struct rule_config *rule = &l->config->rules[l->config->rule_count++];
    const struct fill_part part = {rule_options, rule};

    rule->high[SEVERITY_NONE] = rule->low[SEVERITY_NONE] = rule->rate[SEVERITY_NONE] = (double)NAN;
    rule->node = node;
    bool filled = fill_map(&l->fill, node, &part, 1, NULL);
    check_rule(l, rule, node, filled);
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
