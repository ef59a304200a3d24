/* SPDX-License-Identifier: Apache-2.0 */
/* Checksums at the end of a frame. Pure. */
#ifndef SENSORGW_DRIVERS_SERIAL_CHECKSUM_H
#define SENSORGW_DRIVERS_SERIAL_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>

/* id, name in the file, bytes that it has */
#define CHECKSUMS(X)                                                                               \
    X(CHECKSUM_NONE, "none", 0)                                                                    \
    X(CHECKSUM_NMEA, "nmea", 0)   /* NMEA 0183: '*' and two digits, of all between '$' and '*' */  \
    X(CHECKSUM_XOR8, "xor8", 1)   /* all bytes, exclusive or */                                    \
    X(CHECKSUM_SUM8, "sum8", 1)   /* all bytes added up, modulo 256 */                             \
    X(CHECKSUM_CRC16, "crc16", 2) /* Modbus over Serial Line V1.02, 6.2.2 */

enum checksum {
#define X(id, name, bytes) id,
    CHECKSUMS(X)
#undef X
        CHECKSUM_COUNT
};

/* Checks the frame's end and takes it off *n. As text the checksum is hexadecimal digits, most
 * significant first; else bytes, a CRC's low byte first. False: it is wrong or not there; *n
 * untouched. */
bool checksum_take(enum checksum kind, bool as_text, const char *bytes, size_t *n);

#endif
