/* SPDX-License-Identifier: Apache-2.0 */
/* The plant: the configuration in force, and the sources that run for it. A reload puts another
 * plant in its place, so whoever looks at one holds it meanwhile, and not for longer than one
 * answer takes: the reload waits for that. */
#ifndef SENSORGW_GATEWAY_PLANT_H
#define SENSORGW_GATEWAY_PLANT_H

#include "config/config.h"
#include "drivers/source.h"
#include "gateway/core/err.h"

#include <stddef.h>

struct plant {
    const struct config *config;
    struct source **sources; /* in the order of config->sources; owned, what they point to is not.
                                A source's own config may be of an earlier configuration, which
                                says the same of it */
    const struct config **origins; /* those configurations */
    size_t holders;                /* guarded by the lock of struct plants */
};

/* The place where the present plant is found. */
struct plants;

/* Takes the plant. Returns owned; NULL without memory. */
struct plants *plants_create(struct plant *first);
void plants_destroy(struct plants *p); /* with its plant; nobody holds it; NULL is ok */

/* The present plant, held until plants_release(). Any thread, both. */
struct plant *plants_hold(struct plants *p);
void plants_release(struct plants *p, struct plant *plant);

/* Puts `next`, which it takes, in the place of the present one, waits until nobody holds that any
 * more, and returns it, owned. One thread at a time. */
struct plant *plants_replace(struct plants *p, struct plant *next);

/* A plant with room for the configuration's sources, all NULL. Becomes an owner of the
 * configuration. NULL without memory. */
struct plant *plant_create(const struct config *config);
void plant_destroy(struct plant *plant); /* NULL is ok */

/* The i-th source; origin is the configuration that its own one is a part of, which the plant
 * becomes an owner of. */
void plant_set(struct plant *plant, size_t i, struct source *s, const struct config *origin);

/* The name of the source with that index (of a sensor's entry, of the books); "" when it is gone.
 */
const char *plant_source_name(const struct config *config, uint32_t index);

/* The source of that name, or NULL. */
struct source *plant_find(const struct plant *plant, const char *name);

#endif
