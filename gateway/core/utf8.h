/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SENSORGW_CORE_UTF8_H
#define SENSORGW_CORE_UTF8_H

#include <stddef.h>

/* Bytes of the well-formed UTF-8 character at text (RFC 3629: no surrogates, no overlong forms), 0
 * when there is none. */
size_t utf8_length(const char *text, size_t available);

/* Where it stops being UTF-8; `length` when it never does. */
size_t utf8_prefix(const char *text, size_t length);

/* As many whole characters as fit into `size` bytes with the NUL, up to what is no UTF-8. */
void utf8_copy(char *to, size_t size, const char *text);

#endif
