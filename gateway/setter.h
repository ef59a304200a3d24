/* SPDX-License-Identifier: Apache-2.0 */
/* Sets sensors that are `writable: true`: finds the sensor, keeps to the rate, has the source's
 * thread do it, and tells the log and the database what happened. */
#ifndef SENSORGW_GATEWAY_SETTER_H
#define SENSORGW_GATEWAY_SETTER_H

#include "config/config.h"
#include "drivers/driver.h"
#include "gateway/plant.h"

struct setter;
struct writer;

/* Who wants what. */
struct setter_request {
    const char *sensor; /* its full name */
    double value;       /* in its unit; NAN: not understood */
    const char *origin; /* "mqtt", "control", "http" */
    const char *id;     /* the request's own, "" or NULL for none */
    const char *came;   /* what could not be understood, for the log; NULL: the value was */
};

/* Borrows all. sensors: how many the sensor table may hold. */
enum gw_err setter_create(struct setter **out, struct plants *plants, size_t sensors,
                          struct writer *writer);
/* What is asked for from now on is refused; returns when what was is done, and the writer is not
 * used any more. NULL is ok. */
void setter_close(struct setter *s);
void setter_destroy(struct setter *s); /* NULL is ok */

/* Sets the sensor, and waits for what became of it: out->err is GW_ENOENT without such a sensor,
 * GW_EACCES when it is not writable, GW_EBUSY within a second of the last time, GW_ETIMEDOUT when
 * its line is too busy, GW_ECLOSED while the gateway stops, or the driver's. Of what is refused
 * before a device was asked at most SETTER_REFUSALS a minute go into the database, so that nobody
 * can fill it. Any thread but a source's. */
#define SETTER_REFUSALS 60
void setter_set(struct setter *s, const struct setter_request *q, struct source_write *out);

/* Refuses a request that cannot be understood: GW_EINVAL. */
void setter_refuse(struct setter *s, const struct setter_request *q, const char *why,
                   struct source_write *out);

#endif
