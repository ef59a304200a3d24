/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/history_print.h"

#include "gateway/cli/table.h"
#include "gateway/core/clock.h"
#include "gateway/core/reading.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define TIME_WIDTH 24
#define VALUE_WIDTH 12

/* To 15 digits: what a sum and a division leave beyond is noise, 62.500000000000021. */
static double average(const struct history_row *row)
{
    char text[CLI_NUMBER_SIZE];

    snprintf(text, sizeof(text), "%.15g", row->value);
    return strtod(text, NULL); /* "nan" is NAN again */
}

static double least(const struct history_row *row)
{
    return row->min;
}

static double greatest(const struct history_row *row)
{
    return row->max;
}

static double last(const struct history_row *row)
{
    return row->last;
}

static double count(const struct history_row *row)
{
    return (double)row->count;
}

static const struct {
    const char *name, *title;
    double (*of)(const struct history_row *row);
} aggregates[] = {
    {"avg", "AVERAGE", average}, {"min", "MIN", least},     {"max", "MAX", greatest},
    {"last", "LAST", last},      {"count", "COUNT", count},
};
#define AGGREGATES (sizeof(aggregates) / sizeof(aggregates[0]))

static size_t find_aggregate(const char *name)
{
    size_t i = 0;

    while (i < AGGREGATES && strcmp(aggregates[i].name, name) != 0)
        i++;
    return i;
}

char *history_print_columns(struct history_print *p, const char *list)
{
    char *copy = strdup(list), *rest = copy, *word;

    p->column_count = 0;
    while (rest && (word = strsep(&rest, ",")) != NULL) {
        size_t i = find_aggregate(word);
        if (i == AGGREGATES || p->column_count == HISTORY_MAX_COLUMNS) {
            char *wrong = strdup(word);
            free(copy);
            return wrong;
        }
        p->columns[p->column_count++] = i;
    }
    free(copy);
    return NULL;
}

static void begin_csv(struct history_print *p)
{
    p->csv.file = stdout;
    csv_plain(&p->csv, "time");
    if (p->named)
        csv_plain(&p->csv, "sensor");
    if (p->is_raw) {
        csv_plain(&p->csv, "value");
        csv_plain(&p->csv, "quality");
    }
    for (size_t i = 0; !p->is_raw && i < p->column_count; i++)
        csv_plain(&p->csv, aggregates[p->columns[i]].name);
    csv_end(&p->csv);
}

static void begin_table(const struct history_print *p)
{
    printf("%-*s", TIME_WIDTH, "TIME (UTC)");
    if (p->named)
        printf("  %-*s", p->sensor_width, "SENSOR");
    if (p->is_raw)
        printf("  %*s  QUALITY", VALUE_WIDTH, "VALUE");
    for (size_t i = 0; !p->is_raw && i < p->column_count; i++)
        printf("  %*s", VALUE_WIDTH, aggregates[p->columns[i]].title);
    putchar('\n');
}

void history_print_begin(struct history_print *p)
{
    if (p->begun)
        return;
    p->begun = true;
    if (p->format == HISTORY_JSON)
        cli_json_begin(&p->json);
    else if (p->format == HISTORY_CSV)
        begin_csv(p);
    else
        begin_table(p);
}

static void csv_row(struct history_print *p, const char *time, const struct history_row *row)
{
    csv_plain(&p->csv, time);
    if (p->named)
        csv_text(&p->csv, p->sensor);
    if (p->is_raw) {
        if (row->is_integer)
            csv_integer(&p->csv, row->integer);
        else
            csv_number(&p->csv, row->value);
        csv_plain(&p->csv, quality_name(row->quality));
    }
    for (size_t i = 0; !p->is_raw && i < p->column_count; i++)
        csv_number(&p->csv, aggregates[p->columns[i]].of(row));
    csv_end(&p->csv);
}

static cJSON *json_row(const struct history_print *p, const char *time,
                       const struct history_row *row)
{
    cJSON *o = cJSON_CreateObject();

    cJSON_AddStringToObject(o, "time", time);
    if (p->named)
        cJSON_AddStringToObject(o, "sensor", p->sensor);
    if (p->is_raw) {
        cli_json_value(o, "value", row->value, row->is_integer, row->integer);
        cJSON_AddStringToObject(o, "quality", quality_name(row->quality));
    }
    for (size_t i = 0; !p->is_raw && i < p->column_count; i++)
        cli_json_number(o, aggregates[p->columns[i]].name, aggregates[p->columns[i]].of(row));
    return o;
}

static void print_cell(double value, bool is_integer, int64_t integer)
{
    char text[CLI_NUMBER_SIZE] = "-";

    if (is_integer)
        snprintf(text, sizeof(text), "%" PRId64, integer);
    else if (!isnan(value))
        cli_rounded(value, text);
    printf("  %*s", VALUE_WIDTH, text);
}

static void table_row(const struct history_print *p, const char *time,
                      const struct history_row *row)
{
    printf("%-*s", TIME_WIDTH, time);
    if (p->named)
        printf("  %s%*s", p->sensor, p->sensor_width - table_text_width(p->sensor), "");
    if (p->is_raw) {
        print_cell(row->value, row->is_integer, row->integer);
        printf("  %s", quality_name(row->quality));
    }
    for (size_t i = 0; !p->is_raw && i < p->column_count; i++)
        print_cell(aggregates[p->columns[i]].of(row), false, 0);
    putchar('\n');
}

void history_print_row(struct history_print *p, const struct history_row *row)
{
    char time[CLOCK_UTC_SIZE];

    history_print_begin(p);
    clock_format_utc(row->time_us, 3, time);
    if (p->format == HISTORY_JSON)
        cli_json_item(&p->json, json_row(p, time, row));
    else if (p->format == HISTORY_CSV)
        csv_row(p, time, row);
    else
        table_row(p, time, row);
}

void history_print_end(struct history_print *p)
{
    history_print_begin(p);
    if (p->format == HISTORY_JSON)
        cli_json_end(&p->json);
}
