/* SPDX-License-Identifier: Apache-2.0 */
/* The modbus driver's part of the configuration: what its option tables fill and its checks
 * prepare. */
#ifndef SENSORGW_DRIVERS_MODBUS_OPTIONS_H
#define SENSORGW_DRIVERS_MODBUS_OPTIONS_H

#include "config/config.h"
#include "drivers/modbus/decode.h"
#include "drivers/modbus/plan.h"
#include "drivers/modbus/transport.h"

#include <stdbool.h>
#include <stdint.h>

enum modbus_parity { PARITY_NONE, PARITY_EVEN, PARITY_ODD };

/* Functions 5 and 6 for one coil or register and 15 and 16 for more, or always one kind. */
enum modbus_write { WRITE_AUTO, WRITE_SINGLE, WRITE_MULTIPLE };

struct modbus_source {
    char *port, *address; /* exactly one; NULL for the other */
    int64_t baud, stop_bits, data_bits;
    int parity;  /* enum modbus_parity */
    int framing; /* enum framing */
    int64_t timeout_us;
    int64_t pipeline;
    struct rs485_options rs485;
    /* set by the check */
    bool is_rs485;
    char *host, *service; /* of address; owned */
};

struct modbus_device {
    int64_t unit_id;
    int64_t max_registers, max_bits, max_gap;
};

struct modbus_sensor {
    int64_t holding, input, coil, discrete, classic; /* OPTION_UNSET but for one */
    int type, order, byte;                           /* enums of decode.h */
    int64_t bit;                                     /* OPTION_UNSET for none */
    struct {
        int64_t shift, width; /* width 0 or less: none */
    } bits;
    bool writable;
    int write_with;   /* enum modbus_write */
    int64_t exponent; /* register with the power of ten; OPTION_UNSET for none */
    /* set by the check */
    struct modbus_field field;
    bool has_exponent;
    uint8_t table;           /* enum modbus_table */
    uint16_t address, count; /* 0-based; registers or bits */
};

extern const struct option modbus_source_options[];
extern const struct option modbus_device_options[];
extern const struct option modbus_sensor_options[];

void modbus_check_sensor(struct sensor_config *c, const struct device_config *device,
                         struct config_reporter *r);
void modbus_check_source(struct source_config *c, struct config_reporter *r);
void modbus_check_pair(const struct source_config *c, const struct source_config *earlier,
                       struct config_reporter *r);
const char *modbus_serial_port(const void *options);
void modbus_free_source(void *options);

/* Two sources on one port, or one host and port. */
bool modbus_same_line(const struct source_config *a, const struct source_config *b);
/* Borrows the strings of the options. stopping and arg are left for the caller to fill. */
struct transport_options modbus_transport_options(const struct modbus_source *o);
/* The requests for a device; a field's id is the sensor's place in device->sensors. */
enum gw_err modbus_plan_device(const struct source_config *source,
                               const struct device_config *device, struct plan *out);

#endif
