/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's part of the configuration. */
#ifndef SENSORGW_DRIVERS_SERIAL_OPTIONS_H
#define SENSORGW_DRIVERS_SERIAL_OPTIONS_H

#include "config/config.h"
#include "drivers/serial/line.h"

#include <regex.h>

#define PROMPT_MAX 256

enum serial_parity { PARITY_NONE, PARITY_EVEN, PARITY_ODD };

struct serial_source {
    char *port, *terminator, *match, *split, *prompt;
    int64_t baud, data_bits, stop_bits, max_line, timeout_us;
    int parity; /* enum serial_parity */

    /* made by the check */
    regex_t *regex; /* of match */
    char end[TERMINATOR_MAX], ask[PROMPT_MAX];
    size_t end_length, ask_length;
};

struct serial_sensor {
    int64_t field; /* OPTION_UNSET with key */
    char *key;
};

extern const struct option serial_source_options[], serial_sensor_options[];

void serial_check_source(struct source_config *c, struct config_reporter *r);
void serial_free_source(void *options);

#endif
