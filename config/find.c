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
