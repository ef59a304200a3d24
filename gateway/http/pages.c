/* SPDX-License-Identifier: Apache-2.0 */
/* What is there besides the page itself: the figures, the state, and the API. */
#include "gateway/core/clock.h"
#include "gateway/http/internal.h"
#include "gateway/http/metrics_page.h"

#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

bool http_count_alerts(struct http *h, struct alert_counts *out)
{
    struct query *q;

    if (readers_take(h->readers, &q) != GW_OK)
        return false;
    enum gw_err err = alert_counts_query(q, clock_wall_us(), out);
    readers_give(h->readers, q);
    return err == GW_OK;
}

static void get_metrics(struct http *h, const struct http_request *r, struct http_reply *out)
{
    struct alert_counts alerts;
    size_t length = 0;

    (void)r;
    h->options.sample(h->options.arg);
    bool counted = http_count_alerts(h, &alerts);
    char *page = metrics_page(&h->options, counted ? &alerts : NULL, &length);
    reply_text(out, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8", page, length);
}

/* 503 when the gateway itself does not work; what is wrong around it is told with a 200. As text,
 * or as JSON for who asks for that. */
static void get_healthz(struct http *h, const struct http_request *r, struct http_reply *out)
{
    const char *accept = request_header(r, MHD_HTTP_HEADER_ACCEPT);
    bool json = accept && strstr(accept, "application/json");
    struct health_report report;
    char *text = NULL;
    size_t length = 0;

    h->options.health(h->options.arg, &report);
    FILE *f = json ? NULL : open_memstream(&text, &length);
    if (f) {
        health_write_text(&report, f);
        fclose(f);
    } else if (json && (text = health_json(&report))) {
        length = strlen(text);
    }
    reply_text(out, health_is_bad(&report) ? MHD_HTTP_SERVICE_UNAVAILABLE : MHD_HTTP_OK,
               json ? "application/json" : "text/plain; charset=utf-8", text, length);
}

static void handle(struct http *h, const struct http_request *r, struct http_reply *out)
{
    static const struct {
        const char *path;
        void (*get)(struct http *h, const struct http_request *r, struct http_reply *out);
    } pages[] = {{"/metrics", get_metrics}, {"/healthz", get_healthz}};

    if (strncmp(r->path, "/api/", 5) == 0) {
        api_handle(h, r, out);
        return;
    }
    for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
        if (strcmp(r->path, pages[i].path) == 0 && request_is_get(r)) {
            pages[i].get(h, r, out);
            return;
        }
        if (strcmp(r->path, pages[i].path) == 0) {
            reply_error(out, MHD_HTTP_METHOD_NOT_ALLOWED, "this can only be read", "use GET");
            out->allow = "GET, HEAD";
            return;
        }
    }
    reply_error(out, MHD_HTTP_NOT_FOUND, "there is no such page",
                "here are /, /api/v1/openapi.json, /metrics and /healthz");
}

/* A reload may replace the plant meanwhile: a request sees the one that it found. */
void http_handle(struct http *h, const struct http_request *r, struct http_reply *out)
{
    struct plant *plant = h->options.plants ? plants_hold(h->options.plants) : NULL;
    struct http now = {.options = h->options, .readers = h->readers, .events = h->events};

    if (plant) {
        now.options.config = plant->config;
        now.options.sources = plant->sources;
    }
    handle(&now, r, out);
    if (plant)
        plants_release(h->options.plants, plant);
}
