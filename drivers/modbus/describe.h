/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SENSORGW_DRIVERS_MODBUS_DESCRIBE_H
#define SENSORGW_DRIVERS_MODBUS_DESCRIBE_H

#include "config/config.h"

#include <stdio.h>

/* driver.describe: the line, and each device's requests with what they read. */
void describe_source(const struct source_config *c, FILE *f);

#endif
