/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SENSORGW_CORE_UTF8_H
#define SENSORGW_CORE_UTF8_H

#include <stddef.h>

/* Bytes of the well-formed UTF-8 character at text (RFC 3629: no surrogates, no overlong forms), 0
 * when there is none. */
size_t utf8_length(const char *text, size_t available);

#endif
