/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/serial/checksum.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const size_t sizes[] = {
#define X(id, name, bytes) [id] = (bytes),
    CHECKSUMS(X)
#undef X
};

static unsigned crc16(const char *bytes, size_t n)
{
    unsigned crc = 0xffff;

    for (size_t i = 0; i < n; i++) {
        crc ^= (uint8_t)bytes[i];
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
    }
    return crc;
}

static unsigned compute(enum checksum kind, const char *bytes, size_t n)
{
    unsigned sum = 0, all = 0;

    if (kind == CHECKSUM_CRC16)
        return crc16(bytes, n);
    for (size_t i = 0; i < n; i++) {
        sum += (uint8_t)bytes[i];
        all ^= (uint8_t)bytes[i];
    }
    return kind == CHECKSUM_SUM8 ? sum & 0xff : all;
}

/* False: they are not all hexadecimal digits. At most four. */
static bool digits(const char *text, size_t n, unsigned *value)
{
    char copy[5] = "";

    for (size_t i = 0; i < n; i++) {
        if (!isxdigit((unsigned char)text[i]))
            return false;
        copy[i] = text[i];
    }
    *value = (unsigned)strtoul(copy, NULL, 16);
    return true;
}

/* "$GPGGA,…*47", with or without the sign in front. */
static bool take_nmea(const char *bytes, size_t *n)
{
    size_t skip = *n > 0 && (bytes[0] == '$' || bytes[0] == '!');
    unsigned said;

    if (*n < skip + 3 || bytes[*n - 3] != '*' || !digits(bytes + *n - 2, 2, &said) ||
        said != compute(CHECKSUM_XOR8, bytes + skip, *n - 3 - skip))
        return false;
    *n -= 3;
    return true;
}

bool checksum_take(enum checksum kind, bool as_text, const char *bytes, size_t *n)
{
    size_t size = as_text ? 2 * sizes[kind] : sizes[kind];
    unsigned said = 0;

    if (kind == CHECKSUM_NONE)
        return true;
    if (kind == CHECKSUM_NMEA)
        return take_nmea(bytes, n);
    if (*n < size)
        return false;
    const char *end = bytes + *n - size;
    if (as_text && !digits(end, size, &said))
        return false;
    for (size_t i = 0; !as_text && i < size; i++)
        said |= (unsigned)(uint8_t)end[i] << 8 * i;
    if (said != compute(kind, bytes, *n - size))
        return false;
    *n -= size;
    return true;
}
