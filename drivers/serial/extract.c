/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/extract.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_MAX 64

bool extract_match(const char *line, const regex_t *regex, struct fields *out)
{
    regmatch_t groups[EXTRACT_FIELDS];

    if (regexec(regex, line, EXTRACT_FIELDS, groups, 0) != 0)
        return false;
    out->count = 0;
    for (size_t i = 0; i < EXTRACT_FIELDS && i <= regex->re_nsub; i++) {
        bool part = groups[i].rm_so >= 0;
        out->items[i].text = part ? line + groups[i].rm_so : NULL;
        out->items[i].length = part ? (size_t)(groups[i].rm_eo - groups[i].rm_so) : 0;
        out->count = i + 1;
    }
    return true;
}

static void add(struct fields *out, const char *text, size_t length)
{
    if (out->count == EXTRACT_FIELDS)
        return;
    out->items[out->count].text = text;
    out->items[out->count++].length = length;
}

void extract_split(const char *line, const char *separator, struct fields *out)
{
    bool blank = separator[strspn(separator, " ")] == '\0';
    size_t step = strlen(separator);

    out->count = 0;
    add(out, line, strlen(line)); /* [0], as with expressions */
    while (blank) {
        line += strspn(line, " \t");
        size_t length = strcspn(line, " \t");
        if (length == 0)
            return;
        add(out, line, length);
        line += length;
    }
    for (;;) {
        const char *end = strstr(line, separator);
        add(out, line, end ? (size_t)(end - line) : strlen(line));
        if (!end)
            return;
        line = end + step;
    }
}

static void skip_space(const char **text, size_t *length)
{
    while (*length > 0 && isspace((unsigned char)**text)) {
        (*text)++;
        (*length)--;
    }
}

static bool number(const char *text, size_t length, double *value)
{
    char copy[NUMBER_MAX] = "", *end;
    bool negative = false;

    skip_space(&text, &length);
    /* Scales write "+  1.235" and "- 0.5". */
    if (length > 0 && (*text == '+' || *text == '-')) {
        negative = *text == '-';
        text++;
        length--;
        skip_space(&text, &length);
    }
    if (length == 0 || *text == '+' || *text == '-')
        return false;
    size_t digits = strspn(text, "+-.0123456789eE");
    if (digits > length)
        digits = length;
    if (digits >= sizeof(copy))
        return false;
    memcpy(copy, text, digits);
    double result = strtod(copy, &end);
    /* "1.2.3" and "12e" are no numbers, "12 kg" and "12kg" are. */
    bool rest_ok = *end == '\0' || (strspn(end, "eE") > 0 && end[1] == '\0' && digits < length);
    if (end == copy || !rest_ok || !isfinite(result))
        return false;
    *value = negative ? -result : result;
    return true;
}

bool extract_field(const struct fields *f, size_t n, double *value)
{
    return n < f->count && f->items[n].text && number(f->items[n].text, f->items[n].length, value);
}

bool extract_key(const struct fields *f, const char *key, double *value)
{
    size_t length = strlen(key);

    for (size_t i = 1; i < f->count; i++) {
        const char *text = f->items[i].text;
        size_t left = f->items[i].length;
        skip_space(&text, &left);
        if (left <= length || strncmp(text, key, length) != 0)
            continue;
        text += length;
        left -= length;
        skip_space(&text, &left);
        if (left > 0 && (*text == '=' || *text == ':'))
            return number(text + 1, left - 1, value);
    }
    return false;
}

bool extract_angle(const struct fields *f, size_t n, double *value)
{
    double raw;

    if (n + 1 >= f->count || !f->items[n + 1].text || f->items[n + 1].length != 1 ||
        !extract_field(f, n, &raw))
        return false;
    char side = f->items[n + 1].text[0];
    bool is_latitude = side == 'N' || side == 'S';
    double degrees = floor(raw / 100), minutes = raw - 100 * degrees;
    double angle = degrees + minutes / 60;
    if (raw < 0 || minutes >= 60 || angle > (is_latitude ? 90 : 180) || !strchr("NSEW", side))
        return false;
    *value = side == 'S' || side == 'W' ? -angle : angle;
    return true;
}
