/* SPDX-License-Identifier: Apache-2.0 */
/* Option tables at work: a map's values into the fields of structs, with all the complaints. */
#ifndef SENSORGW_CONFIG_FILL_H
#define SENSORGW_CONFIG_FILL_H

#include "config/arena.h"
#include "config/option.h"
#include "config/report.h"
#include "config/yaml.h"

#include <stdbool.h>
#include <stddef.h>

struct fill {
    struct config_reporter *reporter;
    struct arena *arena;
    const char *folder; /* of the configuration file: where relative file names start */
};

/* One table and the struct that it fills; table may be NULL. */
struct fill_part {
    const struct option *table;
    void *base;
};

/* Fills the structs from the map, which may hold the keys of all parts and the `others`
 * (NULL-terminated, may be NULL), which are left to the caller. Reports unknown and repeated keys,
 * missing required ones, values that do not fit, groups. map NULL: fallbacks only, nothing asked
 * for. False: something was reported. */
bool fill_map(struct fill *f, const struct yaml_node *map, const struct fill_part *parts,
              size_t count, const char *const *others);

/* Only the keys: reports unknown and repeated ones. */
void fill_check_keys(struct fill *f, const struct yaml_node *map, const struct fill_part *parts,
                     size_t count, const char *const *others);

/* The text of a scalar that must be there and not empty, or NULL (reported). Strings have ${NAME}
 * replaced by the environment's value; $${ stands for ${. */
const char *fill_text(struct fill *f, const struct yaml_node *map, const char *key);

/* The list of maps at a key: NULL (reported, unless it is absent and not required) when it is none.
 */
const struct yaml_node *fill_list(struct fill *f, const struct yaml_node *map, const char *key,
                                  const char *what, bool required);

#endif
