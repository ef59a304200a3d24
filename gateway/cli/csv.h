/* SPDX-License-Identifier: Apache-2.0 */
/* Comma-separated values as RFC 4180 has them: lines end with CR LF, and a cell is quoted when it
 * must be. A text that a spreadsheet would take for a formula (it begins with = + - @, a tab or a
 * return) gets an apostrophe in front, which is how spreadsheets write that it is none. */
#ifndef SENSORGW_GATEWAY_CLI_CSV_H
#define SENSORGW_GATEWAY_CLI_CSV_H

#include <stdbool.h>
#include <stdio.h>

struct csv {
    FILE *file;
    bool begun; /* a line */
};

/* For words from elsewhere: names, units. */
void csv_text(struct csv *c, const char *text);
/* For what the program itself writes: numbers, times, titles. */
void csv_plain(struct csv *c, const char *text);
/* An empty cell for NAN. */
void csv_number(struct csv *c, double value);
void csv_integer(struct csv *c, long long value);
void csv_end(struct csv *c);

#endif
