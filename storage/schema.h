/* SPDX-License-Identifier: Apache-2.0 */
/* The tables and views, and how a database of an older version becomes one of this version.
 * For people who query it: docs/schema.md. */
#ifndef SENSORGW_STORAGE_SCHEMA_H
#define SENSORGW_STORAGE_SCHEMA_H

#include "gateway/core/err.h"

#include <sqlite3.h>

#define SCHEMA_APPLICATION_ID 0x53475744 /* "SGWD", at offset 68 of the file */
#define SCHEMA_VERSION 2                 /* PRAGMA user_version */

/* Roll-ups count bad readings since this version, and in a file that was brought up to it since
 * this time (UTC µs; no row: always). */
#define SCHEMA_BAD_COUNTED 2
#define SCHEMA_BAD_COUNTED_FROM "SELECT value FROM meta WHERE key = 'bad_counted_from'"

/* Which rows of alert_event are the outbox; the index alert_event_outbox says the same. */
#define SCHEMA_OUTBOX "published_at IS NULL AND failed_at IS NULL AND withheld IS NULL"

/* GW_ENOENT: an empty database; GW_ECORRUPT: one of ours that is damaged; GW_ENOTDB, GW_EFOREIGN:
 * it never was one of ours, which is not logged; GW_EINVAL: from a newer sensorgw. *version: its
 * user_version. */
enum gw_err schema_check(sqlite3 *db, int *version);

/* Creates the schema, or brings it from `version` to SCHEMA_VERSION, each step in a transaction. */
enum gw_err schema_migrate(sqlite3 *db, int version);

#endif
