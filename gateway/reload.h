/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the configuration anew while the gateway runs. A thread of its own does it, one reload at
 * a time: reads and checks the file, and only if all of it is right compares it with the one in
 * force, stops the sources that are gone or changed, and starts those that are new or changed. All
 * other sources go on in their threads and notice nothing. */
#ifndef SENSORGW_GATEWAY_RELOAD_H
#define SENSORGW_GATEWAY_RELOAD_H

#include "config/config.h"
#include "drivers/source.h"
#include "gateway/core/err.h"
#include "gateway/core/sensor.h"
#include "gateway/plant.h"
#include "gateway/source_names.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct reloader;

/* All borrowed; must outlive the reloader. */
struct reload_options {
    const char *path;
    /* What was read at the start: what cannot change while the gateway runs stays as it is here. */
    const struct config *first;
    struct plants *plants;
    const struct source_env *env;
    struct source_names *names;
    /* The configuration is in force now, but for new sources, which do not run yet: for those who
     * follow its rules and the like. In the reloader's thread. False: some rules are not in force
     * yet, for the store is slow. */
    bool (*changed)(void *arg, const struct config *now);
    /* How it ended: NULL when well, else what is wrong, borrowed for the call. */
    void (*ended)(void *arg, const char *problem);
    void *arg;
};

enum gw_err reloader_start(struct reloader **out, const struct reload_options *options);
/* Ends the thread after the reload that is under way; requests from now on are never done. NULL is
 * ok, for both. */
void reloader_stop(struct reloader *r);
void reloader_destroy(struct reloader *r); /* stopped, and nobody asks any more */

/* Asks for a reload; returns its number. Any thread; never blocks. */
uint64_t reloader_request(struct reloader *r);

/* What became of it. */
enum reload_outcome {
    RELOAD_WAIT,    /* it is not done yet */
    RELOAD_DONE,    /* the file is in force */
    RELOAD_PARTLY,  /* it is, but a source of it does not start, or its rules wait for the store */
    RELOAD_REFUSED, /* the former one stays in force */
};
/* Returns owned in *text (free()): lines for people; NULL while it waits, or without memory. Any
 * thread. */
enum reload_outcome reloader_outcome(struct reloader *r, uint64_t number, char **text);

#endif
