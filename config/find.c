/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about names. */
#include "config/config.h"

#include <string.h>

const struct rule_config *config_find_rule(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->rule_count; i++) {
        if (strcmp(c->rules[i].name, name) == 0)
            return &c->rules[i];
    }
    return NULL;
}

static bool may_make(const struct source_config *s, const char *name)
{
    for (size_t d = 0; d < s->device_count; d++) {
        for (size_t i = 0; i < s->devices[d].sensor_count; i++) {
            const char *pattern = s->devices[d].sensors[i].name;
            size_t known = strcspn(pattern, "{");
            if (pattern[known] && strncmp(pattern, name, known) == 0)
                return true;
        }
    }
    return false;
}

bool config_may_make_sensor(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->source_count; i++) {
        if (c->sources[i].schema->wildcard_names && may_make(&c->sources[i], name))
            return true;
    }
    return false;
}
