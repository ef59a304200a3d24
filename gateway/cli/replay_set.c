/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/replay.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* What can be changed, and in which kinds of rules it means anything. */
#define FOR(kind) (1u << RULE_##kind)
#define LIMITED (FOR(LEVEL) | FOR(EXPRESSION))
#define AT(field) offsetof(struct rule_config, field)
#define LIMIT(field, severity) (AT(field) + (severity) * sizeof(double))
static const struct {
    const char *key;
    size_t offset;
    bool is_span;
    unsigned kinds;
} keys[] = {
    {"high.warning", LIMIT(high, SEVERITY_WARNING), false, LIMITED},
    {"high.critical", LIMIT(high, SEVERITY_CRITICAL), false, LIMITED},
    {"low.warning", LIMIT(low, SEVERITY_WARNING), false, LIMITED},
    {"low.critical", LIMIT(low, SEVERITY_CRITICAL), false, LIMITED},
    {"hysteresis", AT(hysteresis), false, LIMITED},
    {"rate.warning", LIMIT(rate, SEVERITY_WARNING), false, FOR(RATE)},
    {"rate.critical", LIMIT(rate, SEVERITY_CRITICAL), false, FOR(RATE)},
    {"per", AT(per_us), true, FOR(RATE)},
    {"stale", AT(stale_us), true, FOR(STALE)},
    {"bad_for", AT(bad_for_us), true, FOR(QUALITY)},
    {"max_age", AT(max_age_us), true, FOR(EXPRESSION)},
    {"for", AT(for_us), true, LIMITED | FOR(RATE)},
    {"repeat", AT(repeat_us), true, ~0u},
};

static bool set_field(struct rule_config *rule, size_t i, const char *text)
{
    char *field = (char *)rule + keys[i].offset, *end;
    int64_t span;

    if (keys[i].is_span) {
        if (!option_parse_timespan(text, &span))
            return false;
        memcpy(field, &span, sizeof(span));
        return true;
    }
    double number = strtod(text, &end);
    if (end == text || *end || !isfinite(number))
        return false;
    memcpy(field, &number, sizeof(number));
    return true;
}

/* What a configuration is held to. */
static const char *check(struct rule_config *rule)
{
    const double *high = rule->high, *low = rule->low, *rate = rule->rate;

    if (rule->kind == RULE_QUALITY)
        rule->for_us = rule->bad_for_us;
    if (high[SEVERITY_WARNING] >= high[SEVERITY_CRITICAL] ||
        rate[SEVERITY_WARNING] >= rate[SEVERITY_CRITICAL])
        return "warning must be less than critical";
    if (low[SEVERITY_WARNING] <= low[SEVERITY_CRITICAL])
        return "warning must be more than critical";
    if (rule->hysteresis < 0 || rate[SEVERITY_WARNING] <= 0 || rate[SEVERITY_CRITICAL] <= 0)
        return "must not be negative";
    if (rule->kind == RULE_RATE && rule->per_us <= 0)
        return "must be more than 0s";
    return NULL;
}

/* The rule whose name and a dot the text begins with. */
static struct rule_config *find_rule(struct config *config, const char *text, size_t *length)
{
    for (size_t i = 0; i < config->rule_count; i++) {
        *length = strlen(config->rules[i].name);
        if (strncmp(text, config->rules[i].name, *length) == 0 && text[*length] == '.')
            return &config->rules[i];
    }
    return NULL;
}

const char *replay_set(struct config *config, const char *text)
{
    static char why[200];
    const char *value = strrchr(text, '=');
    size_t length;
    struct rule_config *rule = find_rule(config, text, &length);

    if (!value)
        return "write RULE.KEY=VALUE, for example overheat.high.warning=80";
    if (!rule)
        return "the configuration has no such rule";
    const char *key = text + length + 1;
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        if (strlen(keys[i].key) != (size_t)(value - key) ||
            strncmp(keys[i].key, key, (size_t)(value - key)) != 0)
            continue;
        if (!(keys[i].kinds & 1u << rule->kind))
            return "the rule has no such key";
        if (!set_field(rule, i, value + 1))
            return keys[i].is_span ? "the value must be a time such as 30s"
                                   : "the value must be a number";
        return NULL;
    }
    snprintf(why, sizeof(why), "there is no key %.*s to change: high.warning, for, …",
             (int)(value - key), key);
    return why;
}

const char *replay_check(struct config *config)
{
    static char text[200];

    for (size_t i = 0; i < config->rule_count; i++) {
        const char *problem = check(&config->rules[i]);
        if (problem) {
            snprintf(text, sizeof(text), "rule %s: %s", config->rules[i].name, problem);
            return text;
        }
    }
    return NULL;
}
