/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/registers.h"

#include "tests/simulator/wave.h"

#include <math.h>
#include <stdatomic.h>
#include <string.h>

#define OWN_FIRST 1000
#define NOT_FORCED (-1)
#define FORCED_COUNT 12 /* the registers with waves */

static atomic_int forced[FORCED_COUNT] = {
    NOT_FORCED, NOT_FORCED, NOT_FORCED, NOT_FORCED, NOT_FORCED, NOT_FORCED,
    NOT_FORCED, NOT_FORCED, NOT_FORCED, NOT_FORCED, NOT_FORCED, NOT_FORCED,
};

modbus_mapping_t *registers_create(void)
{
    modbus_mapping_t *map =
        modbus_mapping_new(REGISTERS_COUNT, REGISTERS_COUNT, REGISTERS_COUNT, REGISTERS_COUNT);

    for (int i = OWN_FIRST; map && i < REGISTERS_COUNT; i++) {
        map->tab_registers[i] = map->tab_input_registers[i] = (uint16_t)i;
        map->tab_bits[i] = map->tab_input_bits[i] = i & 1;
    }
    return map;
}

static void put(modbus_mapping_t *map, int address, uint16_t value)
{
    int force = atomic_load_explicit(&forced[address], memory_order_relaxed);

    if (force != NOT_FORCED)
        value = (uint16_t)force;
    map->tab_registers[address] = map->tab_input_registers[address] = value;
}

static void put_bit(modbus_mapping_t *map, int address, bool value)
{
    map->tab_bits[address] = map->tab_input_bits[address] = value;
}

void registers_update(modbus_mapping_t *map, int unit, unsigned requests)
{
    double phase = unit / 8.0;
    bool square = wave_square(0, 1, phase) > 0;
    uint32_t ticks = (uint32_t)(wave_time() * 10);
    float volts = (float)wave_sine(230, 10, phase);
    uint32_t bits;

    put(map, 0, (uint16_t)lround(wave_sine(600, 300, phase)));
    put(map, 1, (uint16_t)wave_ramp(0, 1000, phase));
    put(map, 2, square ? 100 : 0);
    put(map, 3, 42);
    /* Not modbus_set_float_abcd(): some versions of libmodbus swap its bytes. */
    memcpy(&bits, &volts, sizeof(bits));
    put(map, 4, (uint16_t)(bits >> 16));
    put(map, 5, (uint16_t)bits);
    put(map, 6, (uint16_t)(ticks >> 16));
    put(map, 7, (uint16_t)ticks);
    put(map, 8, (uint16_t)bits);
    put(map, 9, (uint16_t)(bits >> 16));
    put(map, 10, (uint16_t)unit);
    put(map, 11, (uint16_t)requests);
    put_bit(map, 0, square);
    put_bit(map, 1, !square);
}

bool registers_force(int address, uint16_t value)
{
    if (address < 0 || address >= FORCED_COUNT)
        return false;
    atomic_store(&forced[address], value);
    return true;
}
