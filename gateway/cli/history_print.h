/* SPDX-License-Identifier: Apache-2.0 */
/* How `history` writes its rows: a table, CSV, or JSON. */
#ifndef SENSORGW_GATEWAY_CLI_HISTORY_PRINT_H
#define SENSORGW_GATEWAY_CLI_HISTORY_PRINT_H

#include "gateway/cli/cli.h"
#include "gateway/cli/csv.h"
#include "storage/query.h"

enum history_format { HISTORY_TABLE, HISTORY_CSV, HISTORY_JSON };

#define HISTORY_MAX_COLUMNS 5

struct history_print {
    /* set by the caller */
    enum history_format format;
    bool is_raw;                         /* single readings: value and quality */
    size_t columns[HISTORY_MAX_COLUMNS]; /* buckets: as history_print_columns() has it */
    size_t column_count;
    bool named;       /* more than one sensor: a column says which */
    int sensor_width; /* of that column */
    const char *sensor;

    struct cli_json json;
    struct csv csv;
    bool begun;
};

/* "avg,max" to columns, in that order. Returns the word that is none, owned; NULL: all are. */
char *history_print_columns(struct history_print *p, const char *list);

/* The title, unless it has been written. */
void history_print_begin(struct history_print *p);
void history_print_row(struct history_print *p, const struct history_row *row);
void history_print_end(struct history_print *p);

#endif
