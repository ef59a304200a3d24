/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts of the time before the clock was set, and sensors that were set then: they do not wait,
 * but get the time that the machine believes in, and the database mends that when it knows better
 * (see undated.c). */
#include "storage/internal.h"

#define OF_THIS_BOOT                                                                               \
    "run_id IN (SELECT run_id FROM clock_wait WHERE boot = ?2 AND ended_at IS NULL)"
/* When an alert's first or last event of a kind was. */
#define EVENT_TIME(which)                                                                          \
    "(SELECT time FROM alert_event e WHERE e.alert_id = alert.id AND " which " LIMIT 1)"
#define RAISED EVENT_TIME("e.state = 'raised' ORDER BY e.seq")
#define CHANGED EVENT_TIME("e.repeat = 0 AND e.state <> 'limited' ORDER BY e.seq DESC")
#define CLEARED EVENT_TIME("e.state = 'cleared' ORDER BY e.seq DESC")
#define ACKNOWLEDGED EVENT_TIME("e.state = 'acknowledged' AND e.repeat = 0 ORDER BY e.seq DESC")

/* ?1: wall minus monotonic clock; ?2: the boot. Rows keep their mark until the last step. */
static const char *const steps[] = {
    "UPDATE alert_event SET until = until - time + uptime + ?1, time = uptime + ?1"
    " WHERE " OF_THIS_BOOT,
    ("UPDATE alert SET raised_at = coalesce(" RAISED ", raised_at),"
     " changed_at = coalesce(" CHANGED ", changed_at),"
     " cleared_at = iif(cleared_at IS NULL, NULL, coalesce(" CLEARED ", cleared_at)),"
     " acknowledged_at = iif(acknowledged_at IS NULL, NULL, coalesce(" ACKNOWLEDGED
     ", acknowledged_at))"
     " WHERE id IN (SELECT alert_id FROM alert_event WHERE " OF_THIS_BOOT ")"),
    "UPDATE alert_shelf SET until = until - shelved_at + uptime + ?1, shelved_at = uptime + ?1,"
    " run_id = NULL, uptime = NULL WHERE " OF_THIS_BOOT,
    "UPDATE alert_event SET run_id = NULL, uptime = NULL WHERE " OF_THIS_BOOT,
    "UPDATE write_event SET time = uptime + ?1, run_id = NULL, uptime = NULL WHERE " OF_THIS_BOOT,
};

enum gw_err undated_events(struct store *s)
{
    enum gw_err err = GW_OK;

    for (size_t i = 0; err == GW_OK && i < sizeof(steps) / sizeof(steps[0]); i++) {
        sqlite3_stmt *st = NULL;
        err = db_run(s->db, &st, steps[i], "is", s->undated.offset_us, s->undated.boot);
        sqlite3_finalize(st);
    }
    return err;
}
