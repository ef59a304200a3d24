/* SPDX-License-Identifier: Apache-2.0 */
/* Who is connected, and how long each may take, so that a client that is slow, or means harm, keeps
 * nobody else out. The library times silence alone, and a byte now and then is no silence.
 *
 * A request has SEATS_ARRIVE_US to arrive whole, its answer SEATS_ANSWER_US to be made and taken; a
 * connection may rest for SEATS_REST_US between two; a stream lasts. Who takes longer is cut off.
 * When more than SEATS are taken, a newcomer still gets in: the address that has most connections
 * loses the one that needs its place least. So a flood from one address costs that one alone, and
 * /healthz is always answered; behind a reverse proxy, where all have one address, the longest
 * waiting goes. All functions: any thread; only seats_create() may block. */
#ifndef SENSORGW_GATEWAY_HTTP_SEATS_H
#define SENSORGW_GATEWAY_HTTP_SEATS_H

#include "gateway/core/clock.h"
#include "gateway/core/err.h"

#include <stddef.h>
#include <sys/socket.h>

#define SEATS 48       /* a browser takes six, one of them for events */
#define SEATS_ROOM 192 /* with those that were cut off and are not closed yet */
#define SEATS_ARRIVE_US (10 * US_PER_SECOND)
#define SEATS_REST_US (20 * US_PER_SECOND) /* and the next request's arrival */
#define SEATS_ANSWER_US (30 * US_PER_SECOND)

struct seat;
struct seats;

enum seat_phase {
    SEAT_ARRIVING,  /* its first request */
    SEAT_RESTING,   /* answered; the next request may be arriving */
    SEAT_ANSWERING, /* the request is here */
    SEAT_STREAMING,
};

/* Starts its thread, which looks once a second while anybody is connected. */
enum gw_err seats_create(struct seats **out);
void seats_destroy(struct seats *s); /* all have left; NULL is ok */

/* A connection has come, at that address (copies; NULL: unknown). Borrows the descriptor until
 * seats_leave(), which must come before it is closed. NULL: there is no room at all, and the
 * connection should be closed. */
struct seat *seats_take(struct seats *s, int fd, const struct sockaddr *address);
void seats_leave(struct seats *s, struct seat *seat); /* NULL is ok */

/* What the connection does from now on. A NULL seat is ok. */
void seats_set_phase(struct seats *s, struct seat *seat, enum seat_phase phase);

/* Cuts off who has taken too long at that time (clock_mono_us()); how many. The thread's work. */
size_t seats_sweep(struct seats *s, int64_t now_us);

#endif
