/* SPDX-License-Identifier: Apache-2.0 */
/* "Did you mean": the nearest of some known words. Pure. */
#ifndef SENSORGW_CONFIG_SUGGEST_H
#define SENSORGW_CONFIG_SUGGEST_H

#include <stddef.h>

struct suggest {
    const char *word;
    const char *best; /* the nearest so far that is near enough; NULL: none */
    size_t distance;
};

void suggest_init(struct suggest *s, const char *word);
void suggest_offer(struct suggest *s, const char *known); /* borrowed */

#endif
