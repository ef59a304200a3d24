/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/source_names.h"

#include <stdlib.h>
#include <string.h>

enum gw_err source_names_init(struct source_names *n, size_t room)
{
    *n = (struct source_names){.room = room, .names = calloc(room, sizeof(*n->names))};
    return n->names ? GW_OK : GW_ENOMEM;
}

void source_names_fini(struct source_names *n)
{
    for (size_t i = 0; i < n->count; i++)
        free((void *)(uintptr_t)n->names[i]);
    free(n->names);
}

static size_t find(const struct source_names *n, const char *name)
{
    size_t i = 0;

    while (i < n->count && strcmp(n->names[i], name) != 0)
        i++;
    return i;
}

bool source_names_has(const struct source_names *n, const char *name)
{
    return find(n, name) < n->count;
}

enum gw_err source_names_index(struct source_names *n, const char *name, uint32_t *index)
{
    size_t i = find(n, name);

    if (i == n->room)
        return GW_EFULL;
    if (i == n->count) {
        n->names[i] = strdup(name);
        if (!n->names[i])
            return GW_ENOMEM;
        n->count++;
    }
    *index = (uint32_t)i;
    return GW_OK;
}
