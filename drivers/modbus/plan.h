/* SPDX-License-Identifier: Apache-2.0 */
/* The request planner: which fields one Modbus request reads. Pure.
 *
 * Fields of one table and one period are merged when they touch or overlap (or lie at most max_gap
 * apart), up to the limits, which gives the fewest requests possible. Slower fields that faster
 * requests read anyway ride along instead of costing a request of their own, when their period is a
 * whole multiple. */
#ifndef SENSORGW_DRIVERS_MODBUS_PLAN_H
#define SENSORGW_DRIVERS_MODBUS_PLAN_H

#include "gateway/core/err.h"

#include <stddef.h>
#include <stdint.h>

/* Modbus Application Protocol V1.1b3, sections 6.1 to 6.4. */
#define MODBUS_REGISTERS_MAX 125
#define MODBUS_BITS_MAX 2000

/* The function code that reads each table. */
enum modbus_table { TABLE_COIL = 1, TABLE_DISCRETE = 2, TABLE_HOLDING = 3, TABLE_INPUT = 4 };

struct plan_limits {
    uint16_t max_registers;                   /* 1 to MODBUS_REGISTERS_MAX */
    uint16_t max_bits;                        /* 1 to MODBUS_BITS_MAX */
    uint16_t max_gap_registers, max_gap_bits; /* unused ones that may be read to save a request */
};

struct plan_field {
    uint8_t table;      /* enum modbus_table */
    uint16_t address;   /* 0-based */
    uint16_t count;     /* registers or bits, 1 or more; address + count ≤ 65536 */
    uint32_t id;        /* the caller's */
    int64_t period_us;  /* how often it is wanted */
    uint32_t every_nth; /* set by the plan: emitted with every nth reply of its request */
};

struct plan_request {
    uint8_t table;
    uint16_t address, count; /* what is read */
    int64_t period_us;
    size_t first, fields; /* its fields: plan.fields[first … first + fields − 1] */
};

/* One unit's requests; each field is in exactly one of them. */
struct plan {
    struct plan_field *fields;
    size_t field_count;
    struct plan_request *requests; /* has room for field_count */
    size_t request_count;
};

/* Copies the fields. GW_EINVAL: a field is larger than the limits or ends beyond 65535. */
enum gw_err plan_create(struct plan *out, const struct plan_field *fields, size_t count,
                        const struct plan_limits *limits);
void plan_free(struct plan *p);

/* What reads `n` of a request's fields, from number `first` on, and nothing else. */
struct plan_request plan_part(const struct plan *p, size_t request, size_t first, size_t n);

/* Cuts a request in two: its fields from number `at` on, 1 or more, become another, whose index is
 * returned. Fields of one place (same address and count) stand side by side. */
size_t plan_split(struct plan *p, size_t request, size_t at);

#endif
