/* SPDX-License-Identifier: Apache-2.0 */
/* Server-sent events (the HTML standard's text/event-stream): live values and alert transitions.
 *
 * Nothing is queued for a client: of readings each remembers which version of the live values it
 * has told, so a slow one skips what it missed; of alerts all share one ring, and who falls behind
 * it is told to ask for the list again. One that takes nothing for the server's time-out is
 * dropped. */
#ifndef SENSORGW_GATEWAY_HTTP_EVENTS_H
#define SENSORGW_GATEWAY_HTTP_EVENTS_H

#include "gateway/core/record.h"
#include "gateway/http/http.h"
#include "gateway/http/request.h"

#define EVENTS_CLIENTS 12 /* at once */
#define EVENTS_RING 128   /* alert transitions that a slow client may be behind */

struct events;

/* Starts its thread. Borrows what the options name. */
enum gw_err events_create(struct events **out, const struct http_options *options);
/* Ends all streams, and takes no more. NULL is ok. */
void events_close(struct events *e);
/* Closed, and the server is stopped; NULL is ok. */
void events_destroy(struct events *e);

/* The reply that never ends; 503 when there are too many clients. Any thread of the server's. */
void events_join(struct events *e, const struct http_request *r, struct http_reply *out);

/* As http_alerts() and http_alert_now(). */
void events_wake(struct events *e);
void events_alert_now(struct events *e, const struct alert_change *change, const char *instance);

#endif
