/* SPDX-License-Identifier: Apache-2.0 */
/* Sensors that were set, or were not: write_event. */
#include "storage/internal.h"

#include <stdlib.h>
#include <string.h>

#define WAITING_MAX 4096 /* while the store fails */

enum gw_err store_note_writes(struct store *s, const struct write_event *events, size_t n)
{
    if (n == 0)
        return GW_OK;
    if (s->write_count + n > WAITING_MAX)
        return GW_EFULL;
    struct write_event *all = realloc(s->writes, (s->write_count + n) * sizeof(*all));
    if (!all)
        return GW_ENOMEM;
    memcpy(all + s->write_count, events, n * sizeof(*all));
    s->writes = all;
    s->write_count += n;
    return GW_OK;
}

static const char *or_null(const char *text)
{
    return text[0] ? text : NULL;
}

static enum gw_err add(struct store *s, const struct write_event *w)
{
    int64_t uptime = 0, run = undated_uptime(s, w->time_us, &uptime) ? s->run_id : 0;

    return db_run(s->db, &s->sql->write,
                  "INSERT INTO write_event (time, sensor, value, read_back, origin, request,"
                  " error, run_id, uptime)"
                  " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, nullif(?8, 0), iif(?8, ?9, NULL))",
                  "isffsssii", undated_time(s, w->time_us), w->sensor, w->value, w->read_back,
                  w->origin, or_null(w->id), or_null(w->error), run, uptime);
}

enum gw_err writes_apply(struct store *s)
{
    enum gw_err err = GW_OK;

    for (size_t i = 0; err == GW_OK && i < s->write_count; i++)
        err = add(s, &s->writes[i]);
    return err;
}
