/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite beyond 2038 on systems whose libraries count time in 32 bits. */
#ifndef SENSORGW_STORAGE_SHORTTIME_H
#define SENSORGW_STORAGE_SHORTTIME_H

/* To be called before a database is opened; does its work once, and none where times have 64 bits.
 * Any thread. */
void shorttime_mend(void);

#endif
