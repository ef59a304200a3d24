/* SPDX-License-Identifier: Apache-2.0 */
/* A file's text → a raw value, or why not. Pure. */
#ifndef SENSORGW_DRIVERS_FILE_PARSE_H
#define SENSORGW_DRIVERS_FILE_PARSE_H

#include "gateway/core/reading.h"

#include <regex.h>

#define FILE_TEXT_MAX 4096 /* sysfs files are a page at most; more is not looked at */

enum file_format { FILE_AUTO, FILE_NUMBER, FILE_W1 };

/* FILE_NUMBER: the text's first word. FILE_W1: two lines of the kernel's w1_therm driver
 * (Documentation/w1/slaves/w1_therm.rst): "… crc=5a YES" and "… t=21437" in m°C, given in °C; crc
 * NO: QUALITY_CRC; 85 °C, which a DS18B20 says before its first conversion, and −127 °C, which it
 * says when it has lost its supply: QUALITY_INVALID. regex (or NULL): its first group. */
enum quality file_parse(const char *text, enum file_format format, const regex_t *regex,
                        double *raw);

/* What such a quality means for a file, in words; static. */
const char *file_problem(enum quality quality);

#endif
