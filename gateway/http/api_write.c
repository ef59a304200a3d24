/* SPDX-License-Identifier: Apache-2.0 */
/* Sets a sensor. Reading needs no token on loopback, since who is on the machine may read anyway;
 * what moves a valve always needs one. */
#include "gateway/http/internal.h"
#include "gateway/http/parameters.h"
#include "gateway/setter.h"

#include <math.h>
#include <microhttpd.h>

#define EXAMPLE "{\"value\": 60}"
#define TOO_MANY 429 /* RFC 6585; the library's name for it is longer than the number */

static void answer(const struct source_write *w, struct http_reply *out)
{
    cJSON *o;

    switch ((int)w->err) {
    case GW_OK:
        o = cJSON_CreateObject();
        cJSON_AddTrueToObject(o, "ok");
        cJSON_AddNumberToObject(o, "value", w->value);
        reply_json(out, MHD_HTTP_OK, o);
        return;
    case GW_ENOENT:
        reply_error(out, MHD_HTTP_NOT_FOUND, w->why, "/api/v1/sensors lists what there is");
        return;
    case GW_EACCES:
        reply_error(out, MHD_HTTP_FORBIDDEN, w->why, "only the configuration can change that");
        return;
    case GW_EINVAL:
        reply_error(out, MHD_HTTP_BAD_REQUEST, w->why, EXAMPLE);
        return;
    case GW_EBUSY:
        reply_error(out, TOO_MANY, w->why, "try again in a second");
        out->retry_s = 1;
        return;
    default:
        reply_error(out, MHD_HTTP_SERVICE_UNAVAILABLE, w->why, "look at the device, and try again");
    }
}

static void set(struct http *h, const char *sensor, const cJSON *body, struct http_reply *out)
{
    struct source_write result;
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(body, "value");
    const struct setter_request q = {.sensor = sensor,
                                     .value = cJSON_IsNumber(value) ? cJSON_GetNumberValue(value)
                                                                    : (double)NAN,
                                     .origin = "http"};

    if (!isfinite(q.value)) {
        reply_error(out, MHD_HTTP_BAD_REQUEST, "the body does not say what value", EXAMPLE);
        return;
    }
    setter_set(h->options.setter, &q, &result);
    answer(&result, out);
}

void api_write(struct http *h, const struct http_request *r, const char *name,
               struct http_reply *out)
{
    if (!h->options.config->http.token || !h->options.setter) {
        reply_error(out, MHD_HTTP_FORBIDDEN, "sensors can only be set with a token",
                    "set http.token_file, and send what it holds: Authorization: Bearer TOKEN");
        return;
    }
    cJSON *body = parameters_body(r, EXAMPLE, out);
    if (body)
        set(h, name, body, out);
    cJSON_Delete(body);
}
