/* SPDX-License-Identifier: Apache-2.0 */
/* One line with its units: asks each planned request when it is due, and keeps units that do not
 * answer from holding up the others.
 *
 * A unit that fails is left alone for 1, 2, 4 … 30 s; meanwhile its sensors get bad readings when
 * they are due. Then the request that failed is repeated. On lines with RTU frames, where nothing
 * in a reply says which request it answers, the unit is asked nothing but that same request until
 * it has answered, and then nothing at all until no answer to an earlier try can still be under
 * way: so a late reply never passes for the value of another register. */
#ifndef SENSORGW_DRIVERS_MODBUS_BUS_H
#define SENSORGW_DRIVERS_MODBUS_BUS_H

#include "drivers/modbus/transport.h"
#include "drivers/source.h"
#include "gateway/core/err.h"

#include <stdint.h>

struct bus;

/* Plans all devices of the source and of the members of its line. Borrows the source, takes the
 * transport when it succeeds. */
enum gw_err bus_create(struct bus **out, struct source *s, struct transport *t);
void bus_destroy(struct bus *b); /* NULL is ok */

/* As driver.poll: asks what is due by now_us, one after the other, up to the first failure. */
enum gw_err bus_poll(struct bus *b, int64_t now_us, int64_t *next_us);

/* Asks something of its own accord between two polls, for a person or a write; any function. On
 * lines with RTU frames a unit that owes an answer is not asked (GW_EBUSY), and one that does not
 * answer now is left alone until no late answer can pass for another. GW_EREFUSED:
 * reply->exception; GW_ETIMEDOUT, GW_EPROTO (something that is no answer), GW_ECONN. *why: in
 * words, static or borrowed until the next exchange. */
enum gw_err bus_ask(struct bus *b, struct frame_request *q, struct frame_reply *reply,
                    const char **why);

#endif
