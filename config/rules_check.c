/* SPDX-License-Identifier: Apache-2.0 */
/* What the option table of rules cannot say: which keys make sense together, and what they name. */
#include "config/sections.h"

#include "config/suggest.h"
#include "gateway/core/sensor.h"

#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

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

/* What a rule may watch, and the keys that say so. */
static const struct {
    const char *keys[3];
    enum rule_kind kind;
} kinds[] = {
    {{"high", "low", NULL}, RULE_LEVEL},     {{"rate", NULL}, RULE_RATE},
    {{"stale", NULL}, RULE_STALE},           {{"bad_for", NULL}, RULE_QUALITY},
    {{"expression", NULL}, RULE_EXPRESSION},
};

/* Keys that only some kinds have. */
#define FOR(kind) (1u << RULE_##kind)
static const struct {
    const char *key;
    unsigned kinds;
    const char *why;
} companions[] = {
    {"hysteresis", FOR(LEVEL) | FOR(EXPRESSION), "is for high and low limits only"},
    {"per", FOR(RATE), "is for rate only"},
    {"never_seen", FOR(STALE), "is for stale only"},
    {"max_age", FOR(EXPRESSION), "is for an expression only"},
    {"severity", FOR(STALE) | FOR(QUALITY) | FOR(EXPRESSION),
     "is for stale, bad_for and expressions; limits have their severity by name: {warning: …, "
     "critical: …}"},
    {"for", FOR(LEVEL) | FOR(RATE) | FOR(EXPRESSION),
     "is not for stale and bad_for, which are times themselves"},
};

/* Limits may stand alone or with an expression; all others stand alone. */
static bool find_kind(const struct yaml_node *node, enum rule_kind *kind)
{
    unsigned found = 0, count = 0;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        bool any = false;
        for (const char *const *key = kinds[i].keys; *key; key++)
            any = any || given(node, *key);
        if (!any)
            continue;
        found |= 1u << kinds[i].kind;
        count++;
        *kind = kinds[i].kind;
    }
    return count == 1 || (found == (FOR(LEVEL) | FOR(EXPRESSION)));
}

static void check_kind(struct config_reporter *r, const struct yaml_node *node,
                       struct rule_config *rule)
{
    enum rule_kind kind = RULE_LEVEL;
    bool any = false;

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        for (const char *const *key = kinds[i].keys; *key; key++)
            any = any || given(node, *key);
    }
    if (!find_kind(node, &kind)) {
        config_report(r, node, NULL,
                      any ? "mixes high or low limits, rate, stale, bad_for and expression: make a "
                            "rule of each"
                          : "says nothing to watch: give it high or low limits, a rate, stale, "
                            "bad_for or an expression");
        return;
    }
    rule->kind = kind;
    for (size_t i = 0; i < sizeof(companions) / sizeof(companions[0]); i++) {
        if (given(node, companions[i].key) && !(companions[i].kinds & 1u << kind))
            config_report(r, node, companions[i].key, "%s", companions[i].why);
    }
    if (given(node, "max_per") && !given(node, "max_raises"))
        config_report(r, node, "max_per", "says nothing without max_raises");
    if (kind == RULE_QUALITY)
        rule->for_us = rule->bad_for_us;
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

/* Until visit() says no; false then. */
static bool each_sensor(const struct config *c,
                        bool (*visit)(void *arg, const struct sensor_config *s), void *arg)
{
    for (size_t i = 0; i < c->source_count; i++) {
        for (size_t d = 0; d < c->sources[i].device_count; d++) {
            const struct device_config *device = &c->sources[i].devices[d];
            for (size_t k = 0; k < device->sensor_count; k++) {
                if (!visit(arg, &device->sensors[k]))
                    return false;
            }
        }
    }
    return true;
}

struct sought {
    const char *glob;
    bool is_name;
};

static bool is_another(void *arg, const struct sensor_config *s)
{
    const struct sought *o = arg;

    if (s->index == SENSOR_NONE)
        return !may_match(o->glob, s->name);
    return o->is_name ? strcmp(o->glob, s->name) != 0 : fnmatch(o->glob, s->name, 0) != 0;
}

static bool matches_any(const struct config *c, const char *glob, bool is_name)
{
    return !each_sensor(c, is_another, &(struct sought){glob, is_name});
}

#define NAMES_TOLD 3

/* Which sensors there are, for who named none of them: the nearest, or else the first few. */
struct names {
    struct suggest nearest;
    char some[256];
    size_t length, count;
};

static bool add_name(void *arg, const struct sensor_config *s)
{
    struct names *n = arg;

    suggest_offer(&n->nearest, s->name);
    if (n->count++ < NAMES_TOLD && n->length < sizeof(n->some))
        n->length += (size_t)snprintf(n->some + n->length, sizeof(n->some) - n->length, "%s%s",
                                      n->count > 1 ? ", " : "", s->name);
    return true;
}

/* "did you mean 'a/b'?", or "there are a/b, c/d and others"; returns out. */
#define NAMES_HINT_SIZE 320
static const char *names_hint(const struct config *c, const char *word, char out[NAMES_HINT_SIZE])
{
    struct names n = {0};

    suggest_init(&n.nearest, word);
    each_sensor(c, add_name, &n);
    if (n.nearest.best)
        snprintf(out, NAMES_HINT_SIZE, "did you mean '%s'?", n.nearest.best);
    else if (n.count > 0)
        snprintf(out, NAMES_HINT_SIZE, "there are %s%s", n.some,
                 n.count > NAMES_TOLD ? " and others" : "");
    else
        snprintf(out, NAMES_HINT_SIZE, "there is none yet");
    return out;
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
            config_report(r, node, "name", "'%s' is the name of the rule in line %d already",
                          rule->name, l->config->rules[i].node->line);
    }
}

/* --- expressions --- */

static void check_expression_limits(struct config_reporter *r, const struct yaml_node *node,
                                    const struct rule_config *rule)
{
    bool limits = given(node, "high") || given(node, "low");

    if (rule->expr->is_truth && limits)
        config_report(r, node, given(node, "high") ? "high" : "low",
                      "is for an expression that is a number; this one is true or false");
    if (!rule->expr->is_truth && !limits)
        config_report(r, node, "expression",
                      "is a number: compare it with something, or give it high or low limits");
    if (!limits && given(node, "hysteresis"))
        config_report(r, node, "hysteresis", "is for high and low limits only");
    if (limits && given(node, "severity"))
        config_report(r, node, "severity",
                      "is for an expression that is true or false; limits have their severity by "
                      "name: {warning: …, critical: …}");
}

static void check_expression(struct loader *l, struct rule_config *rule,
                             const struct yaml_node *node)
{
    struct config_reporter *r = l->fill.reporter;
    char hint[NAMES_HINT_SIZE];
    size_t column;
    const char *why;

    rule->expr = arena_take(l->fill.arena, sizeof(*rule->expr));
    if (!expr_parse(rule->expression, rule->expr, &column, &why)) {
        config_report(r, node, "expression", "character %zu: %s", column, why);
        return;
    }
    check_expression_limits(r, node, rule);
    for (size_t i = 0; i < rule->expr->input_count; i++) {
        if (!matches_any(l->config, rule->expr->inputs[i], true))
            config_report(r, node, "expression", "there is no sensor '%s'; %s",
                          rule->expr->inputs[i],
                          names_hint(l->config, rule->expr->inputs[i], hint));
    }
    if (!rule->sensor)
        rule->sensor = rule->expr->inputs[0];
    else if (!matches_any(l->config, rule->sensor, true))
        config_report(
            r, node, "sensor",
            "'%s' must be the name of one sensor: the alerts of an expression belong to it",
            rule->sensor);
}

static void check_sensor(struct loader *l, const struct rule_config *rule,
                         const struct yaml_node *node)
{
    struct config_reporter *r = l->fill.reporter;
    char hint[NAMES_HINT_SIZE];

    if (!rule->sensor)
        config_report(r, node, "sensor", "is required: which sensors the rule watches");
    else if (!matches_any(l->config, rule->sensor, false))
        config_report(r, node, "sensor", "'%s' matches no sensor; %s", rule->sensor,
                      names_hint(l->config, rule->sensor, hint));
}

void check_rule(struct loader *l, struct rule_config *rule, const struct yaml_node *node,
                bool filled)
{
    struct config_reporter *r = l->fill.reporter;

    check_kind(r, node, rule);
    if (rule->name)
        check_name(l, rule, node);
    if (!filled)
        return;
    check_limits(r, node, "high", rule->high, 1);
    check_limits(r, node, "low", rule->low, -1);
    check_limits(r, node, "rate", rule->rate, 1);
    check_range(r, node, rule);
    if (rule->kind == RULE_EXPRESSION)
        check_expression(l, rule, node);
    else
        check_sensor(l, rule, node);
}
