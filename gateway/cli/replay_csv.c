/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/cli.h"
#include "gateway/cli/replay.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS_MAX 64

enum column { TIME, TIME_US, SENSOR, VALUE, UNIT, QUALITY, COLUMN_COUNT };
static const char *const titles[] = {"time", "time_us", "sensor", "value", "unit", "quality"};

struct csv {
    const char *path, *sensor;
    size_t number;           /* of the line */
    int place[COLUMN_COUNT]; /* −1: not there */
};

static bool complain(const struct csv *c, const char *what, const char *text)
{
    fprintf(stderr, "%s:%zu: %s%s%s%s\n", c->path, c->number, what, text ? " '" : "",
            text ? text : "", text ? "'" : "");
    return false;
}

/* Cuts a line at its commas in place; quoted cells lose their quotes. */
static size_t cut(char *line, char *cells[COLUMNS_MAX])
{
    size_t n = 0;
    char *p = line;

    while (p && n < COLUMNS_MAX) {
        char *to = p;
        cells[n++] = p;
        if (*p == '"') {
            for (p++; *p && (*p != '"' || p[1] == '"'); p++) {
                p += *p == '"';
                *to++ = *p;
            }
            p += *p == '"';
        } else {
            to = p += strcspn(p, ",");
        }
        bool more = *p == ',';
        *to = '\0';
        p = more ? p + 1 : NULL;
    }
    return n;
}

static bool read_titles(struct csv *c, char *line)
{
    char *cells[COLUMNS_MAX];
    bool is_foreign = !strchr(line, ',') && strpbrk(line, ";\t");
    size_t n = cut(line, cells);

    if (is_foreign)
        return complain(c, "the cells are not separated by commas: write time,sensor,value", NULL);
    for (int k = 0; k < COLUMN_COUNT; k++) {
        c->place[k] = -1;
        for (size_t i = 0; i < n; i++) {
            if (strcmp(cells[i], titles[k]) == 0)
                c->place[k] = (int)i;
        }
    }
    if (c->place[TIME] < 0 && c->place[TIME_US] < 0)
        return complain(c, "the title line names no column time", NULL);
    if (c->place[VALUE] < 0)
        return complain(c, "the title line names no column value", NULL);
    if (c->place[SENSOR] < 0 && !c->sensor)
        return complain(c, "there is no column sensor: say of which one it is with --sensor", NULL);
    return true;
}

static const char *cell_of(const struct csv *c, char *const *cells, size_t n, enum column k)
{
    return c->place[k] >= 0 && (size_t)c->place[k] < n ? cells[c->place[k]] : NULL;
}

static bool read_time(const struct csv *c, char *const *cells, size_t n, int64_t *out)
{
    const char *us = cell_of(c, cells, n, TIME_US), *text = cell_of(c, cells, n, TIME);
    char *end;

    if (us) {
        errno = 0;
        *out = strtoll(us, &end, 10);
        return (errno == 0 && end != us && !*end) || complain(c, "no time:", us);
    }
    /* Neither "now" nor "2h" is a time here. */
    return (text && strchr(text, '-') && cli_parse_time(text, 0, out)) ||
           complain(c, "no time:", text ? text : "");
}

static bool read_quality(const struct csv *c, const char *text, uint8_t *out)
{
    for (unsigned q = 0; q < QUALITY_COUNT; q++) {
        if (strcmp(text, quality_name(q)) == 0) {
            *out = (uint8_t)q;
            return true;
        }
    }
    return complain(c, "no quality:", text);
}

static bool read_value(const struct csv *c, char *const *cells, size_t n, struct reading *r)
{
    const char *value = cell_of(c, cells, n, VALUE), *quality = cell_of(c, cells, n, QUALITY);
    char *end;

    r->quality = QUALITY_GOOD;
    if (quality && !read_quality(c, quality, &r->quality))
        return false;
    r->value = (double)NAN;
    if (!value || !*value) {
        if (r->quality == QUALITY_GOOD)
            r->quality = QUALITY_INVALID;
        return true;
    }
    double number = strtod(value, &end);
    if (*end || !isfinite(number))
        return complain(c, "no number:", value);
    if (r->quality == QUALITY_GOOD)
        r->value = number;
    return true;
}

/* A line that was cut off: what is missing at its end is not the same as empty. */
static bool is_whole(const struct csv *c, size_t n)
{
    for (int k = 0; k < COLUMN_COUNT; k++) {
        if (c->place[k] >= 0 && (size_t)c->place[k] >= n)
            return complain(c, "the line is too short: it does not reach the column", titles[k]);
    }
    return true;
}

static bool read_line(const struct csv *c, char *line, struct replay_line *out)
{
    char *cells[COLUMNS_MAX];
    size_t n = cut(line, cells);

    if (!is_whole(c, n))
        return false;
    const char *sensor = cell_of(c, cells, n, SENSOR), *unit = cell_of(c, cells, n, UNIT);

    *out = (struct replay_line){.sensor = sensor ? sensor : c->sensor, .unit = unit ? unit : ""};
    const char *problem = sensor_name_problem(out->sensor);
    if (problem)
        return complain(c, problem, out->sensor);
    return read_time(c, cells, n, &out->reading.time_us) && read_value(c, cells, n, &out->reading);
}

bool replay_read_csv(FILE *f, const char *path, const char *sensor,
                     bool (*each)(void *arg, const struct replay_line *line), void *arg)
{
    struct csv c = {.path = path, .sensor = sensor};
    struct replay_line out;
    char *line = NULL;
    size_t size = 0;
    bool fine = true;

    while (fine && getline(&line, &size, f) >= 0) {
        c.number++;
        line[strcspn(line, "\r\n")] = '\0';
        if (c.number == 1)
            fine = read_titles(&c, line);
        else if (*line)
            fine = read_line(&c, line, &out) && each(arg, &out);
    }
    if (c.number == 0)
        fine = complain(&c, "the file is empty", NULL);
    if (fine && ferror(f))
        fine = complain(&c, strerror(errno), NULL);
    free(line);
    return fine;
}
