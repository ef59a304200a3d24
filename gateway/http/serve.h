/* SPDX-License-Identifier: Apache-2.0 */
/* The library's side of the server: connections, requests, threads. */
#ifndef SENSORGW_GATEWAY_HTTP_SERVE_H
#define SENSORGW_GATEWAY_HTTP_SERVE_H

#include "gateway/core/err.h"

#include <netdb.h>

struct http;

/* Listens at that address; http_handle() is called in its threads from now on. Sets h->daemon.
 * GW_EBUSY: the port is taken; the log says it. */
enum gw_err serve_start(struct http *h, const struct addrinfo *address);

#endif
