/* SPDX-License-Identifier: Apache-2.0 */
/* YAML text → a tree of nodes that remember where they stood. Knows no option. */
#ifndef SENSORGW_CONFIG_YAML_H
#define SENSORGW_CONFIG_YAML_H

#include "gateway/core/err.h"

#include <stddef.h>

enum yaml_kind { YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
    enum yaml_kind kind;
    int line, column; /* 1-based, of the first character */
    const char *text; /* scalar: the text, UTF-8; NULL otherwise */
    int quoted; /* scalar: was in quotes (or a block), so it is a string whatever it looks like */
    struct yaml_node **items; /* list: the items; map: the values */
    struct yaml_node **keys;  /* map: scalar nodes, in file order, duplicates included */
    size_t count;
    /* A map that was made of two, a device and its template: where its keys stand in files, first
     * looked for in `over`. NULL for what stands in a file itself; `under` may be NULL. */
    const struct yaml_node *over, *under;
};

struct yaml_document {
    struct yaml_node *root; /* NULL for an empty document */
    void *memory;           /* all nodes and texts */
};

struct yaml_error {
    int line, column;
    char text[240];
};

/* Parses one document. Nodes live until yaml_release(). GW_ECONFIG: not YAML, deeper than 32
 * levels, more than 100,000 nodes or a second document; *error says where and why. Aliases are
 * followed (a node may appear twice). */
enum gw_err yaml_parse(const char *text, size_t length, struct yaml_document *out,
                       struct yaml_error *error);
/* Not yaml_free(): libyaml exports that name. */
void yaml_release(struct yaml_document *doc);

/* The value of the map's first key of that name, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

#endif
