/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/metrics_page.h"

#include "drivers/source.h"
#include "gateway/core/histogram.h"
#include "gateway/core/metrics.h"
#include "gateway/core/process.h"
#include "version.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define UNITS_AT_ONCE 32

/* --- the format --- */

static void head(FILE *f, const char *name, const char *type, const char *help)
{
    fprintf(f, "# HELP %s %s.\n# TYPE %s %s\n", name, help, name, type);
}

/* A label's value: backslash, quote and newline are escaped. */
static void label_value(FILE *f, const char *text)
{
    fputc('"', f);
    for (; *text; text++) {
        if (*text == '\\' || *text == '"')
            fputc('\\', f);
        if (*text == '\n')
            fputs("\\n", f);
        else
            fputc(*text, f);
    }
    fputc('"', f);
}

/* name{source="…" and leaves the braces open */
static void of_source(FILE *f, const char *name, const struct source_config *c)
{
    fprintf(f, "%s{source=", name);
    label_value(f, c->name);
}

static void single(FILE *f, const char *name, const char *type, const char *help, int64_t value)
{
    head(f, name, type, help);
    fprintf(f, "%s %" PRId64 "\n", name, value);
}

static void single_seconds(FILE *f, const char *name, const char *type, const char *help,
                           int64_t us)
{
    head(f, name, type, help);
    fprintf(f, "%s %.6f\n", name, (double)us / 1e6);
}

/* --- the process --- */

/* These stand below with their source, and have their sums from there. */
static bool is_by_source(enum metric m)
{
    return m == METRIC_SOURCE_ERRORS || m == METRIC_SOURCE_OPENS;
}

static void process_wide(FILE *f)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *m = metric_info((enum metric)i);
        int64_t value = metric_get((enum metric)i);
        bool counter = m->kind == METRIC_KIND_COUNTER || m->kind == METRIC_KIND_COUNTER_US;
        bool in_us = m->kind == METRIC_KIND_COUNTER_US || m->kind == METRIC_KIND_GAUGE_US;

        if (!is_by_source((enum metric)i))
            (in_us ? single_seconds : single)(f, m->name, counter ? "counter" : "gauge", m->help,
                                              value);
    }
}

static void histograms(FILE *f)
{
    for (int i = 0; i < HISTOGRAM_COUNT; i++) {
        struct histogram_counts c = histogram_get((enum histogram)i);
        head(f, c.name, "histogram", c.help);
        for (int k = 0; k < HISTOGRAM_BOUNDS; k++)
            fprintf(f, "%s_bucket{le=\"%g\"} %" PRIu64 "\n", c.name,
                    (double)histogram_bounds_us[k] / 1e6, c.up_to[k]);
        fprintf(f, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n", c.name, c.count);
        fprintf(f, "%s_sum %.6f\n%s_count %" PRIu64 "\n", c.name, (double)c.sum_us / 1e6, c.name,
                c.count);
    }
}

/* Under the names that Prometheus' own clients use. */
static void of_process(FILE *f)
{
    struct process_figures p;

    process_figures_get(&p);
    single(f, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes",
           p.resident_bytes);
    single_seconds(f, "process_start_time_seconds", "gauge",
                   "Start time of the process since unix epoch in seconds", p.start_us);
    single_seconds(f, "process_cpu_seconds_total", "counter",
                   "Total user and system CPU time spent in seconds", p.cpu_us);
    single(f, "process_open_fds", "gauge", "Number of open file descriptors", p.open_fds);
    single(f, "process_max_fds", "gauge", "Maximum number of open file descriptors", p.max_fds);
    single(f, "process_threads", "gauge", "Number of threads", p.threads);
    head(f, "sensorgw_build_info", "gauge", "Always 1; the version is in the label");
    fprintf(f, "sensorgw_build_info{version=\"%s\"} 1\n", SENSORGW_VERSION);
}

static void of_alerts(FILE *f, const struct alert_counts *a)
{
    if (!a)
        return;
    head(f, "sensorgw_alerts", "gauge", "Alerts that are not cleared, by severity and state");
    for (unsigned severity = SEVERITY_WARNING; severity <= SEVERITY_CRITICAL; severity++) {
        for (int s = 0; s < ALERTS_STATES; s++)
            fprintf(f, "sensorgw_alerts{severity=\"%s\",state=\"%s\"} %u\n",
                    severity_name(severity), alert_counts_state(s), a->count[severity][s]);
    }
}

/* --- each source --- */

struct source_figures {
    const struct source_config *config;
    struct ledger_entry books;
    uint64_t errors, opens, overruns;
    bool is_open;
};

/* The conservation law. */
static void of_books(FILE *f, const struct source_figures *s, size_t n)
{
    head(f, "sensorgw_readings_accepted_total", "counter",
         "Readings and messages that a source got hold of");
    for (size_t i = 0; i < n; i++) {
        of_source(f, "sensorgw_readings_accepted_total", s[i].config);
        fprintf(f, "} %" PRIu64 "\n", s[i].books.accepted);
    }
    head(f, "sensorgw_readings_committed_total", "counter", "Readings committed to the database");
    for (size_t i = 0; i < n; i++) {
        of_source(f, "sensorgw_readings_committed_total", s[i].config);
        fprintf(f, "} %" PRIu64 "\n", s[i].books.committed);
    }
    head(f, "sensorgw_readings_dropped_total", "counter",
         "Readings that were not stored, and why; accepted = committed + dropped + in flight");
    for (size_t i = 0; i < n; i++) {
        for (int why = 0; why < DROP_REASON_COUNT; why++) {
            of_source(f, "sensorgw_readings_dropped_total", s[i].config);
            fprintf(f, ",reason=\"%s\"} %" PRIu64 "\n", drop_reason_name((enum drop_reason)why),
                    s[i].books.dropped[why]);
        }
    }
}

static void of_lines(FILE *f, const struct source_figures *s, size_t n)
{
    const struct metric_info *errors = metric_info(METRIC_SOURCE_ERRORS);
    const struct metric_info *opens = metric_info(METRIC_SOURCE_OPENS);

    head(f, "sensorgw_source_up", "gauge", "1 while its port, connection or file is open");
    for (size_t i = 0; i < n; i++) {
        of_source(f, "sensorgw_source_up", s[i].config);
        fprintf(f, ",driver=\"%s\"} %d\n", s[i].config->schema->name, s[i].is_open);
    }
    head(f, errors->name, "counter", errors->help);
    for (size_t i = 0; i < n; i++) {
        of_source(f, errors->name, s[i].config);
        fprintf(f, "} %" PRIu64 "\n", s[i].errors);
    }
    head(f, "sensorgw_source_overruns_total", "counter",
         "Polls that fell out because the line was busy or the queue full");
    for (size_t i = 0; i < n; i++) {
        of_source(f, "sensorgw_source_overruns_total", s[i].config);
        fprintf(f, "} %" PRIu64 "\n", s[i].overruns);
    }
    head(f, opens->name, "counter", opens->help);
    for (size_t i = 0; i < n; i++) {
        of_source(f, opens->name, s[i].config);
        fprintf(f, "} %" PRIu64 "\n", s[i].opens);
    }
}

/* --- each unit --- */

struct unit_row {
    const struct source_config *config;
    struct unit_figures unit;
};

/* All units of all lines, returned owned; the series of one name stand together on the page. */
static struct unit_row *collect_units(const struct http_options *o, size_t *count)
{
    struct unit_figures some[UNITS_AT_ONCE];
    struct unit_row *rows = NULL;
    size_t got;

    *count = 0;
    for (size_t i = 0; o->sources && i < o->config->source_count; i++) {
        for (size_t first = 0; o->sources[i] && (got = figures_copy(&o->sources[i]->figures, first,
                                                                    some, UNITS_AT_ONCE)) > 0;
             first += got) {
            struct unit_row *more = realloc(rows, (*count + got) * sizeof(*rows));
            if (!more)
                return rows;
            rows = more;
            for (size_t k = 0; k < got; k++)
                rows[(*count)++] = (struct unit_row){&o->config->sources[i], some[k]};
        }
    }
    return rows;
}

static void of_unit(FILE *f, const char *name, const struct unit_row *r)
{
    of_source(f, name, r->config);
    fprintf(f, ",unit=\"%u\"", r->unit.unit);
}

static void unit_errors(FILE *f, const struct unit_row *r)
{
    const struct {
        const char *kind;
        uint64_t count;
    } kinds[] = {{"timeout", r->unit.timeouts},
                 {"damaged", r->unit.damaged},
                 {"exception", r->unit.refused}};

    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        of_unit(f, "sensorgw_unit_errors_total", r);
        fprintf(f, ",kind=\"%s\"} %" PRIu64 "\n", kinds[i].kind, kinds[i].count);
    }
}

static void of_units(FILE *f, const struct unit_row *rows, size_t n)
{
    if (n == 0)
        return;
    head(f, "sensorgw_unit_requests_total", "counter", "Requests that a unit on a line was sent");
    for (size_t i = 0; i < n; i++) {
        of_unit(f, "sensorgw_unit_requests_total", &rows[i]);
        fprintf(f, "} %" PRIu64 "\n", rows[i].unit.asked);
    }
    head(f, "sensorgw_unit_errors_total", "counter", "Requests that got no good answer, and why");
    for (size_t i = 0; i < n; i++)
        unit_errors(f, &rows[i]);
    head(f, "sensorgw_unit_up", "gauge", "1 when the last request was answered");
    for (size_t i = 0; i < n; i++) {
        of_unit(f, "sensorgw_unit_up", &rows[i]);
        fprintf(f, "} %d\n",
                rows[i].unit.last == QUALITY_GOOD || rows[i].unit.last == QUALITY_EXCEPTION);
    }
    head(f, "sensorgw_unit_probing", "gauge",
         "1 while a unit gives no answer and is only asked now and then");
    for (size_t i = 0; i < n; i++) {
        of_unit(f, "sensorgw_unit_probing", &rows[i]);
        fprintf(f, "} %d\n", rows[i].unit.probing_us != 0);
    }
    head(f, "sensorgw_unit_overruns_total", "counter",
         "Polls of a unit that fell out because its line was busy for a whole period");
    for (size_t i = 0; i < n; i++) {
        of_unit(f, "sensorgw_unit_overruns_total", &rows[i]);
        fprintf(f, "} %" PRIu64 "\n", rows[i].unit.overruns);
    }
    head(f, "sensorgw_unit_isolated_places", "gauge",
         "Registers that a unit refuses to give and that are left out of its requests");
    for (size_t i = 0; i < n; i++) {
        of_unit(f, "sensorgw_unit_isolated_places", &rows[i]);
        fprintf(f, "} %" PRIu64 "\n", rows[i].unit.isolated);
    }
    head(f, "sensorgw_unit_round_trip_seconds", "summary",
         "Time from a request to its answer, exceptions included");
    for (size_t i = 0; i < n; i++) {
        of_unit(f, "sensorgw_unit_round_trip_seconds_sum", &rows[i]);
        fprintf(f, "} %.6f\n", (double)rows[i].unit.total_us / 1e6);
        of_unit(f, "sensorgw_unit_round_trip_seconds_count", &rows[i]);
        fprintf(f, "} %" PRIu64 "\n", rows[i].unit.answers);
    }
}

static void of_sources(FILE *f, const struct http_options *o)
{
    size_t n = o->config->source_count, units;
    struct source_figures *all = calloc(n ? n : 1, sizeof(*all));
    struct unit_row *rows = collect_units(o, &units);

    for (uint32_t i = 0; all && i < n; i++) {
        struct source *s = o->sources ? o->sources[i] : NULL;
        all[i] = (struct source_figures){
            .config = &o->config->sources[i],
            .books = ledger_get(o->ledger, o->config->sources[i].index),
            .errors = s ? atomic_load(&s->errors) : 0,
            .opens = s ? atomic_load(&s->opens) : 0,
            .overruns = s ? atomic_load(&s->overruns) : 0,
            .is_open = s && atomic_load(&s->status) == SOURCE_OPEN,
        };
    }
    if (all) {
        of_books(f, all, n);
        of_lines(f, all, n);
    }
    of_units(f, rows, rows ? units : 0);
    free(rows);
    free(all);
}

char *metrics_page(const struct http_options *options, const struct alert_counts *alerts,
                   size_t *length)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, length);

    if (!f)
        return NULL;
    process_wide(f);
    histograms(f);
    of_alerts(f, alerts);
    of_sources(f, options);
    of_process(f);
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
