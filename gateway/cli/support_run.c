/* SPDX-License-Identifier: Apache-2.0 */
/* The running gateway and its database in a support bundle. */
#include "gateway/cli/support.h"
#include "gateway/cli/table.h"
#include "gateway/core/clock.h"
#include "storage/facts.h"

#include <stdlib.h>

/* The answer's lines; NULL, and a word in the bundle: there is none. */
static char **ask(struct support *s, const char *request)
{
    char **lines = s->daemon ? daemon_ask(s->daemon, "%s", request) : NULL;

    if (!s->daemon)
        fprintf(s->f, "(the gateway cannot be asked: %s)\n", s->why);
    else if (!lines)
        fputs("(the gateway does not answer)\n", s->f);
    return lines;
}

static void copy_answer(struct support *s, const char *request)
{
    char **lines = ask(s, request);

    for (; lines && *lines; lines++)
        fprintf(s->f, "%s\n", *lines);
}

void support_health(struct support *s)
{
    char **lines = ask(s, "health"), *w[5], since[CLOCK_UTC_SIZE];

    if (lines && *lines)
        fprintf(s->f, "%s\n", *lines++);
    for (; lines && *lines; lines++) {
        daemon_words(*lines, w, 5);
        clock_format_utc(strtoll(w[2], NULL, 10), 0, since);
        fprintf(s->f, "%s: %s: %s, since %s. %s\n", w[0], w[1], w[3], since, w[4]);
    }
}

void support_figures(struct support *s)
{
    copy_answer(s, "figures");
}

void support_log(struct support *s)
{
    copy_answer(s, "log");
}

static void table_of(struct support *s, const char *request, const char *const *titles, size_t n)
{
    char **lines = ask(s, request), *words[16];
    struct table *t = lines ? table_create(titles) : NULL;

    for (; t && *lines; lines++) {
        daemon_words(*lines, words, n);
        table_add(t, (const char *const *)words);
    }
    if (t)
        table_print(t, s->f);
    table_destroy(t);
}

void support_sources(struct support *s)
{
    static const char *const sources[] = {"SOURCE", "DRIVER", "STATE", "LAST ERROR", NULL};
    static const char *const units[] = {"SOURCE",    ">UNIT",    "LAST",     ">REQUESTS",
                                        ">TIMEOUTS", ">DAMAGED", ">REFUSED", ">TOOK, µs",
                                        ">MEAN, µs", NULL};
    static const char *const isolated[] = {"REFUSED BY", ">UNIT",      "SENSOR", "PLACE",
                                           ">EXCEPTION", ">SINCE, µs", NULL};

    table_of(s, "sources", sources, sizeof(sources) / sizeof(sources[0]) - 1);
    fputc('\n', s->f);
    table_of(s, "units", units, sizeof(units) / sizeof(units[0]) - 1);
    fputc('\n', s->f);
    table_of(s, "isolated", isolated, sizeof(isolated) / sizeof(isolated[0]) - 1);
}

static void each_fact(void *arg, const char *name, const char *value)
{
    struct support *s = arg;

    fprintf(s->f, "%s: %s\n", name, value);
}

void support_database(struct support *s)
{
    if (!s->database) {
        fputs("(not known where it is; --database names it)\n", s->f);
        return;
    }
    fprintf(s->f, "file: %s\n", s->database);
    enum gw_err err = facts_list(s->database, each_fact, s);
    if (err != GW_OK)
        fprintf(s->f, "(cannot be read: %s)\n", gw_strerror(err));
}
