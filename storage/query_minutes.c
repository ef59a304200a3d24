/* SPDX-License-Identifier: Apache-2.0 */
#include "storage/query_internal.h"

enum gw_err query_minutes(struct query *q, int64_t since_us,
                          bool (*each)(void *arg, const char *sensor, int64_t minute_us,
                                       double average),
                          void *arg)
{
    sqlite3_stmt *st = NULL;
    bool row = true, go_on = true;
    enum gw_err err = query_refresh(q);

    if (err == GW_OK)
        err = db_bind(q->db, &st,
                      "SELECT s.name, m.minute, m.sum / m.count FROM reading_minute m"
                      " JOIN sensor s ON s.id = m.sensor_id WHERE m.minute >= ? AND m.count > 0",
                      "i", since_us);
    while (err == GW_OK && go_on && (err = db_step(st, &row)) == GW_OK && row)
        go_on = each(arg, db_text(st, 0), sqlite3_column_int64(st, 1), db_double(st, 2));
    sqlite3_finalize(st);
    return err;
}
