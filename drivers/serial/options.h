/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's part of the configuration. */
#ifndef SENSORGW_DRIVERS_SERIAL_OPTIONS_H
#define SENSORGW_DRIVERS_SERIAL_OPTIONS_H

#include "config/config.h"
#include "drivers/serial/line.h"

#include <regex.h>
#include <stdbool.h>

#define PROMPT_MAX 256

enum serial_parity { PARITY_NONE, PARITY_EVEN, PARITY_ODD };

struct serial_source {
    char *port, *terminator, *start, *match, *split, *prompt;
    int64_t baud, data_bits, stop_bits, length, gap_us, max_line, timeout_us;
    int parity;   /* enum serial_parity */
    int checksum; /* enum checksum */

    /* made by the check */
    struct line_format format;
    regex_t *regex; /* of match */
    char ask[PROMPT_MAX];
    size_t ask_length;
    bool is_mixed; /* every sensor says which lines are its own */
};

enum serial_format { FORMAT_NUMBER, FORMAT_NMEA_ANGLE };

struct serial_sensor {
    int64_t field; /* OPTION_UNSET with key */
    char *key, *where;
    int format; /* enum serial_format */

    /* made by the check */
    regex_t *regex; /* of where */
};

extern const struct option serial_source_options[], serial_sensor_options[];

void serial_check_sensor(struct sensor_config *c, const struct device_config *device,
                         struct config_reporter *r);
void serial_check_source(struct source_config *c, struct config_reporter *r);
const char *serial_port(const void *options);
void serial_free_sensor(void *options);
void serial_free_source(void *options);

#endif
