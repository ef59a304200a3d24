/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the page, which the build put into the program. */
#ifndef SENSORGW_GATEWAY_HTTP_ASSET_H
#define SENSORGW_GATEWAY_HTTP_ASSET_H

#include <stdbool.h>
#include <stddef.h>

struct asset {
    const char *path; /* as asked for: "/web/app.js" */
    const char *type;
    const char *etag; /* with its quotes */
    const unsigned char *data;
    size_t length;
    bool is_gzip;
};

/* NULL: no such file. Static. */
const struct asset *asset_find(const char *path);

/* Made by cmake/Embed.cmake; `path` NULL ends it. */
extern const struct asset asset_list[];

#endif
