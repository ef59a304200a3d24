/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/control_answer.h"

#include "drivers/driver.h"
#include "gateway/alert.h"
#include "gateway/core/clock.h"
#include "gateway/core/log.h"
#include "gateway/live.h"
#include "gateway/reload.h"
#include "gateway/setter.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 8
#define TURN_US (5 * US_PER_SECOND)
#define UNITS_AT_ONCE 32
#define FRAMES_AT_ONCE 32

/* What is asked, and of whom. */
struct request {
    const struct control_options *o;
    const struct plant *plant; /* held */
    char **words;
};

static void answer_sources(const struct request *q, FILE *f)
{
    static const char *const states[] = {
        [SOURCE_CLOSED] = "closed", [SOURCE_OPEN] = "open", [SOURCE_FAILED] = "failed"};

    for (size_t i = 0; i < q->plant->config->source_count; i++) {
        struct source *s = q->plant->sources[i];
        char error[sizeof(s->last_error)];
        pthread_mutex_lock(&s->error_lock);
        memcpy(error, s->last_error, sizeof(error));
        pthread_mutex_unlock(&s->error_lock);
        fprintf(f, "%s\t%s\t%s\t%s\n", s->config->name, s->config->schema->name,
                states[atomic_load(&s->status)], error);
    }
}

static void print_value(const struct reading *r, FILE *f)
{
    if (r->quality != QUALITY_GOOD)
        fputc('-', f);
    else if (r->flags & READING_INTEGER)
        fprintf(f, "%" PRId64, r->integer);
    else
        fprintf(f, "%.17g", r->value);
}

static void answer_sensors(const struct request *q, FILE *f)
{
    const struct control_options *o = q->o;
    int64_t now = clock_wall_us();

    for (uint32_t i = 0; i < sensor_table_count(o->sensors); i++) {
        const struct sensor *s = sensor_table_get(o->sensors, i);
        struct reading r;
        if (s->gone)
            continue;
        fprintf(f, "%s\t", s->name);
        if (live_get(o->live, i, &r)) {
            print_value(&r, f);
            fprintf(f, "\t%s\t%s\t%" PRId64, s->unit, quality_name(r.quality), now - r.time_us);
        } else {
            fprintf(f, "-\t%s\tnone\t-1", s->unit);
        }
        fprintf(f, "\t%s\n", plant_source_name(q->plant->config, s->source));
    }
}

static void print_unit(const struct source *s, const struct unit_figures *u, FILE *f)
{
    fprintf(f, "%s\t%u\t%s", s->config->name, u->unit,
            u->last == QUALITY_COUNT ? "none" : quality_name(u->last));
    fprintf(f, "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu64 "\t%" PRId64 "\t%" PRId64 "\n",
            u->asked, u->timeouts, u->damaged, u->refused, u->took_us, u->mean_us);
}

static void answer_units(const struct request *q, FILE *f)
{
    struct unit_figures units[UNITS_AT_ONCE];
    size_t n;

    for (size_t i = 0; i < q->plant->config->source_count; i++) {
        struct source *s = q->plant->sources[i];
        for (size_t first = 0; (n = figures_copy(&s->figures, first, units, UNITS_AT_ONCE)) > 0;
             first += n) {
            for (size_t k = 0; k < n; k++)
                print_unit(s, &units[k], f);
        }
    }
}

static void answer_isolated(const struct request *q, FILE *f)
{
    struct isolated_place places[UNITS_AT_ONCE];
    size_t n;

    for (size_t i = 0; i < q->plant->config->source_count; i++) {
        struct source *s = q->plant->sources[i];
        for (size_t first = 0;
             (n = figures_copy_isolated(&s->figures, first, places, UNITS_AT_ONCE)) > 0;
             first += n) {
            for (size_t k = 0; k < n; k++)
                fprintf(f, "%s\t%u\t%s\t%s\t%u\t%" PRId64 "\n", s->config->name, places[k].unit,
                        sensor_table_get(q->o->sensors, places[k].sensor)->name, places[k].place,
                        places[k].exception, places[k].since_us);
        }
    }
}

static struct source *find_source(const struct request *q, FILE *f)
{
    const char *name = q->words[1] ? q->words[1] : "";
    struct source *s = plant_find(q->plant, name);

    if (!s)
        fprintf(f, "error there is no source \"%s\"\n", name);
    return s;
}

static void print_frame(const struct trace_frame *frame, FILE *f)
{
    fprintf(f, "%" PRIu64 "\t%" PRId64 "\t%c\t", frame->number, frame->time_us,
            frame->sent ? '>' : '<');
    for (size_t k = 0; k < frame->length && k < TRACE_BYTES; k++)
        fprintf(f, "%s%02X", k ? " " : "", frame->bytes[k]);
    fputc('\n', f);
}

/* A driver that can be asked has a line with frames. */
static void name_lines(const struct request *q, FILE *f)
{
    const char *between = "";

    for (size_t i = 0; i < q->plant->config->source_count; i++) {
        const struct source *s = q->plant->sources[i];
        if (s->driver->command) {
            fprintf(f, "%s%s", between, s->config->name);
            between = ", ";
        }
    }
    fputs(*between ? "\n" : "none is here\n", f);
}

static void answer_frames(const struct request *q, FILE *f)
{
    struct source *s = find_source(q, f);
    uint64_t after = s && q->words[2] ? strtoull(q->words[2], NULL, 10) : 0;

    if (!s)
        return;
    if (!s->driver->command) {
        fprintf(f, "error the %s driver of \"%s\" shows no frames; these sources do: ",
                s->config->schema->name, s->config->name);
        name_lines(q, f);
        return;
    }
    struct trace_frame *frames = calloc(FRAMES_AT_ONCE, sizeof(*frames));
    if (!frames)
        return;
    s = s->leader ? s->leader : s;
    size_t n = trace_read(&s->trace, after, frames, FRAMES_AT_ONCE);
    for (size_t i = 0; i < n; i++) {
        print_frame(&frames[i], f);
    }
    free(frames);
}

struct command_task {
    struct task task; /* first: the task is this */
    struct source *source;
    char **words;
    int count;
    FILE *answer;
};

static void run_command(struct task *t)
{
    struct command_task *c = (struct command_task *)t;

    c->source->driver->command(c->source, c->count, c->words, c->answer);
}

/* The driver knows the command without the source's name. */
static void answer_ask(const struct request *q, FILE *f)
{
    struct source *s = find_source(q, f);
    char **words = q->words;
    int count = 0;

    if (!s)
        return;
    if (!s->driver->command) {
        fprintf(f, "error the %s driver cannot be asked\n", s->config->schema->name);
        return;
    }
    words[1] = words[0];
    while (words[1 + count])
        count++;
    struct command_task task = {
        .task = {.run = run_command}, .source = s, .words = words + 1, .count = count, .answer = f};
    enum gw_err err = source_call(s, &task.task, TURN_US);
    if (err != GW_OK)
        fprintf(f, "error %s\n", err == GW_ETIMEDOUT ? "the line is too busy" : gw_strerror(err));
}

static void answer_write(const struct request *q, FILE *f)
{
    struct source_write result;
    char **words = q->words;
    char *end = NULL;
    double value = words[1] && words[2] ? strtod(words[2], &end) : (double)NAN;

    if (!end || end == words[2] || *end || !isfinite(value)) {
        fputs("error not understood: write SENSOR VALUE\n", f);
        return;
    }
    const struct setter_request request = {.sensor = words[1], .value = value, .origin = "control"};
    setter_set(q->o->setter, &request, &result);
    if (result.err == GW_OK)
        fprintf(f, "ok %.17g\n", result.value);
    else
        fprintf(f, "error %s\n", result.why);
}

static void order(const struct control_options *o, struct alert_command *c, FILE *f)
{
    char why[ORDER_WHY_SIZE];

    if (!c->sensor || !c->rule)
        fputs("error not understood: it wants a SENSOR and a RULE\n", f);
    else if (alert_book_command(o->alerts, c, TURN_US, why) != GW_OK)
        fprintf(f, "error %s\n", why);
    else
        fputs("ok\n", f);
}

static void answer_acknowledge(const struct request *q, FILE *f)
{
    char **words = q->words;
    const char *who = words[1] && words[2] ? words[3] : NULL;

    order(q->o,
          &(struct alert_command){.verb = ALERT_ACKNOWLEDGE,
                                  .sensor = words[1],
                                  .rule = words[1] ? words[2] : NULL,
                                  .who = who,
                                  .comment = who ? words[4] : NULL},
          f);
}

static void answer_shelve(const struct request *q, FILE *f)
{
    char **words = q->words;
    int64_t us = words[1] && words[2] && words[3] ? strtoll(words[3], NULL, 10) : -1;
    const char *who = us >= 0 ? words[4] : NULL;

    order(q->o,
          &(struct alert_command){.verb = us == 0 ? ALERT_UNSHELVE : ALERT_SHELVE,
                                  .sensor = words[1],
                                  .rule = words[1] ? words[2] : NULL,
                                  .shelve_us = us,
                                  .who = who,
                                  .comment = who ? words[5] : NULL},
          f);
}

static void answer_limits(const struct request *q, FILE *f)
{
    char **words = q->words;
    struct alert_limit limits[32];
    size_t n = words[1] ? alert_limits(q->plant->config, words[1], limits, 32) : 0;

    for (size_t i = 0; i < n && i < 32; i++)
        fprintf(f, "%s\t%s\t%s\t%.17g\n", limits[i].rule, severity_name(limits[i].severity),
                limits[i].is_low ? "low" : "high", limits[i].value);
}

static void answer_health(const struct request *q, FILE *f)
{
    struct health_report r;

    q->o->health(q->o->arg, &r);
    if (q->words[1] && strcmp(q->words[1], "json") == 0) {
        char *text = health_json(&r);
        fprintf(f, "%s\n", text ? text : "");
        free(text);
        return;
    }
    fprintf(f, "%s\n", health_state(&r));
    for (size_t i = 0; i < r.count; i++) {
        const struct health_item *item = &r.items[i];
        fprintf(f, "%s\t%s\t%" PRId64 "\t%s\t%s\n", health_severity_name(item->severity),
                item->component, item->since_us, item->text, item->hint);
    }
    if (r.left_out > 0)
        fprintf(f, "warning\tothers\t%" PRId64 "\tand %zu more\t\n", clock_wall_us(), r.left_out);
}

/* Takes the text. */
static void print_lines(char *text, FILE *f)
{
    if (!text)
        fputs("error out of memory\n", f);
    else
        fputs(text, f);
    free(text);
}

static void answer_figures(const struct request *q, FILE *f)
{
    print_lines(q->o->figures(q->o->arg, q->plant), f);
}

static void answer_log(const struct request *q, FILE *f)
{
    (void)q;
    print_lines(log_recent(), f);
}

static void answer_config(const struct request *q, FILE *f)
{
    const char *path = q->o->config->path;
    char *real = realpath(path, NULL);

    fprintf(f, "%s\n", real ? real : path); /* the file may have been taken away */
    free(real);
}

static void answer_reload(const struct request *q, FILE *f)
{
    static const char *const words[] = {[RELOAD_WAIT] = "wait",
                                        [RELOAD_DONE] = "ok",
                                        [RELOAD_PARTLY] = "partly",
                                        [RELOAD_REFUSED] = "refused"};
    char *text;

    if (!q->words[1]) {
        fprintf(f, "%" PRIu64 "\n", reloader_request(q->o->reloader));
        return;
    }
    enum reload_outcome outcome =
        reloader_outcome(q->o->reloader, strtoull(q->words[1], NULL, 10), &text);
    fprintf(f, "%s\n%s", words[outcome], text ? text : "");
    free(text);
}

void control_answer(const struct control_options *o, char *request, FILE *answer)
{
    static const struct {
        const char *word;
        void (*answer)(const struct request *, FILE *);
    } requests[] = {{"sources", answer_sources}, {"sensors", answer_sensors},
                    {"units", answer_units},     {"isolated", answer_isolated},
                    {"frames", answer_frames},   {"ask", answer_ask},
                    {"write", answer_write},     {"acknowledge", answer_acknowledge},
                    {"shelve", answer_shelve},   {"limits", answer_limits},
                    {"health", answer_health},   {"figures", answer_figures},
                    {"log", answer_log},         {"config", answer_config},
                    {"reload", answer_reload}};
    char *rest = request;
    char *words[WORDS_MAX + 1] = {strsep(&rest, "\t")};

    for (size_t i = 1; i < WORDS_MAX && rest; i++)
        words[i] = strsep(&rest, "\t");
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        if (strcmp(words[0], requests[i].word) != 0)
            continue;
        struct plant *plant = plants_hold(o->plants);
        requests[i].answer(&(struct request){.o = o, .plant = plant, .words = words}, answer);
        plants_release(o->plants, plant);
        return;
    }
    fputs("error unknown request\n", answer);
}
