/* SPDX-License-Identifier: Apache-2.0 */
/* Alerts of the time before the clock was set: they go out at once, with the time that the machine
 * believes in, and the database mends that when it knows better (see undated.c). */
#include "storage/internal.h"

#define OF_THIS_BOOT                                                                               \
    "run_id IN (SELECT run_id FROM clock_wait WHERE boot = ?2 AND ended_at IS NULL)"
#define EVENT(what, which)                                                                         \
    "(SELECT " what " FROM alert_event e WHERE e.alert_id = alert.id AND " which " LIMIT 1)"

/* ?1: wall minus monotonic clock; ?2: the boot. Rows keep their mark until the last step. */
static const char *const steps[] = {
    "UPDATE alert_event SET until = until - time + uptime + ?1, time = uptime + ?1"
    " WHERE " OF_THIS_BOOT,
    "UPDATE alert SET raised_at = coalesce(" EVENT(
        "time",
        "e.state = 'raised' ORDER BY e.seq") ","
                                             " raised_at), changed_at = coalesce(" EVENT(
                                                 "time",
                                                 "e.repeat = 0 AND e.state <> 'limited' ORDER "
                                                 "BY "
                                                 "e.seq DESC") ", changed_at),"
                                                               " cleared_at = CASE WHEN "
                                                               "cleared_at "
                                                               "IS NOT NULL THEN "
                                                               "coalesce(" EVENT(
                                                                   "time",
                                                                   "e.state = 'cleared' ORDER "
                                                                   "BY "
                                                                   "e.seq DESC") ", "
                                                                                 "cleared_at) "
                                                                                 "END,"
                                                                                 " acknowledged"
                                                                                 "_at "
                                                                                 "= CASE WHEN "
                                                                                 "acknowledged_"
                                                                                 "at "
                                                                                 "IS NOT NULL "
                                                                                 "THEN "
                                                                                 "coalesce"
                                                                                 "(" EVENT(
                                                                                     "time",
                                                                                     "e.state "
                                                                                     "= "
                                                                                     "'acknowle"
                                                                                     "dged"
                                                                                     "' AND "
                                                                                     "e.repeat "
                                                                                     "= 0 "
                                                                                     "ORDER BY "
                                                                                     "e.seq "
                                                                                     "DESC") ","
                                                                                             " "
                                                                                             "a"
                                                                                             "c"
                                                                                             "k"
                                                                                             "n"
                                                                                             "o"
                                                                                             "w"
                                                                                             "l"
                                                                                             "e"
                                                                                             "d"
                                                                                             "g"
                                                                                             "e"
                                                                                             "d"
                                                                                             "_"
                                                                                             "a"
                                                                                             "t"
                                                                                             ")"
                                                                                             " "
                                                                                             "E"
                                                                                             "N"
                                                                                             "D"
                                                                                             " "
                                                                                             "W"
                                                                                             "H"
                                                                                             "E"
                                                                                             "R"
                                                                                             "E"
                                                                                             " "
                                                                                             "?"
                                                                                             "1"
                                                                                             " "
                                                                                             "I"
                                                                                             "S"
                                                                                             " "
                                                                                             "N"
                                                                                             "O"
                                                                                             "T"
                                                                                             " "
                                                                                             "N"
                                                                                             "U"
                                                                                             "L"
                                                                                             "L"
                                                                                             " "
                                                                                             "A"
                                                                                             "N"
                                                                                             "D"
                                                                                             " "
                                                                                             "i"
                                                                                             "d"
                                                                                             " "
                                                                                             "I"
                                                                                             "N"
                                                                                             " "
                                                                                             "("
                                                                                             "S"
                                                                                             "E"
                                                                                             "L"
                                                                                             "E"
                                                                                             "C"
                                                                                             "T"
                                                                                             " "
                                                                                             "a"
                                                                                             "l"
                                                                                             "e"
                                                                                             "r"
                                                                                             "t"
                                                                                             "_"
                                                                                             "i"
                                                                                             "d"
                                                                                             " "
                                                                                             "F"
                                                                                             "R"
                                                                                             "O"
                                                                                             "M"
                                                                                             " "
                                                                                             "a"
                                                                                             "l"
                                                                                             "e"
                                                                                             "r"
                                                                                             "t"
                                                                                             "_"
                                                                                             "e"
                                                                                             "v"
                                                                                             "e"
                                                                                             "n"
                                                                                             "t"
                                                                                             " "
                                                                                             "W"
                                                                                             "H"
                                                                                             "E"
                                                                                             "R"
                                                                                             "E"
                                                                                             " " OF_THIS_BOOT
                                                                                             ")",
    "UPDATE alert_shelf SET until = until - shelved_at + uptime + ?1, shelved_at = uptime + ?1,"
    " run_id = NULL, uptime = NULL WHERE " OF_THIS_BOOT,
    "UPDATE alert_event SET run_id = NULL, uptime = NULL WHERE ?1 IS NOT NULL "
    "AND " OF_THIS_BOOT,
};

enum gw_err undated_alerts(struct store *s)
{
    enum gw_err err = GW_OK;

    for (size_t i = 0; err == GW_OK && i < sizeof(steps) / sizeof(steps[0]); i++) {
        sqlite3_stmt *st = NULL;
        err = db_run(s->db, &st, steps[i], "is", s->undated.offset_us, s->undated.boot);
        sqlite3_finalize(st);
    }
    return err;
}
