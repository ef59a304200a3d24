/* SPDX-License-Identifier: Apache-2.0 */
/* What people ask of a line while it is polled. In the thread of the source that has the line. */
#ifndef SENSORGW_DRIVERS_MODBUS_COMMAND_H
#define SENSORGW_DRIVERS_MODBUS_COMMAND_H

#include "drivers/driver.h"

#include <stdio.h>

/* driver.command: "ask UNIT FUNCTION ADDRESS COUNT", functions 1 to 4, in decimal. Answers
 * "ok MICROSECONDS VALUE …" (registers, or bits as 0 and 1), "exception NUMBER", "silent" or
 * "error TEXT". */
void command_ask(struct source *s, int argc, char **argv, FILE *answer);

/* driver.write */
void command_write(struct source *s, const struct sensor_config *c, double value,
                   struct source_write *out);

#endif
