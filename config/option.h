/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration as tables: one row per key is its parser, default, check, reference page and JSON
 * Schema. Drivers bring tables for their own keys, so this folder knows none of them. */
#ifndef SENSORGW_CONFIG_OPTION_H
#define SENSORGW_CONFIG_OPTION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number as it was written: a Modbus `invalid: 0x8000` means the bits, `invalid: -1` the value.
 */
struct number {
    double real;
    int64_t integer; /* two's complement of what was written, when is_integer */
    bool is_integer;
    bool is_hex; /* written as 0x… */
};

struct number_list {
    struct number *items;
    size_t count;
};

enum option_type {
    OPTION_STRING,      /* char *, owned by the configuration; ${ENV} replaced */
    OPTION_SECRET_FILE, /* char *, the content of the file that the value names, without its last
                           newline */
    OPTION_INTEGER,     /* int64_t; decimal or 0x… */
    OPTION_REAL,        /* double */
    OPTION_BOOL,        /* bool; true or false */
    OPTION_TIMESPAN,    /* int64_t, µs; "500us 300ms 2s 10m 1h 30d 1y", also added up: "1h30m" */
    OPTION_SIZE, /* int64_t, bytes; "4096 64kB 2MB 2GB": decimal multiples, KiB MiB GiB: binary */
    OPTION_ENUM, /* int, index into choices */
    OPTION_NUMBER_LIST, /* struct number_list; one number or a list */
    OPTION_TABLE,       /* a nested struct at offset, filled by `table` */
};

/* Fallback of a key that may be left out and has no default: the field then holds NULL, NAN,
 * OPTION_UNSET, false, or an empty list; of a table: all its keys' own fallbacks, required ones not
 * asked for. */
#define OPTION_OPTIONAL ""
#define OPTION_UNSET INT64_MIN
/* As a max: no upper limit. */
#define OPTION_NO_MAX 1e300

struct option {
    const char *key;       /* NULL ends the table */
    enum option_type type; /* of the field at offset */
    size_t offset;         /* offsetof the field in the struct that the table fills */
    const char *fallback;  /* default in file syntax; OPTION_OPTIONAL; NULL: required */
    double min, max; /* of numbers, spans (µs) and sizes (bytes); no limits when both are 0 */
    const char *const *choices; /* OPTION_ENUM: NULL-terminated */
    const struct option *table; /* OPTION_TABLE */
    const char *help;           /* one sentence, with the unit */
    const char
        *each;         /* OPTION_INTEGER of a device: may be a list such as [1, 2, 5-9], which makes
                        * a  device of each; "{<each>}" in the name stands for the number. NULL: no */
    const char *group; /* "exactly one of the keys of this group"; NULL for most. A leading '?'
                        * makes it "at most one" */
};

/* "500us 300ms 2s 10m 1h 30d 1y", also added up ("1h30m"), to µs. False: not a timespan, *us
 * untouched. The command line uses it too. */
bool option_parse_timespan(const char *text, int64_t *us);

#endif
