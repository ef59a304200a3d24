/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/reading.h"

#include <math.h>

static const char *const names[QUALITY_COUNT] = {
#define X(code, text) [code] = (text),
    GW_QUALITIES(X)
#undef X
};

const char *quality_name(unsigned quality)
{
    return quality < QUALITY_COUNT ? names[quality] : "unknown";
}

double reading_number(const struct reading *r)
{
    if (r->quality != QUALITY_GOOD)
        return (double)NAN;
    return (r->flags & READING_INTEGER) ? (double)r->integer : r->value;
}
