/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/query_internal.h"

#include <fnmatch.h>

enum gw_err query_writes(struct query *q, const struct write_filter *f,
                         bool (*each)(void *arg, const struct write_row *row), void *arg)
{
    sqlite3_stmt *st = NULL;
    size_t rows = 0;
    bool row = true, go_on = true;
    enum gw_err err = query_refresh(q);

    if (err == GW_OK)
        err = db_bind(q->db, &st,
                      "SELECT w.time, w.sensor, s.unit, w.value, w.read_back, w.origin, w.request,"
                      " w.error FROM write_event w LEFT JOIN sensor s ON s.name = w.sensor"
                      " WHERE w.time >= ? AND (NOT ? OR w.error IS NOT NULL) ORDER BY w.seq DESC",
                      "ii", f->since_us, (int64_t)f->failed);
    while (err == GW_OK && go_on && (err = db_step(st, &row)) == GW_OK && row) {
        const struct write_row w = {.time_us = sqlite3_column_int64(st, 0),
                                    .sensor = db_text(st, 1),
                                    .unit = db_text(st, 2),
                                    .value = db_double(st, 3),
                                    .read_back = db_double(st, 4),
                                    .origin = db_text(st, 5),
                                    .request = db_text(st, 6),
                                    .error = db_text(st, 7)};
        if (!f->sensor || fnmatch(f->sensor, w.sensor, 0) == 0)
            go_on = each(arg, &w) && ++rows != f->limit;
    }
    sqlite3_finalize(st);
    return err;
}
