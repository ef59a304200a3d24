/* SPDX-License-Identifier: Apache-2.0 */
/* Between fill.c (maps) and option.c (one row). */
#ifndef SENSORGW_CONFIG_FILL_VALUE_H
#define SENSORGW_CONFIG_FILL_VALUE_H

#include "config/fill.h"

/* A value's place: the map that it stands in, and its key. */
struct fill_place {
    const struct yaml_node *map;
    const char *key;
};

/* Puts the node's value into the row's field. False: reported. */
bool fill_value(struct fill *f, const struct fill_place *p, const struct option *o,
                const struct yaml_node *n, void *field);
/* What the field holds when the key is left out. */
void fill_fallback(struct fill *f, const struct option *o, void *field);

/* Text with ${NAME} replaced; NULL: reported. */
char *fill_expand(struct fill *f, const struct fill_place *p, const char *text);

/* `key:` with nothing behind it, ~ or null. */
bool fill_is_empty(const struct yaml_node *n);

#endif
