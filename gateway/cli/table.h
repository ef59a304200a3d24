/* SPDX-License-Identifier: Apache-2.0 */
/* A table for a terminal: columns as wide as their widest cell. */
#ifndef SENSORGW_GATEWAY_CLI_TABLE_H
#define SENSORGW_GATEWAY_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

struct table;

/* `titles` ends with NULL; a title that begins with '>' makes a right-aligned column. Copies them.
 * NULL without memory. */
struct table *table_create(const char *const *titles);
/* As many cells as there are titles; copies them. */
void table_add(struct table *t, const char *const *cells);
size_t table_rows(const struct table *t);
/* On a terminal that is too narrow the widest texts are cut, and end with "…". */
void table_print(struct table *t, FILE *f);
void table_destroy(struct table *t);

/* Columns that a UTF-8 text takes on a terminal: not its bytes ("°C" is two). */
int table_text_width(const char *text);
/* Columns of the terminal behind f; 0: it is none, or does not tell. */
int table_terminal_width(FILE *f);

#endif
