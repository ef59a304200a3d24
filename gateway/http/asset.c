/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/asset.h"

#include <string.h>

const struct asset *asset_find(const char *path)
{
    if (strcmp(path, "/") == 0)
        path = "/web/index.html";
    for (const struct asset *a = asset_list; a->path; a++) {
        if (strcmp(a->path, path) == 0)
            return a;
    }
    return NULL;
}
