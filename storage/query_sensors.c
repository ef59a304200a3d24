/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/reading.h"
#include "storage/query_internal.h"

/* By the oldest reading that there is, and not by the clock, which may not be set yet. */
enum gw_err query_recent_sensors(struct query *q,
                                 bool (*each)(void *arg, const char *name, bool was_good),
                                 void *arg)
{
    sqlite3_stmt *st = NULL;
    bool row = true, go_on = true;
    enum gw_err err = query_refresh(q);

    if (err == GW_OK)
        err = db_bind(q->db, &st,
                      "SELECT s.name, l.quality = ? OR EXISTS (SELECT 1 FROM reading_hour h"
                      " WHERE h.sensor_id = s.id AND h.count > 0)"
                      " FROM sensor s JOIN sensor_latest l ON l.sensor_id = s.id"
                      " WHERE l.time >= (SELECT min(time) FROM reading) OR s.id IN"
                      " (SELECT sensor_id FROM alert WHERE cleared_at IS NULL)"
                      " ORDER BY l.time DESC",
                      "i", (int64_t)QUALITY_GOOD);
    while (err == GW_OK && go_on && (err = db_step(st, &row)) == GW_OK && row)
        go_on = each(arg, db_text(st, 0), sqlite3_column_int(st, 1) != 0);
    sqlite3_finalize(st);
    return err;
}
