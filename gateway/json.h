/* SPDX-License-Identifier: Apache-2.0 */
/* What cJSON lacks: exact whole numbers, "no number" as null, and times in the form that all our
 * JSON has. */
#ifndef SENSORGW_GATEWAY_JSON_H
#define SENSORGW_GATEWAY_JSON_H

#include "gateway/core/reading.h"

#include <cjson/cJSON.h>
#include <stdint.h>

void json_add_number(cJSON *o, const char *key, double value);   /* NAN, infinite: null */
void json_add_integer(cJSON *o, const char *key, int64_t value); /* all 64 bits */
/* "<key>": RFC 3339 UTC with milliseconds, and "<key>_us": the same in µs; 0: both null. */
void json_add_time(cJSON *o, const char *key, int64_t us);
/* "value", "quality", and the time of a reading; NULL: there is none yet, and all are null. */
void json_add_reading(cJSON *o, const struct reading *r);

/* The text on one line, returned owned, NULL without memory; frees the object. */
char *json_print(cJSON *o);

#endif
