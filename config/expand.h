/* SPDX-License-Identifier: Apache-2.0 */
/* A device of the file → the maps to read: with the keys of its template, and one for each unit of
 * a list. Such maps are made of nodes that stand in files, so complaints find their place. */
#ifndef SENSORGW_CONFIG_EXPAND_H
#define SENSORGW_CONFIG_EXPAND_H

#include "config/sections.h"

struct expansion {
    const struct yaml_node **maps; /* one for each device */
    size_t count;
    const struct yaml_node **sensors; /* the same for each device: the template's, then its own */
    size_t sensor_count;
    const char *template; /* its name; NULL: none */
    bool is_list;         /* of units */
};

/* `node` is a map. What is wrong is reported, and left out. */
void expand_device(struct loader *l, const struct yaml_node *node,
                   const struct driver_schema *schema, struct expansion *out);

/* The sensors of a map that has no template. */
void expand_sensors(struct loader *l, const struct yaml_node *node, struct expansion *out);

/* The row of the device's options that may be a list; NULL: none. */
const struct option *expand_row(const struct driver_schema *schema);

#endif
