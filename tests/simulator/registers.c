/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/simulator/registers.h"

#include "tests/simulator/wave.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_FIRST 1000
#define NOT_FORCED (-1)
#define FORCED_COUNT 12 /* the registers with waves */

static atomic_int forced[FORCED_COUNT] = {
    NOT_FORCED, NOT_FORCED, NOT_FORCED, NOT_FORCED, NOT_FORCED, NOT_FORCED,
    NOT_FORCED, NOT_FORCED, NOT_FORCED, NOT_FORCED, NOT_FORCED, NOT_FORCED,
};

#define ALL 65536

/* From a file; written before any slave is started. */
static struct entry {
    int unit, table; /* the function that reads it */
    int address;
    uint16_t value;
} * entries;
static size_t entry_count;

static const char *const tables[] = {NULL, "coil", "discrete", "holding", "input"};

static bool parse_entry(const char *line, struct entry *e)
{
    char table[16];
    unsigned value;

    if (sscanf(line, "%d %15s %d %u", &e->unit, table, &e->address, &value) != 4 ||
        e->address < 0 || e->address >= ALL || value > UINT16_MAX)
        return false;
    e->value = (uint16_t)value;
    for (e->table = 1; e->table < 5; e->table++) {
        if (strcmp(table, tables[e->table]) == 0)
            return true;
    }
    return false;
}

bool registers_load(const char *path)
{
    char line[128];
    FILE *f = fopen(path, "re");

    while (f && fgets(line, sizeof(line), f)) {
        entries = realloc(entries, (entry_count + 1) * sizeof(*entries));
        if (!entries || !parse_entry(line, &entries[entry_count])) {
            fprintf(stderr, "sensorgw-sim: %s: not understood: %s", path, line);
            fclose(f);
            return false;
        }
        entry_count++;
    }
    if (!f) {
        perror(path);
        return false;
    }
    fclose(f);
    return true;
}

/* Units share the one mapping in turn: what the last one has now is kept, this one's is put in. */
static void take_turn(modbus_mapping_t *map, int unit)
{
    static int last = -1;

    for (size_t i = 0; last != unit && i < entry_count; i++) {
        struct entry *e = &entries[i];
        bool is_bit = e->table < 3;
        uint8_t *bit = &(e->table == 1 ? map->tab_bits : map->tab_input_bits)[e->address];
        uint16_t *word =
            &(e->table == 3 ? map->tab_registers : map->tab_input_registers)[e->address];
        if (e->unit == last)
            e->value = is_bit ? *bit : *word;
    }
    for (size_t i = 0; last != unit && i < entry_count; i++) {
        const struct entry *e = &entries[i];
        if (e->unit != unit)
            continue;
        if (e->table < 3)
            (e->table == 1 ? map->tab_bits : map->tab_input_bits)[e->address] = e->value != 0;
        else
            (e->table == 3 ? map->tab_registers : map->tab_input_registers)[e->address] = e->value;
    }
    last = unit;
}

modbus_mapping_t *registers_create(void)
{
    if (entries)
        return modbus_mapping_new(ALL, ALL, ALL, ALL);
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

    if (entries) {
        take_turn(map, unit);
        return;
    }
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
