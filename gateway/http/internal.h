/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of this folder share. */
#ifndef SENSORGW_GATEWAY_HTTP_INTERNAL_H
#define SENSORGW_GATEWAY_HTTP_INTERNAL_H

#include "gateway/alert_counts.h"
#include "gateway/http/http.h"
#include "gateway/http/readers.h"
#include "gateway/http/request.h"

#include <stdint.h>

struct events;
struct MHD_Daemon;
struct pulse;
struct seats;

struct http {
    struct http_options options;
    struct MHD_Daemon *daemon;
    struct readers *readers;
    struct events *events;
    struct pulse *pulse;
    struct seats *seats;
};

/* Of the database; false: they are not known now. */
bool http_count_alerts(struct http *h, struct alert_counts *out);

/* Answers a request for anything but the page. */
void http_handle(struct http *h, const struct http_request *r, struct http_reply *out);
/* The same below /api/v1/. */
void api_handle(struct http *h, const struct http_request *r, struct http_reply *out);

/* The handlers behind it; `name` is what the path has in place of {name}, decoded, or NULL. */
void api_sensors(struct http *h, const struct http_request *r, const char *name,
                 struct http_reply *out);
void api_sensor(struct http *h, const struct http_request *r, const char *name,
                struct http_reply *out);
void api_sparks(struct http *h, const struct http_request *r, const char *name,
                struct http_reply *out);
void api_readings(struct http *h, const struct http_request *r, const char *name,
                  struct http_reply *out);
void api_alerts(struct http *h, const struct http_request *r, const char *name,
                struct http_reply *out);
void api_acknowledge(struct http *h, const struct http_request *r, const char *name,
                     struct http_reply *out);
void api_shelve(struct http *h, const struct http_request *r, const char *name,
                struct http_reply *out);
void api_unshelve(struct http *h, const struct http_request *r, const char *name,
                  struct http_reply *out);
void api_write(struct http *h, const struct http_request *r, const char *name,
               struct http_reply *out);
void api_sources(struct http *h, const struct http_request *r, const char *name,
                 struct http_reply *out);
void api_status(struct http *h, const struct http_request *r, const char *name,
                struct http_reply *out);
void api_events(struct http *h, const struct http_request *r, const char *name,
                struct http_reply *out);

/* Query parameters: false when one is there and cannot be used; *out is then the reply. Without the
 * parameter the value stays as it is. */
bool api_time(const struct http_request *r, const char *key, int64_t now_us, int64_t *us,
              struct http_reply *out);
bool api_number(const struct http_request *r, const char *key, long min, long max, long *number,
                struct http_reply *out);
/* False: the first is not before the second, and *out says so. */
bool api_is_span(int64_t since_us, int64_t until_us, struct http_reply *out);
/* The database could not answer. */
void api_failed(enum gw_err err, struct http_reply *out);

#endif
