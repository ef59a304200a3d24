/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/listing.h"

bool listing_begin(struct listing *l, const char *const *titles)
{
    if (l->as_json)
        cli_json_begin(&l->json);
    else
        l->table = table_create(titles);
    return l->as_json || l->table;
}

int listing_end(struct listing *l, enum gw_err err, const char *nothing)
{
    if (l->as_json)
        cli_json_end(&l->json);
    else if (table_rows(l->table) > 0)
        table_print(l->table, stdout);
    else if (err == GW_OK)
        puts(nothing);
    table_destroy(l->table);
    return err == GW_OK ? CLI_OK : CLI_FAILED;
}
