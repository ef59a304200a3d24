/* SPDX-License-Identifier: Apache-2.0 */
#include "config/text.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)4 * 1024 * 1024)

static enum gw_err translated(int error)
{
    return error == ENOENT ? GW_ENOENT : error == EACCES ? GW_EACCES : GW_EIO;
}

enum gw_err text_read(const char *path, char **out, size_t *length, const char **why)
{
    FILE *f = fopen(path, "re");

    if (!f) {
        *why = strerror(errno);
        return translated(errno);
    }
    char *text = malloc(FILE_MAX + 1);
    size_t n = text ? fread(text, 1, FILE_MAX + 1, f) : 0;
    int failed = text && ferror(f) ? errno : 0;
    fclose(f);
    if (text && !failed && n <= FILE_MAX) {
        *out = text;
        *length = n;
        return GW_OK;
    }
    free(text);
    *why = !text    ? "out of memory"
           : failed ? strerror(failed)
                    : "is larger than 4 MiB, which no configuration is";
    return !text ? GW_ENOMEM : failed ? translated(failed) : GW_ECONFIG;
}
