/* SPDX-License-Identifier: Apache-2.0 */
/* One reload, shared by its files: reload_plan.c reads the file and finds out what it changes,
 * reload_apply.c carries it out, reload.c runs the two one after the other. Nobody else includes
 * it. */
#ifndef SENSORGW_GATEWAY_RELOAD_CHANGE_H
#define SENSORGW_GATEWAY_RELOAD_CHANGE_H

#include "gateway/reload.h"

#include <stdio.h>

#define NO_PLACE SIZE_MAX

enum { KEPT, CHANGED, ADDED, REMOVED, FATES };

struct change {
    const struct reload_options *o;
    FILE *text;        /* lines for people */
    struct plant *now; /* the present one: only the reloader's thread replaces it */

    /* the plan */
    struct config *config; /* the new one; owned until it is in the new plant */
    size_t *kept; /* by place in the new configuration: place in the present one, or NO_PLACE */
    size_t sources[FATES], rules[FATES];

    /* what came of it */
    struct plant *next;
    size_t sensors_added, sensors_removed;
    size_t not_started; /* sources */
    bool rules_wait;    /* a slow store keeps the lanes from taking the new ones over */
};

/* A line of the outcome, and of the log. */
void change_say(struct change *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Whether a source of the present plant goes on. */
bool change_keeps(const struct change *c, const struct source *s);

/* Reads and checks the file, and compares it with what is in force. Nothing is changed yet. False:
 * it cannot be put in force, and change_say() has said why. */
bool change_plan(struct change *c);

/* Puts it in force. False: not for want of memory, and all is as before. */
bool change_apply(struct change *c);

/* Frees what the plan holds. */
void change_fini(struct change *c);

#endif
