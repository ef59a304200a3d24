/* SPDX-License-Identifier: Apache-2.0 */
/* The unit that flows down the pipeline: a plain 24-byte value, copied by assignment, owning
 * nothing. */
#ifndef SENSORGW_CORE_READING_H
#define SENSORGW_CORE_READING_H

#include <stdint.h>

/* Stored as a number in the database's `reading.quality`, so the order is part of the file format:
 * append only. */
#define GW_QUALITIES(X)                                                                            \
    X(QUALITY_GOOD, "good")           /* carries a number */                                       \
    X(QUALITY_TIMEOUT, "timeout")     /* no answer in time, or no connection */                    \
    X(QUALITY_EXCEPTION, "exception") /* the device answered with an error of its own */           \
    X(QUALITY_CRC, "crc")             /* the answer was damaged */                                 \
    X(QUALITY_INVALID, "invalid")     /* the device's own "no value" mark, or not a number */      \
    X(QUALITY_OUT_OF_RANGE, "out_of_range") /* outside the configured min and max */               \
    X(QUALITY_STALE, "stale")               /* older than it may be */                             \
    X(QUALITY_OVERFLOW, "overflow")         /* too large for the type */

enum quality {
#define X(code, text) code,
    GW_QUALITIES(X)
#undef X
        QUALITY_COUNT
};

enum reading_flag {
    READING_INTEGER =
        1 << 0, /* `integer` holds the value: a whole number that a double cannot hold exactly */
    READING_RETAINED = 1 << 1, /* a retained MQTT message: an old value, which triggers no rule */
    READING_OWN_TIME = 1 << 2, /* time_us came with the value, and is not of this machine's clock */
};

struct reading {
    int64_t time_us; /* when it was measured: UTC, µs since the epoch */
    union {
        double value;    /* in the sensor's unit; NAN unless QUALITY_GOOD */
        int64_t integer; /* with READING_INTEGER */
    };
    uint32_t sensor; /* index into the sensor table */
    uint16_t source; /* index of the source whose books it is in; source_emit() sets it */
    uint8_t quality; /* enum quality */
    uint8_t flags;   /* enum reading_flag */
};

/* "good", "timeout", …; "unknown" for a number outside the list. Static. */
const char *quality_name(unsigned quality);

/* The value as a double whatever the flags; NAN unless good. */
double reading_number(const struct reading *r);

#endif
