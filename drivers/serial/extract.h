/* SPDX-License-Identifier: Apache-2.0 */
/* A line → the numbers in it. Pure. */
#ifndef SENSORGW_DRIVERS_SERIAL_EXTRACT_H
#define SENSORGW_DRIVERS_SERIAL_EXTRACT_H

#include <regex.h>
#include <stdbool.h>
#include <stddef.h>

#define EXTRACT_FIELDS 32

/* The line's parts, [1] … [count − 1]: the groups of the expression, or what stands between
 * separators. Borrowed from the line. */
struct fields {
    struct {
        const char *text; /* NULL: a group that took no part */
        size_t length;
    } items[EXTRACT_FIELDS];
    size_t count;
};

/* False: the line does not match. */
bool extract_match(const char *line, const regex_t *regex, struct fields *out);
/* A separator of spaces only: any run of white space separates. */
void extract_split(const char *line, const char *separator, struct fields *out);

/* The number in field n, or behind "key=" or "key:". White space around it is skipped, a unit
 * behind it is not looked at. False: there is none. */
bool extract_field(const struct fields *f, size_t n, double *value);
bool extract_key(const struct fields *f, const char *key, double *value);
/* An angle as NMEA 0183 writes it, degrees and minutes in field n (4807.038) and the hemisphere, N,
 * S, E or W, in the next one, to degrees; south and west are negative. */
bool extract_angle(const struct fields *f, size_t n, double *value);

#endif
