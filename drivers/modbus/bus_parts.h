/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a bus, shared by the files that make it up: bus.c (what is asked when), build.c
 * (from the configuration), emit.c (what becomes of a reply), unit.c (who answers), heal.c (what is
 * refused). */
#ifndef SENSORGW_DRIVERS_MODBUS_BUS_PARTS_H
#define SENSORGW_DRIVERS_MODBUS_BUS_PARTS_H

#include "drivers/backoff.h"
#include "drivers/modbus/bus.h"
#include "drivers/modbus/options.h"
#include "drivers/schedule.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UNIT_IDS 256

struct unit {
    uint8_t id;
    size_t figures;            /* its place in the figures of the line */
    enum quality why;          /* QUALITY_GOOD: it answers */
    uint32_t failed;           /* why is not good: the request to repeat */
    int64_t first_us, last_us; /* the same: the first and the last try without an answer */
    struct backoff backoff;
};

struct request {
    struct source *source; /* the line's, or a member */
    const struct device_config *device;
    struct plan *plan;
    size_t index; /* in plan->requests */
    struct unit *unit;
    uint32_t turns;     /* how often it was due */
    int64_t refused_us; /* it is isolated, and not asked before; 0: not isolated */
    bool after_bad;     /* what stands before it is isolated */
};

/* Places side by side that have just been isolated, for one line of the log. */
struct refusals {
    const struct request *first; /* NULL: none */
    struct plan_request range;   /* of all of them */
    uint8_t exception;
};

struct bus {
    /* set once */
    struct source *source;
    struct transport *transport;
    enum framing framing;
    int64_t timeout_us, late_us;
    size_t pipeline;           /* requests under way at a time */
    int64_t hold_us[UNIT_IDS]; /* a unit is asked nothing before */
    struct plan *plans;        /* one for each device */
    size_t plan_count;
    struct unit *units;
    size_t unit_count;

    struct request *requests; /* has room for `capacity`: every field on its own */
    size_t request_count, capacity;
    struct schedule *schedule; /* ids: requests, then from `capacity` on the units' probes */
    struct reading *batch;     /* of one request; room for `capacity` */
    int64_t now_us;            /* what is due in this poll was due by then */
    bool failed;               /* an exchange of this poll has used up its time-out */
    struct refusals news;      /* not told yet */
};

static inline const struct plan_request *planned(const struct request *r)
{
    return &r->plan->requests[r->index];
}

static inline uint32_t id_of(const struct bus *b, const struct request *r)
{
    return (uint32_t)(r - b->requests);
}

/* --- bus.c --- */

/* Asks for a part of what belongs to r (or all of it), and counts it. */
enum exchange bus_exchange(struct bus *b, const struct request *r, const struct plan_request *part,
                           struct frame_reply *reply);
/* Deals with an exchange that brought no values. GW_ECONN: the line must be opened again. */
enum gw_err bus_settle(struct bus *b, struct request *r, enum exchange how, uint8_t exception,
                       int64_t sent_us);

/* --- emit.c --- */

/* Gives away the values of those fields of the part that have their turn now. */
void emit_values(struct bus *b, const struct request *r, const struct plan_request *part,
                 const struct frame_reply *reply);
/* The same without values. */
void emit_bad(struct bus *b, const struct request *r, enum quality why);
/* An error on the request, for people; the transport knows what it was. */
void emit_report(struct bus *b, const struct request *r);
/* "holding 17 to 20". */
void emit_place(const struct plan_request *part, char *out, size_t size);
const struct sensor_config *emit_sensor(const struct request *r, size_t field);

/* --- unit.c --- */

/* The schedule's id of a unit's probe. */
uint32_t unit_probe(const struct bus *b, const struct unit *u);
struct unit *unit_find(const struct bus *b, uint8_t id); /* NULL: not on this line */
void unit_init(struct bus *b, struct unit *u, uint8_t id);
/* Plans its next probe, emits bad readings for the request and ends the poll. */
void unit_failed(struct bus *b, struct request *r, int64_t sent_us, enum quality why);
/* It has answered a request that was sent at sent_us. */
void unit_answered(struct bus *b, struct unit *u, int64_t sent_us);
/* On a line with RTU frames: an answer to an earlier request may still come. */
bool unit_owes_answer(const struct bus *b, uint8_t id);

/* --- heal.c --- */

/* The unit answers the request with this exception. */
enum gw_err heal_refused(struct bus *b, struct request *r, uint8_t exception);
/* Logs what has been isolated since the last call. */
void heal_tell(struct bus *b);
/* It gives what was isolated. */
void heal_given(struct bus *b, struct request *r);

#endif
