/* SPDX-License-Identifier: Apache-2.0 */
/* Memory that is taken piece by piece and freed as a whole: a configuration and its nodes. */
#ifndef SENSORGW_CONFIG_ARENA_H
#define SENSORGW_CONFIG_ARENA_H

#include <stddef.h>

struct arena;

struct arena *arena_create(void); /* NULL without memory */
void arena_destroy(struct arena *a);

/* Zeroed memory, aligned for any type, that lives as long as the arena. Never NULL: without memory
 * the process ends, as a configuration is read before anything runs that could be lost. */
void *arena_take(struct arena *a, size_t bytes);
char *arena_text(struct arena *a, const char *text, size_t length);

#endif
