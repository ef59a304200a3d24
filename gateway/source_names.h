/* SPDX-License-Identifier: Apache-2.0 */
/* Names of all sources that there ever were in this run, by their index: the place of a source in
 * ledger and database, which it keeps when others come and go. */
#ifndef SENSORGW_GATEWAY_SOURCE_NAMES_H
#define SENSORGW_GATEWAY_SOURCE_NAMES_H

#include "gateway/core/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One thread at a time changes it. Others may read the name of an index that they got from a
 * source or sensor: it is set before that. */
struct source_names {
    size_t room, count;
    const char **names; /* `room` of them; owned copies */
};

enum gw_err source_names_init(struct source_names *n, size_t room);
void source_names_fini(struct source_names *n); /* zeroed is ok */

bool source_names_has(const struct source_names *n, const char *name);
/* The index of that name, new if need be. GW_EFULL. */
enum gw_err source_names_index(struct source_names *n, const char *name, uint32_t *index);

#endif
