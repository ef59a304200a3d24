/* SPDX-License-Identifier: Apache-2.0 */
/* Read-only connections to the database, shared by the server's threads: each is in one hand at a
 * time, and a question that takes too long is given up. */
#ifndef SENSORGW_GATEWAY_HTTP_READERS_H
#define SENSORGW_GATEWAY_HTTP_READERS_H

#include "gateway/core/err.h"
#include "storage/query.h"

#define READERS 3
#define READERS_BUDGET_US 2000000 /* for one question, unless query_limit() says otherwise */

struct readers;

enum gw_err readers_create(struct readers **out, const char *database);
void readers_destroy(struct readers *r); /* all are back; NULL is ok */

/* One that nobody has, opened when it is the first time; GW_EBUSY: all are in use. Any thread. */
enum gw_err readers_take(struct readers *r, struct query **q);
void readers_give(struct readers *r, struct query *q);

#endif
