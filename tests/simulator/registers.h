/* SPDX-License-Identifier: Apache-2.0 */
/* The register map that every simulated Modbus unit shows, the same in holding and input registers:
 *
 *      0        sine     30.0 … 90.0, int16, scale 0.1
 *      1        ramp     0 … 1000, uint16
 *      2        square   0 or 100, uint16
 *      3        constant 42, uint16
 *      4,  5    sine     220 … 240, float32 in order ABCD
 *      6,  7    counter  tenths of a second since the start, uint32 in order ABCD
 *      8,  9    the sine of 4 again, in order CDAB
 *     10        the unit's id
 *     11        requests to this bus or port so far, uint16
 *   1000-1999   each its own address
 *
 * Coil and discrete input 0 follow the square, 1 its opposite; 1000-1999 the address's lowest bit.
 * The waves of unit u are ahead by u eighths of a period. Other registers hold 0, or what a master
 * wrote there.
 *
 * With a map from a file, units have what that says instead, and zeros; what is written stays. */
#ifndef SENSORGW_TESTS_SIMULATOR_REGISTERS_H
#define SENSORGW_TESTS_SIMULATOR_REGISTERS_H

#include <modbus.h>
#include <stdbool.h>
#include <stdint.h>

#define REGISTERS_COUNT 2000

/* Reads lines "UNIT TABLE ADDRESS VALUE", TABLE being holding, input, coil or discrete, for one
 * server or bus. Before the first registers_create(). False: said on standard error. */
bool registers_load(const char *path);

/* NULL: out of memory. Freed with modbus_mapping_free(). */
modbus_mapping_t *registers_create(void);

/* Puts in what the unit shows now. */
void registers_update(modbus_mapping_t *map, int unit, unsigned requests);

/* From now on a register of all units holds this value. False: no such register. Any thread. */
bool registers_force(int address, uint16_t value);

#endif
