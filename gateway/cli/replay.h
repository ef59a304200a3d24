/* SPDX-License-Identifier: Apache-2.0 */
/* What sensorgw replay reads: a file of readings, and changes to rules. */
#ifndef SENSORGW_GATEWAY_CLI_REPLAY_H
#define SENSORGW_GATEWAY_CLI_REPLAY_H

#include "config/config.h"
#include "gateway/core/reading.h"

#include <stdbool.h>
#include <stdio.h>

/* A line of the file; texts are borrowed for the call. */
struct replay_line {
    const char *sensor, *unit;
    struct reading reading;
};

/* Reads comma-separated values with a title line: time (as `sensorgw history --csv` and `export`
 * write it) or time_us, value (empty: none), and if they are there sensor, unit and quality; other
 * columns are left alone. sensor: of a file without that column; NULL: it must have it. False: said
 * on standard error what is wrong in which line, or each() said no. */
bool replay_read_csv(FILE *f, const char *path, const char *sensor,
                     bool (*each)(void *arg, const struct replay_line *line), void *arg);

/* "overheat.high.warning=80", "overheat.for=1m": changes a rule that the configuration has. NULL:
 * done, else what is wrong (valid until the next call). */
const char *replay_set(struct config *config, const char *text);
/* Once all is set: what is wrong with the rules now, naming one; NULL: nothing. */
const char *replay_check(struct config *config);

#endif
