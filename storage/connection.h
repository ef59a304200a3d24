/* SPDX-License-Identifier: Apache-2.0 */
/* The store's connection. Nobody outside this folder includes it. */
#ifndef SENSORGW_STORAGE_CONNECTION_H
#define SENSORGW_STORAGE_CONNECTION_H

#include "storage/internal.h"

/* Opens the file (a damaged one is set aside for a new one), reads memory from it, begins a run. */
enum gw_err connection_open(struct store *s);
void connection_close(struct store *s);

/* Mends what is wrong with the connection, if anything: after errors, or when the file at the path
 * is another one than it was. */
enum gw_err connection_ensure(struct store *s);

#endif
