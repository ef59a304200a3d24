/* SPDX-License-Identifier: Apache-2.0 */
/* Questions about names. */
#include "config/config.h"

#include <string.h>
#include <sys/stat.h>

bool config_same_file(const char *a, const char *b)
{
    struct stat x, y;

    if (strcmp(a, b) == 0)
        return true;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

const struct rule_config *config_find_rule(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->rule_count; i++) {
        if (strcmp(c->rules[i].name, name) == 0)
            return &c->rules[i];
    }
    return NULL;
}
