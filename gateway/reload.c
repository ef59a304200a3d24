/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/reload.h"

#include "gateway/core/log.h"
#include "gateway/core/metrics.h"
#include "gateway/core/thread.h"
#include "gateway/notify.h"
#include "gateway/reload_change.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct reloader {
    struct reload_options o;
    struct thread thread;

    pthread_mutex_t lock;
    pthread_cond_t wake; /* on CLOCK_MONOTONIC */
    /* guarded by lock */
    bool stop;
    uint64_t wanted, done;       /* numbers of the last request, and of the last that is done */
    enum reload_outcome outcome; /* of the last that is done, as is: */
    char *text;
};

/* --- what is said --- */

void change_say(struct change *c, const char *format, ...)
{
    char line[400];
    va_list args;

    va_start(args, format);
    vsnprintf(line, sizeof(line), format, args);
    va_end(args);
    fprintf(c->text, "%s\n", line);
    log_warning("reload: %s", line);
}

static void say_counts(const struct change *c)
{
    char line[300], not_started[40] = "";

    if (c->not_started > 0)
        snprintf(not_started, sizeof(not_started), ", %zu not started", c->not_started);
    snprintf(
        line, sizeof(line),
        "sources: %zu kept, %zu changed, %zu added, %zu removed%s; rules: %zu kept, %zu changed, "
        "%zu added, %zu removed; sensors: %zu added, %zu removed",
        c->sources[KEPT], c->sources[CHANGED], c->sources[ADDED], c->sources[REMOVED], not_started,
        c->rules[KEPT], c->rules[CHANGED], c->rules[ADDED], c->rules[REMOVED], c->sensors_added,
        c->sensors_removed);
    char *real = realpath(c->o->path, NULL); /* whoever asks may stand in another folder */
    fprintf(c->text, "%s is in force\n%s\n", real ? real : c->o->path, line);
    free(real);
    log_info("configuration %s reloaded: %s", c->o->path, line);
}

/* --- the thread --- */

static enum reload_outcome reload(struct change *c)
{
    if (!c->text || !change_plan(c) || !change_apply(c))
        return RELOAD_REFUSED;
    say_counts(c);
    return c->not_started > 0 || c->rules_wait ? RELOAD_PARTLY : RELOAD_DONE;
}

/* What happened, for /metrics, `health` and the log. Takes the text. */
static void note(struct reloader *r, uint64_t number, enum reload_outcome outcome, char *text)
{
    metric_add(outcome == RELOAD_REFUSED ? METRIC_RELOAD_FAILURES : METRIC_RELOADS, 1);
    if (outcome == RELOAD_REFUSED)
        log_error("the configuration is not reloaded: the former one stays in force");
    r->o.ended(r->o.arg, outcome != RELOAD_REFUSED ? NULL : text ? text : "out of memory");
    pthread_mutex_lock(&r->lock);
    free(r->text);
    r->text = text;
    r->outcome = outcome;
    r->done = number;
    pthread_mutex_unlock(&r->lock);
}

static void reload_once(struct reloader *r, uint64_t number)
{
    char *text = NULL;
    size_t length;
    /* Only this thread replaces the plant, so the present one stays. */
    struct plant *now = plants_hold(r->o.plants);
    plants_release(r->o.plants, now);
    struct change c = {.o = &r->o, .now = now, .text = open_memstream(&text, &length)};

    notify_reloading();
    enum reload_outcome outcome = reload(&c);
    change_fini(&c);
    if (c.text)
        fclose(c.text);
    note(r, number, outcome, text);
    notify_ready();
}

static void run(void *arg)
{
    struct reloader *r = arg;

    pthread_mutex_lock(&r->lock);
    for (;;) {
        while (!r->stop && r->done == r->wanted)
            pthread_cond_wait(&r->wake, &r->lock);
        if (r->stop)
            break;
        uint64_t number = r->wanted;
        pthread_mutex_unlock(&r->lock);
        reload_once(r, number);
        pthread_mutex_lock(&r->lock);
    }
    pthread_mutex_unlock(&r->lock);
}

enum gw_err reloader_start(struct reloader **out, const struct reload_options *options)
{
    struct reloader *r = calloc(1, sizeof(*r));

    if (!r)
        return GW_ENOMEM;
    r->o = *options;
    pthread_mutex_init(&r->lock, NULL);
    cond_init_monotonic(&r->wake);
    enum gw_err err = thread_start(&r->thread, "reload", run, r);
    if (err != GW_OK) {
        reloader_destroy(r);
        return err;
    }
    *out = r;
    return GW_OK;
}

void reloader_stop(struct reloader *r)
{
    if (!r)
        return;
    pthread_mutex_lock(&r->lock);
    r->stop = true;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    thread_join(&r->thread);
}

void reloader_destroy(struct reloader *r)
{
    if (!r)
        return;
    pthread_cond_destroy(&r->wake);
    pthread_mutex_destroy(&r->lock);
    free(r->text);
    free(r);
}

uint64_t reloader_request(struct reloader *r)
{
    pthread_mutex_lock(&r->lock);
    uint64_t number = ++r->wanted;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(&r->lock);
    return number;
}

enum reload_outcome reloader_outcome(struct reloader *r, uint64_t number, char **text)
{
    enum reload_outcome outcome = RELOAD_WAIT;

    *text = NULL;
    pthread_mutex_lock(&r->lock);
    if (r->done >= number) {
        outcome = r->outcome;
        *text = r->text ? strdup(r->text) : NULL;
    }
    pthread_mutex_unlock(&r->lock);
    return outcome;
}
