/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody who is to help wants to know of a database: its form, its size, its runs and books.
 * Read-only, in short transactions, with a bound on the time that it takes. */
#ifndef SENSORGW_STORAGE_FACTS_H
#define SENSORGW_STORAGE_FACTS_H

#include "gateway/core/err.h"

/* `each` gets one fact after another; borrowed for the call. One that could not be had has its
 * error as the value. Errors of opening it as query_open(); those of the library are told even
 * then. */
enum gw_err facts_list(const char *path,
                       void (*each)(void *arg, const char *name, const char *value), void *arg);

#endif
