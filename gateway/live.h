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

/* Grows with each batch: whoever remembers it can ask for what came since. Any thread. */
uint64_t live_version(struct live *l);

/* The newest readings of sensors from index *from on that came after version `after`, at most
 * `max`; *from is moved on, and is UINT32_MAX when there are no more. What a slow reader missed in
 * between it never sees, and nothing is kept for it. Any thread. */
size_t live_since(struct live *l, uint64_t after, uint32_t *from, struct reading *out, size_t max);

#endif
