/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/file/parse.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SPACE " \t\r\n"
#define POWER_ON 85.0 /* DS18B20 data sheet: the scratchpad after power-up */
#define DISCONNECTED (-127.0)

/* A whole word that is a finite decimal number. */
static bool number(const char *word, size_t length, double *out)
{
    char text[64], *end;

    if (length == 0 || length >= sizeof(text))
        return false;
    memcpy(text, word, length);
    text[length] = '\0';
    if (strspn(text, "+-.0123456789eE") != length)
        return false;
    double value = strtod(text, &end);
    if (*end || !isfinite(value))
        return false;
    *out = value;
    return true;
}

static bool looks_like_w1(const char *text)
{
    size_t line = strcspn(text, "\n");
    const char *crc = strstr(text, "crc=");

    return crc && crc < text + line;
}

static enum quality parse_w1(const char *text, double *raw)
{
    size_t line = strcspn(text, "\n");
    const char *value = strstr(text, "t=");
    double milli;

    while (line > 0 && strchr(SPACE, text[line - 1]))
        line--;
    if (!looks_like_w1(text))
        return QUALITY_INVALID;
    if (line < 3 || strncmp(text + line - 3, "YES", 3) != 0)
        return QUALITY_CRC;
    if (!value || !number(value + 2, strcspn(value + 2, SPACE), &milli))
        return QUALITY_INVALID;
    double celsius = milli / 1000;
    if (celsius == POWER_ON || celsius == DISCONNECTED)
        return QUALITY_INVALID;
    *raw = celsius;
    return QUALITY_GOOD;
}

static enum quality parse_match(const char *text, const regex_t *regex, double *raw)
{
    regmatch_t groups[2];

    if (regexec(regex, text, 2, groups, 0) != 0 || groups[1].rm_so < 0)
        return QUALITY_INVALID;
    size_t length = (size_t)(groups[1].rm_eo - groups[1].rm_so);
    return number(text + groups[1].rm_so, length, raw) ? QUALITY_GOOD : QUALITY_INVALID;
}

enum quality file_parse(const char *text, enum file_format format, const regex_t *regex,
                        double *raw)
{
    if (regex)
        return parse_match(text, regex, raw);
    if (format == FILE_W1 || (format == FILE_AUTO && looks_like_w1(text)))
        return parse_w1(text, raw);
    text += strspn(text, SPACE);
    return number(text, strcspn(text, SPACE), raw) ? QUALITY_GOOD : QUALITY_INVALID;
}

const char *file_problem(enum quality quality)
{
    return quality == QUALITY_CRC ? "the sensor's checksum is wrong" : "holds no usable number";
}
