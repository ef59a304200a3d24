/* SPDX-License-Identifier: Apache-2.0 */
/* The newest reading of every sensor, in memory: what the status line, the HTTP interface and the
 * publisher look at. */
#ifndef SENSORGW_GATEWAY_LIVE_H
#define SENSORGW_GATEWAY_LIVE_H

#include "gateway/core/err.h"
#include "gateway/core/reading.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct live;

/* Room for that many sensors. */
enum gw_err live_create(struct live **out, size_t sensors);
void live_destroy(struct live *l);

/* Takes over a batch, one lock for all. Any thread. */
void live_update(struct live *l, const struct reading *readings, size_t n);

/* False: nothing seen of that sensor yet. Any thread. */
bool live_get(struct live *l, uint32_t sensor, struct reading *out);

#endif
