/* SPDX-License-Identifier: Apache-2.0 */
/* How the units of a line fare: what a person asks for who looks for a bad cable. Written by the
 * thread that has the line, copied by any. */
#ifndef SENSORGW_DRIVERS_FIGURES_H
#define SENSORGW_DRIVERS_FIGURES_H

#include "gateway/core/err.h"
#include "gateway/core/reading.h"
#include "gateway/core/sensor.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct unit_figures {
    unsigned unit;
    char device[SENSOR_NAME_MAX + 1]; /* what the configuration calls it; "": nothing */
    unsigned last;       /* enum quality: how the last exchange ended; QUALITY_COUNT: none yet */
    uint64_t asked;      /* exchanges */
    uint64_t timeouts;   /* without an answer */
    uint64_t damaged;    /* with one that is none */
    uint64_t refused;    /* answered by an exception */
    uint64_t overruns;   /* polls that fell out because the line was busy for a whole period */
    uint64_t isolated;   /* places that it refuses now: see struct isolated_place */
    int64_t took_us;     /* of the last answer: request and reply, 0 before the first */
    uint64_t answers;    /* exceptions included */
    int64_t total_us;    /* that they took together */
    int64_t mean_us;     /* moving mean over about 16 answers */
    int64_t answered_us; /* when that was, monotonic; 0: never */
    int64_t probing_us;  /* since when it gives no answer and is only probed now and then,
                            monotonic; 0: it is healthy */
};

#define ISOLATED_PLACE_SIZE 32

/* What a unit refuses to give, found out by asking for less and less. It is left out of the
 * requests for its neighbours and asked for once an hour. */
struct isolated_place {
    unsigned unit;
    uint32_t sensor;                 /* index of (one of) the sensors that it spoils */
    uint8_t exception;               /* the unit's answer */
    int64_t since_us;                /* UTC */
    int64_t next_try_us;             /* monotonic */
    char place[ISOLATED_PLACE_SIZE]; /* "holding 17", "input 8 to 9" */
};

struct figures {
    pthread_mutex_t lock;
    /* guarded by lock */
    struct unit_figures *units;
    size_t count;
    struct isolated_place *isolated;
    size_t isolated_count;
};

void figures_init(struct figures *f);
void figures_fini(struct figures *f);

/* The place of a unit, which is new at first. SIZE_MAX, which the others take too, without memory.
 */
size_t figures_unit(struct figures *f, unsigned unit);
/* What the configuration calls it; copied. */
void figures_name(struct figures *f, size_t place, const char *device);
/* An exchange with it ended so, after took_us. */
void figures_note(struct figures *f, size_t place, enum quality how, int64_t took_us);
void figures_overrun(struct figures *f, size_t place, uint64_t polls);
/* Since when it is only probed, monotonic; 0: it is healthy. */
void figures_probing(struct figures *f, size_t place, int64_t since_us);
/* Adds it, or replaces what there is of the same unit and sensor, keeping since_us. */
void figures_isolate(struct figures *f, const struct isolated_place *i);
/* It is given again. False: it was not isolated. */
bool figures_rejoin(struct figures *f, unsigned unit, uint32_t sensor);
/* The line begins anew: nothing is isolated or probed. Counters stay. */
void figures_begin(struct figures *f);

/* Copies at most `max` units from place `first` on; returns how many. Any thread. */
size_t figures_copy(struct figures *f, size_t first, struct unit_figures *out, size_t max);
/* The same for what is isolated, in the order in which it was found. */
size_t figures_copy_isolated(struct figures *f, size_t first, struct isolated_place *out,
                             size_t max);

#endif
