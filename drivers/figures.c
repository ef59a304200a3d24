/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/figures.h"

#include "gateway/core/clock.h"

#include <stdlib.h>
#include <string.h>

#define MEAN_OVER 16

void figures_init(struct figures *f)
{
    *f = (struct figures){0};
    pthread_mutex_init(&f->lock, NULL);
}

void figures_fini(struct figures *f)
{
    free(f->units);
    pthread_mutex_destroy(&f->lock);
}

static size_t find(const struct figures *f, unsigned unit)
{
    size_t i = 0;

    while (i < f->count && f->units[i].unit != unit)
        i++;
    return i;
}

size_t figures_unit(struct figures *f, unsigned unit)
{
    pthread_mutex_lock(&f->lock);
    size_t place = find(f, unit);
    if (place == f->count) {
        struct unit_figures *more = realloc(f->units, (f->count + 1) * sizeof(*more));
        if (more) {
            f->units = more;
            more[f->count++] = (struct unit_figures){.unit = unit, .last = QUALITY_COUNT};
        } else {
            place = SIZE_MAX;
        }
    }
    pthread_mutex_unlock(&f->lock);
    return place;
}

static void note_answer(struct unit_figures *u, int64_t took_us)
{
    u->mean_us = u->answered_us ? u->mean_us + (took_us - u->mean_us) / MEAN_OVER : took_us;
    u->took_us = took_us;
    u->answered_us = clock_mono_us();
}

void figures_note(struct figures *f, size_t place, enum quality how, int64_t took_us)
{
    pthread_mutex_lock(&f->lock);
    if (place < f->count) {
        struct unit_figures *u = &f->units[place];
        u->asked++;
        u->last = how;
        u->timeouts += how == QUALITY_TIMEOUT;
        u->damaged += how == QUALITY_CRC;
        u->refused += how == QUALITY_EXCEPTION;
        if (how == QUALITY_GOOD || how == QUALITY_EXCEPTION)
            note_answer(u, took_us);
    }
    pthread_mutex_unlock(&f->lock);
}

size_t figures_copy(struct figures *f, size_t first, struct unit_figures *out, size_t max)
{
    pthread_mutex_lock(&f->lock);
    size_t n = first < f->count ? f->count - first : 0;
    if (n > max)
        n = max;
    if (n > 0)
        memcpy(out, f->units + first, n * sizeof(*out));
    pthread_mutex_unlock(&f->lock);
    return n;
}
