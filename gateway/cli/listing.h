/* SPDX-License-Identifier: Apache-2.0 */
/* What a command lists: a table, or with --json an array with an object for each row, printed as
 * the rows come. */
#ifndef SENSORGW_GATEWAY_CLI_LISTING_H
#define SENSORGW_GATEWAY_CLI_LISTING_H

#include "gateway/cli/cli.h"
#include "gateway/cli/table.h"
#include "gateway/core/err.h"

#include <stdbool.h>

struct listing {
    struct table *table; /* rows are added to it; NULL when as_json */
    struct cli_json json;
    bool as_json;
};

/* `titles` as in table_create(). False: no memory. */
bool listing_begin(struct listing *l, const char *const *titles);
/* Prints the table, or `nothing` when there is no row and the query went well; returns the exit
 * status. */
int listing_end(struct listing *l, enum gw_err err, const char *nothing);

#endif
