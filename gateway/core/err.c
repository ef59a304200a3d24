/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/err.h"

#include <stddef.h>

static const char *const texts[GW_ERR_COUNT] = {
#define X(code, text) [code] = (text),
    GW_ERRORS(X)
#undef X
};

const char *gw_strerror(enum gw_err err)
{
    if ((size_t)err >= GW_ERR_COUNT)
        return "unknown error";
    return texts[err];
}
