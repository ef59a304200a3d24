/* SPDX-License-Identifier: Apache-2.0 */
#include "config/value.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct unit {
    const char *name;
    int64_t factor;
};

/* Largest first, so that a limit is shown in the largest unit that divides it. */
static const struct unit spans[] = {
    {"y", INT64_C(31536000000000)}, /* 365 days */
    {"d", INT64_C(86400000000)},
    {"h", INT64_C(3600000000)},
    {"m", INT64_C(60000000)},
    {"s", INT64_C(1000000)},
    {"ms", INT64_C(1000)},
    {"us", INT64_C(1)},
    {NULL, 0},
};

static const struct unit sizes[] = {
    {"TB", INT64_C(1000000000000)}, {"GiB", INT64_C(1) << 30}, {"GB", INT64_C(1000000000)},
    {"MiB", INT64_C(1) << 20},      {"MB", INT64_C(1000000)},  {"KiB", INT64_C(1) << 10},
    {"kB", INT64_C(1000)},          {"", INT64_C(1)},          {NULL, 0},
};

/* Digits and a unit at *text, which is moved behind them. */
static bool take_part(const char **text, const struct unit *units, int64_t *out)
{
    char *end;

    if (!isdigit((unsigned char)**text))
        return false;
    errno = 0;
    long long number = strtoll(*text, &end, 10);
    if (errno)
        return false;
    size_t length = 0;
    while (isalpha((unsigned char)end[length]))
        length++;
    for (; units->name; units++) {
        if (strlen(units->name) != length || strncmp(units->name, end, length) != 0)
            continue;
        *text = end + length;
        return !__builtin_mul_overflow((int64_t)number, units->factor, out);
    }
    return false;
}

bool option_parse_timespan(const char *text, int64_t *us)
{
    int64_t sum = 0;

    do {
        int64_t part;
        if (!take_part(&text, spans, &part) || __builtin_add_overflow(sum, part, &sum))
            return false;
    } while (*text);
    *us = sum;
    return true;
}

bool value_size(const char *text, int64_t *bytes)
{
    int64_t value;

    if (!take_part(&text, sizes, &value) || *text)
        return false;
    *bytes = value;
    return true;
}

bool value_integer(const char *text, struct number *out)
{
    const char *digits = text + (*text == '-' || *text == '+');
    bool hex = digits[0] == '0' && (digits[1] == 'x' || digits[1] == 'X');
    bool negative = *text == '-';
    char *end;

    if (hex)
        digits += 2;
    if (hex ? !isxdigit((unsigned char)*digits) : !isdigit((unsigned char)*digits))
        return false;
    errno = 0;
    unsigned long long size = strtoull(digits, &end, hex ? 16 : 10);
    if (errno || *end || (negative && size > (unsigned long long)INT64_MAX + 1) ||
        (!negative && !hex && size > INT64_MAX))
        return false;
    uint64_t bits = negative ? 0 - (uint64_t)size : (uint64_t)size;
    *out = (struct number){.real = negative ? -(double)size : (double)size,
                           .integer = (int64_t)bits,
                           .is_integer = true,
                           .is_hex = hex};
    return true;
}

bool value_real(const char *text, double *out)
{
    char *end;

    if (strspn(text, "+-.0123456789eE") != strlen(text) || *text == '\0')
        return false;
    double value = strtod(text, &end);
    if (*end || end == text || !isfinite(value))
        return false;
    *out = value;
    return true;
}

bool value_number(const char *text, struct number *out)
{
    if (value_integer(text, out))
        return true;
    double real;
    if (!value_real(text, &real))
        return false;
    *out = (struct number){.real = real};
    return true;
}

static void in_unit(const struct unit *units, double limit, char *buf)
{
    for (; units->name; units++) {
        double n = limit / (double)units->factor;
        if (n >= 1 && n == floor(n)) {
            snprintf(buf, VALUE_TEXT_SIZE, "%.0f%s", n, units->name);
            return;
        }
    }
    snprintf(buf, VALUE_TEXT_SIZE, "%.0f", limit);
}

const char *value_limit(enum option_type type, double limit, char buf[static VALUE_TEXT_SIZE])
{
    if (type == OPTION_TIMESPAN && limit > 0)
        in_unit(spans, limit, buf);
    else if (type == OPTION_SIZE && limit > 0)
        in_unit(sizes, limit, buf);
    else if (type == OPTION_TIMESPAN)
        snprintf(buf, VALUE_TEXT_SIZE, "0s");
    else
        snprintf(buf, VALUE_TEXT_SIZE, "%.15g", limit);
    return buf;
}
