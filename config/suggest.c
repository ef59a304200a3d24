/* SPDX-License-Identifier: Apache-2.0 */
#include "config/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#define LONGEST 40

static size_t min3(size_t a, size_t b, size_t c)
{
    size_t ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Insertions, deletions, changes and swaps of neighbours, case aside (optimal string alignment). */
static size_t edit_distance(const char *a, const char *b)
{
    size_t n = strlen(a), m = strlen(b);
    size_t rows[3][LONGEST + 1];

    if (n > LONGEST || m > LONGEST)
        return LONGEST;
    for (size_t j = 0; j <= m; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t *row = rows[i % 3], *last = rows[(i - 1) % 3], *before = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            int x = tolower((unsigned char)a[i - 1]), y = tolower((unsigned char)b[j - 1]);
            row[j] = min3(row[j - 1] + 1, last[j] + 1, last[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == tolower((unsigned char)b[j - 2]) &&
                y == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < row[j])
                row[j] = before[j - 2] + 1;
        }
    }
    return rows[n % 3][m];
}

void suggest_init(struct suggest *s, const char *word)
{
    *s = (struct suggest){.word = word, .distance = strlen(word) / 3 + 2};
}

void suggest_offer(struct suggest *s, const char *known)
{
    size_t length = strlen(s->word);
    bool begins = length >= 3 && strncasecmp(s->word, known, length) == 0;
    size_t distance = begins ? known[length] != '\0' : edit_distance(s->word, known);

    if (distance < s->distance && distance < strlen(known)) {
        s->best = known;
        s->distance = distance;
    }
}
