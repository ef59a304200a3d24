/* SPDX-License-Identifier: Apache-2.0 */
/* How the units of a line fare: what a person asks for who looks for a bad cable. */
#ifndef SENSORGW_DRIVERS_FIGURES_H
#define SENSORGW_DRIVERS_FIGURES_H

#include "gateway/core/err.h"
#include "gateway/core/reading.h"

#include <pthread.h>
#include <stddef.h>
#include <stdint.h>

struct unit_figures {
    unsigned unit;
    unsigned last;       /* enum quality: how the last exchange ended; QUALITY_COUNT: none yet */
    uint64_t asked;      /* exchanges */
    uint64_t timeouts;   /* without an answer */
    uint64_t damaged;    /* with one that is none */
    uint64_t refused;    /* answered by an exception */
    int64_t took_us;     /* of the last answer: request and reply, 0 before the first */
    int64_t mean_us;     /* moving mean over about 16 answers */
    int64_t answered_us; /* when that was, monotonic; 0: never */
};

struct figures {
    pthread_mutex_t lock;
    /* guarded by lock */
    struct unit_figures *units;
    size_t count;
};

void figures_init(struct figures *f);
void figures_fini(struct figures *f);

/* The place of a unit, which is new at first. SIZE_MAX without memory. */
size_t figures_unit(struct figures *f, unsigned unit);
/* An exchange with it ended so, after took_us. */
void figures_note(struct figures *f, size_t place, enum quality how, int64_t took_us);
/* Copies at most `max` units from place `first` on; returns how many. Any thread. */
size_t figures_copy(struct figures *f, size_t first, struct unit_figures *out, size_t max);

#endif
