/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/figures.h"

#include "gateway/core/clock.h"

#include <stdio.h>
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
    free(f->isolated);
    pthread_mutex_destroy(&f->lock);
}

static size_t find_locked(const struct figures *f, unsigned unit)
{
    size_t i = 0;

    while (i < f->count && f->units[i].unit != unit)
        i++;
    return i;
}

size_t figures_unit(struct figures *f, unsigned unit)
{
    pthread_mutex_lock(&f->lock);
    size_t place = find_locked(f, unit);
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

void figures_name(struct figures *f, size_t place, const char *device)
{
    pthread_mutex_lock(&f->lock);
    if (place < f->count)
        snprintf(f->units[place].device, sizeof(f->units[place].device), "%s", device);
    pthread_mutex_unlock(&f->lock);
}

static void note_answer(struct unit_figures *u, int64_t took_us)
{
    u->mean_us = u->answered_us ? u->mean_us + (took_us - u->mean_us) / MEAN_OVER : took_us;
    u->took_us = took_us;
    u->total_us += took_us;
    u->answers++;
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

void figures_overrun(struct figures *f, size_t place, uint64_t polls)
{
    pthread_mutex_lock(&f->lock);
    if (place < f->count)
        f->units[place].overruns += polls;
    pthread_mutex_unlock(&f->lock);
}

void figures_probing(struct figures *f, size_t place, int64_t since_us)
{
    pthread_mutex_lock(&f->lock);
    if (place < f->count)
        f->units[place].probing_us = since_us;
    pthread_mutex_unlock(&f->lock);
}

/* --- what is isolated --- */

static size_t find_isolated_locked(const struct figures *f, unsigned unit, uint32_t sensor)
{
    size_t i = 0;

    while (i < f->isolated_count &&
           (f->isolated[i].unit != unit || f->isolated[i].sensor != sensor))
        i++;
    return i;
}

static void count_isolated_locked(struct figures *f, unsigned unit, bool more)
{
    size_t place = find_locked(f, unit);

    if (place < f->count)
        f->units[place].isolated += more ? 1 : UINT64_MAX;
}

static void add_isolated_locked(struct figures *f, const struct isolated_place *i)
{
    struct isolated_place *more = realloc(f->isolated, (f->isolated_count + 1) * sizeof(*more));

    if (!more) /* it is in the log all the same */
        return;
    f->isolated = more;
    more[f->isolated_count++] = *i;
    count_isolated_locked(f, i->unit, true);
}

void figures_isolate(struct figures *f, const struct isolated_place *i)
{
    pthread_mutex_lock(&f->lock);
    size_t at = find_isolated_locked(f, i->unit, i->sensor);
    if (at == f->isolated_count) {
        add_isolated_locked(f, i);
    } else {
        int64_t since_us = f->isolated[at].since_us;
        f->isolated[at] = *i;
        f->isolated[at].since_us = since_us;
    }
    pthread_mutex_unlock(&f->lock);
}

bool figures_rejoin(struct figures *f, unsigned unit, uint32_t sensor)
{
    pthread_mutex_lock(&f->lock);
    size_t at = find_isolated_locked(f, unit, sensor);
    bool found = at < f->isolated_count;
    if (found) {
        f->isolated_count--;
        memmove(f->isolated + at, f->isolated + at + 1,
                (f->isolated_count - at) * sizeof(*f->isolated));
        count_isolated_locked(f, unit, false);
    }
    pthread_mutex_unlock(&f->lock);
    return found;
}

void figures_begin(struct figures *f)
{
    pthread_mutex_lock(&f->lock);
    f->isolated_count = 0;
    for (size_t i = 0; i < f->count; i++) {
        f->units[i].isolated = 0;
        f->units[i].probing_us = 0;
    }
    pthread_mutex_unlock(&f->lock);
}

/* --- looking --- */

/* How many of `count` rows are copied from `first` on. */
static size_t part(size_t count, size_t first, size_t max)
{
    size_t n = first < count ? count - first : 0;

    return n < max ? n : max;
}

size_t figures_copy(struct figures *f, size_t first, struct unit_figures *out, size_t max)
{
    pthread_mutex_lock(&f->lock);
    size_t n = part(f->count, first, max);
    if (n > 0)
        memcpy(out, f->units + first, n * sizeof(*out));
    pthread_mutex_unlock(&f->lock);
    return n;
}

size_t figures_copy_isolated(struct figures *f, size_t first, struct isolated_place *out,
                             size_t max)
{
    pthread_mutex_lock(&f->lock);
    size_t n = part(f->isolated_count, first, max);
    if (n > 0)
        memcpy(out, f->isolated + first, n * sizeof(*out));
    pthread_mutex_unlock(&f->lock);
    return n;
}
