/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of a configuration → numbers, and back for messages. Pure. */
#ifndef SENSORGW_CONFIG_VALUE_H
#define SENSORGW_CONFIG_VALUE_H

#include "config/option.h"

#include <stddef.h>

/* False: the text is not one of these, or too large; *out untouched. */
bool value_integer(const char *text, struct number *out); /* decimal or 0x… */
bool value_real(const char *text, double *out);           /* finite decimal */
bool value_number(const char *text, struct number *out);  /* either */
bool value_size(const char *text, int64_t *bytes);

/* A limit of an option as the file would write it: "300ms", "2GB", "125". */
#define VALUE_TEXT_SIZE 32
const char *value_limit(enum option_type type, double limit, char buf[static VALUE_TEXT_SIZE]);

#endif
