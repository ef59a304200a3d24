/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/http/metrics_page.h"

#include "gateway/core/metrics.h"
#include "version.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

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

static void process_figures(FILE *f)
{
    for (int i = 0; i < METRIC_COUNT; i++) {
        const struct metric_info *m = metric_info((enum metric)i);
        int64_t value = metric_get((enum metric)i);
        bool counter = m->kind == METRIC_KIND_COUNTER || m->kind == METRIC_KIND_COUNTER_US;
        bool in_us = m->kind == METRIC_KIND_COUNTER_US || m->kind == METRIC_KIND_GAUGE_US;

        head(f, m->name, counter ? "counter" : "gauge", m->help);
        if (in_us)
            fprintf(f, "%s %.6f\n", m->name, (double)value / 1e6);
        else
            fprintf(f, "%s %" PRId64 "\n", m->name, value);
    }
}

static void status_figures(FILE *f, const struct gateway_status *s)
{
    head(f, "sensorgw_sensors", "gauge", "Sensors known now");
    fprintf(f, "sensorgw_sensors %zu\n", s->sensors);
    head(f, "sensorgw_sources_failing", "gauge",
         "Sources whose port, connection or file cannot be opened");
    fprintf(f, "sensorgw_sources_failing %zu\n", s->failing);
    head(f, "sensorgw_store_healthy", "gauge", "1 while commits succeed");
    fprintf(f, "sensorgw_store_healthy %d\n", s->storing);
}

/* The conservation law, a series for each source. */
static void ledger_figures(FILE *f, const struct config *c, const struct ledger *l)
{
    head(f, "sensorgw_readings_accepted_total", "counter",
         "Readings and messages that a source got hold of");
    for (uint32_t i = 0; i < c->source_count; i++) {
        fputs("sensorgw_readings_accepted_total{source=", f);
        label_value(f, c->sources[i].name);
        fprintf(f, "} %" PRIu64 "\n", ledger_get(l, i).accepted);
    }
    head(f, "sensorgw_readings_committed_total", "counter", "Readings committed to the database");
    for (uint32_t i = 0; i < c->source_count; i++) {
        fputs("sensorgw_readings_committed_total{source=", f);
        label_value(f, c->sources[i].name);
        fprintf(f, "} %" PRIu64 "\n", ledger_get(l, i).committed);
    }
    head(f, "sensorgw_readings_dropped_total", "counter",
         "Readings that were not stored, and why; accepted = committed + dropped + in flight");
    for (uint32_t i = 0; i < c->source_count; i++) {
        struct ledger_entry e = ledger_get(l, i);
        for (int why = 0; why < DROP_REASON_COUNT; why++) {
            fputs("sensorgw_readings_dropped_total{source=", f);
            label_value(f, c->sources[i].name);
            fprintf(f, ",reason=\"%s\"} %" PRIu64 "\n", drop_reason_name((enum drop_reason)why),
                    e.dropped[why]);
        }
    }
}

/* Resident pages are the second number of /proc/self/statm: proc(5). */
static void own_figures(FILE *f)
{
    long pages = 0;
    struct rusage usage;
    FILE *statm = fopen("/proc/self/statm", "re");

    if (statm && fscanf(statm, "%*s %ld", &pages) != 1)
        pages = 0;
    if (statm)
        fclose(statm);
    head(f, "process_resident_memory_bytes", "gauge", "Resident memory size in bytes");
    fprintf(f, "process_resident_memory_bytes %ld\n", pages * sysconf(_SC_PAGESIZE));
    getrusage(RUSAGE_SELF, &usage);
    head(f, "process_cpu_seconds_total", "counter", "Total user and system CPU time in seconds");
    fprintf(f, "process_cpu_seconds_total %.6f\n",
            (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6);
    head(f, "sensorgw_build_info", "gauge", "Always 1; the version is in the label");
    fprintf(f, "sensorgw_build_info{version=\"%s\"} 1\n", SENSORGW_VERSION);
}

char *metrics_page(const struct config *config, const struct ledger *ledger,
                   const struct gateway_status *status, size_t *length)
{
    char *text = NULL;
    FILE *f = open_memstream(&text, length);

    if (!f)
        return NULL;
    process_figures(f);
    status_figures(f, status);
    ledger_figures(f, config, ledger);
    own_figures(f);
    if (fclose(f) != 0) {
        free(text);
        return NULL;
    }
    return text;
}
