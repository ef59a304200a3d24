/* SPDX-License-Identifier: Apache-2.0 */
/* A whole file into memory. */
#ifndef SENSORGW_CONFIG_TEXT_H
#define SENSORGW_CONFIG_TEXT_H

#include "gateway/core/err.h"

#include <stddef.h>

/* Returns owned memory, not NUL-terminated, to be freed with free(). On error *why is for people
 * (static, or strerror's): GW_ENOENT, GW_EACCES, GW_EIO, GW_ENOMEM; GW_ECONFIG: more than 4 MiB. */
enum gw_err text_read(const char *path, char **out, size_t *length, const char **why);

#endif
