/* SPDX-License-Identifier: Apache-2.0 */
#include "gateway/cli/csv.h"

#include "gateway/cli/cli.h"

#include <math.h>
#include <string.h>

static void begin_cell(struct csv *c)
{
    if (c->begun)
        fputc(',', c->file);
    c->begun = true;
}

void csv_plain(struct csv *c, const char *text)
{
    begin_cell(c);
    fputs(text, c->file);
}

void csv_text(struct csv *c, const char *text)
{
    bool formula = text[0] != '\0' && strchr("=+-@\t\r", text[0]) != NULL;
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;

    begin_cell(c);
    if (quoted)
        fputc('"', c->file);
    if (formula)
        fputc('\'', c->file);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', c->file);
        fputc(*text, c->file);
    }
    if (quoted)
        fputc('"', c->file);
}

void csv_number(struct csv *c, double value)
{
    char text[CLI_NUMBER_SIZE] = "";

    csv_plain(c, isnan(value) ? text : cli_number(value, text));
}

void csv_integer(struct csv *c, long long value)
{
    begin_cell(c);
    fprintf(c->file, "%lld", value);
}

void csv_end(struct csv *c)
{
    fputs("\r\n", c->file);
    c->begun = false;
}
