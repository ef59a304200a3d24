/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/core/sensor.h"
#include "storage/query_internal.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

static unsigned least(unsigned a, unsigned b, unsigned c)
{
    unsigned ab = a < b ? a : b;

    return ab < c ? ab : c;
}

/* Edits (insert, remove, replace one byte) between two names, whatever their case. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[SENSOR_NAME_MAX + 2];
    size_t n = strnlen(b, SENSOR_NAME_MAX);

    for (size_t j = 0; j <= n; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; a[i - 1]; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= n; j++) {
            unsigned above = row[j];
            bool same = tolower((unsigned char)a[i - 1]) == tolower((unsigned char)b[j - 1]);
            row[j] = least(above + 1, row[j - 1] + 1, diagonal + !same);
            diagonal = above;
        }
    }
    return row[n];
}

/* How far a name is from what was asked for: the last level alone ("flow_temp") will do. */
static unsigned unlikeness(const char *asked, const char *name)
{
    const char *last = strrchr(name, '/');
    unsigned whole = distance(asked, name);

    if (!last || strchr(asked, '/'))
        return whole;
    unsigned part = distance(asked, last + 1);
    return part < whole ? part : whole;
}

char *query_suggest(struct query *q, const char *sensor)
{
    sqlite3_stmt *st = NULL;
    char *best = NULL;
    unsigned best_distance = (unsigned)strnlen(sensor, SENSOR_NAME_MAX) / 3 + 2;
    bool row = true;
    enum gw_err err = query_refresh(q);

    if (err == GW_OK)
        err = db_prepare(q->db, &st, "SELECT name FROM sensor ORDER BY name");
    while (err == GW_OK && (err = db_step(st, &row)) == GW_OK && row) {
        unsigned d = unlikeness(sensor, db_text(st, 0));
        if (d >= best_distance)
            continue;
        char *copy = strdup(db_text(st, 0));
        if (!copy)
            break;
        free(best);
        best = copy;
        best_distance = d;
    }
    sqlite3_finalize(st);
    return best;
}
