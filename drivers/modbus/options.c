/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/options.h"

#include <stddef.h>
#include <string.h>

static const char *const parity_choices[] = {"none", "even", "odd", NULL};
static const char *const framing_choices[] = {"tcp", "rtu", NULL};
static const char *const write_choices[] = {"auto", "single", "multiple", NULL};
static const char *const byte_choices[] = {"low", "high", NULL};

static const char *const type_choices[] = {
#define X(id, name, registers, bits, kind) [id] = (name),
    MODBUS_TYPES(X)
#undef X
        [TYPE_COUNT] = NULL};

static const char *const order_choices[] = {
#define X(id, name, registers, words, bytes) [id] = (name),
    MODBUS_ORDERS(X)
#undef X
        [ORDER_COUNT] = NULL};

#define AT(field) offsetof(struct rs485_options, field)
static const struct option rs485_table[] = {
    {.key = "rts_on_send",
     .type = OPTION_BOOL,
     .offset = AT(rts_on_send),
     .fallback = "true",
     .help = "RTS is set while sending; false: it is clear"},
    {.key = "rts_after_send",
     .type = OPTION_BOOL,
     .offset = AT(rts_after_send),
     .fallback = "false",
     .help = "RTS is set after sending; false: it is clear"},
    {.key = "delay_before",
     .type = OPTION_TIMESPAN,
     .offset = AT(delay_before_us),
     .fallback = "0ms",
     .min = 0,
     .max = 100e3,
     .help = "Between the change of RTS and the first bit, in whole milliseconds"},
    {.key = "delay_after",
     .type = OPTION_TIMESPAN,
     .offset = AT(delay_after_us),
     .fallback = "0ms",
     .min = 0,
     .max = 100e3,
     .help = "Between the last bit and the change of RTS, in whole milliseconds"},
    {.key = "rx_during_tx",
     .type = OPTION_BOOL,
     .offset = AT(rx_during_tx),
     .fallback = "false",
     .help = "Receive while sending: the line echoes each request, which is then passed over"},
    {0}};
#undef AT

#define AT(field) offsetof(struct modbus_source, field)
const struct option modbus_source_options[] = {
    {.key = "port",
     .type = OPTION_STRING,
     .offset = AT(port),
     .fallback = OPTION_OPTIONAL,
     .group = "port | address",
     .help = "Serial device of an RTU line; best a stable name below /dev/serial/by-id"},
    {.key = "address",
     .type = OPTION_STRING,
     .offset = AT(address),
     .fallback = OPTION_OPTIONAL,
     .group = "port | address",
     .help =
         "Host or host:port of a Modbus TCP device or gateway; IPv6 as [::1]:502; port 502 when "
         "left out"},
    {.key = "framing",
     .type = OPTION_ENUM,
     .offset = AT(framing),
     .fallback = "tcp",
     .choices = framing_choices,
     .help = "Frames on a TCP connection: tcp (MBAP), or rtu for a transparent serial server; a "
             "serial port always has rtu"},
    {.key = "baud",
     .type = OPTION_INTEGER,
     .offset = AT(baud),
     .fallback = "9600",
     .min = 50,
     .max = 4000000,
     .help = "Speed of the serial line in bits per second"},
    {.key = "parity",
     .type = OPTION_ENUM,
     .offset = AT(parity),
     .fallback = "even",
     .choices = parity_choices,
     .help = "Parity of the serial line"},
    {.key = "data_bits",
     .type = OPTION_INTEGER,
     .offset = AT(data_bits),
     .fallback = "8",
     .min = 7,
     .max = 8,
     .help = "Data bits per character; RTU needs 8"},
    {.key = "stop_bits",
     .type = OPTION_INTEGER,
     .offset = AT(stop_bits),
     .fallback = OPTION_OPTIONAL,
     .min = 1,
     .max = 2,
     .help = "Stop bits per character; when left out 1 with parity and 2 without, as the "
             "specification has it (a device set to 1 understands 2 as well)"},
    {.key = "timeout",
     .type = OPTION_TIMESPAN,
     .offset = AT(timeout_us),
     .fallback = "1s",
     .min = 10e3,
     .max = 30e6,
     .help = "How long an answer may take; on serial lines the time on the wire is added"},
    {.key = "pipeline",
     .type = OPTION_INTEGER,
     .offset = AT(pipeline),
     .fallback = "1",
     .min = 1,
     .max = TRANSPORT_PIPELINE_MAX,
     .help = "Requests that may be under way at a time on a Modbus TCP connection; many devices "
             "take one only"},
    {.key = "rs485",
     .type = OPTION_TABLE,
     .offset = AT(rs485),
     .fallback = OPTION_OPTIONAL,
     .table = rs485_table,
     .help = "Lets the kernel switch the port's RS-485 transceiver by RTS; not for adapters that "
             "do so by themselves"},
    {0}};
#undef AT

#define AT(field) offsetof(struct modbus_device, field)
const struct option modbus_device_options[] = {
    {.key = "unit_id",
     .type = OPTION_INTEGER,
     .offset = AT(unit_id),
     .fallback = "1",
     .min = 0,
     .max = 255,
     .each = "unit",
     .help = "Unit id (slave address): 1 to 247; also 0 and 255 over TCP. A list such as [1, 2, "
             "5-9] makes a device of each, {unit} in the name being its number"},
    {.key = "max_registers",
     .type = OPTION_INTEGER,
     .offset = AT(max_registers),
     .fallback = "125",
     .min = 1,
     .max = MODBUS_REGISTERS_MAX,
     .help = "Most registers that the device gives in one reply"},
    {.key = "max_bits",
     .type = OPTION_INTEGER,
     .offset = AT(max_bits),
     .fallback = "2000",
     .min = 1,
     .max = MODBUS_BITS_MAX,
     .help = "Most coils or discrete inputs that the device gives in one reply"},
    {.key = "max_gap",
     .type = OPTION_INTEGER,
     .offset = AT(max_gap),
     .fallback = "0",
     .min = 0,
     .max = MODBUS_BITS_MAX,
     .help = "Most unused registers or bits that may be read to save a request, where that takes "
             "less time on the line; the device must allow reading them"},
    {0}};
#undef AT

static const struct option bits_options[] = {
    {.key = "shift",
     .type = OPTION_INTEGER,
     .offset = 0,
     .fallback = "0",
     .min = 0,
     .max = 63,
     .help = "The lowest bit taken, 0 being the least significant one"},
    {.key = "width",
     .type = OPTION_INTEGER,
     .offset = sizeof(int64_t),
     .fallback = NULL,
     .min = 1,
     .max = 64,
     .help = "How many bits are taken"},
    {0}};

#define AT(field) offsetof(struct modbus_sensor, field)
#define PLACE "holding | input | coil | discrete | register"
#define ADDRESS(name, text)                                                                        \
    {                                                                                              \
        .key = #name, .type = OPTION_INTEGER, .offset = AT(name), .fallback = OPTION_OPTIONAL,     \
        .min = 0, .max = 65535, .group = PLACE, .help = (text)                                     \
    }
const struct option modbus_sensor_options[] = {
    ADDRESS(holding, "Address of a holding register, counted from 0 (function 3)"),
    ADDRESS(input, "Address of an input register, counted from 0 (function 4)"),
    ADDRESS(coil, "Address of a coil, counted from 0 (function 1)"),
    ADDRESS(discrete, "Address of a discrete input, counted from 0 (function 2)"),
    {.key = "register",
     .type = OPTION_INTEGER,
     .offset = AT(classic),
     .fallback = OPTION_OPTIONAL,
     .min = 1,
     .max = 465536,
     .group = PLACE,
     .help = "The same in the classic notation, counted from 1: 40013 is holding 12; 3xxxx input, "
             "1xxxx discrete; also with six digits"},
    {.key = "type",
     .type = OPTION_ENUM,
     .offset = AT(type),
     .fallback = "uint16",
     .choices = type_choices,
     .help = "Type of the value; coils and discrete inputs are bool"},
    {.key = "order",
     .type = OPTION_ENUM,
     .offset = AT(order),
     .fallback = "ABCD",
     .choices = order_choices,
     .help = "Order in which the bytes come, A being the most significant; when left out that of "
             "the specification, most significant first"},
    {.key = "byte",
     .type = OPTION_ENUM,
     .offset = AT(byte),
     .fallback = "low",
     .choices = byte_choices,
     .help = "Which half of the register an 8-bit type is in"},
    {.key = "bit",
     .type = OPTION_INTEGER,
     .offset = AT(bit),
     .fallback = OPTION_OPTIONAL,
     .min = 0,
     .max = 63,
     .group = "?bit | bits",
     .help = "Takes one bit of the value, 0 being the least significant one"},
    {.key = "bits",
     .type = OPTION_TABLE,
     .offset = AT(bits),
     .fallback = OPTION_OPTIONAL,
     .table = bits_options,
     .group = "?bit | bits",
     .help = "Takes some bits of the value"},
    {.key = "exponent",
     .type = OPTION_INTEGER,
     .offset = AT(exponent),
     .fallback = OPTION_OPTIONAL,
     .min = 0,
     .max = 65535,
     .help = "Address, in the same table, of a register (int16) with the power of ten by which the "
             "value is multiplied, as SunSpec's scale factors; both are read by one request"},
    {.key = "writable",
     .type = OPTION_BOOL,
     .offset = AT(writable),
     .fallback = "false",
     .help =
         "May be set over MQTT, HTTP and with `sensorgw write`; coils and holding registers only"},
    {.key = "write_with",
     .type = OPTION_ENUM,
     .offset = AT(write_with),
     .fallback = "auto",
     .choices = write_choices,
     .help = "Functions that write: single (5, 6), multiple (15, 16), or auto: single for one "
             "coil or register, multiple for more"},
    {0}};
#undef AT

const char *modbus_serial_port(const void *options)
{
    return ((const struct modbus_source *)options)->port;
}

bool modbus_same_line(const struct source_config *a, const struct source_config *b)
{
    const struct modbus_source *x = a->options, *y = b->options;

    if (x->port && y->port)
        return config_same_file(x->port, y->port);
    return x->host && y->host && strcmp(x->host, y->host) == 0 &&
           strcmp(x->service, y->service) == 0;
}

struct transport_options modbus_transport_options(const struct modbus_source *o)
{
    static const char letters[] = {[PARITY_NONE] = 'N', [PARITY_EVEN] = 'E', [PARITY_ODD] = 'O'};

    return (struct transport_options){
        .framing = o->port ? FRAMING_RTU : (enum framing)o->framing,
        .port = o->port,
        .host = o->host,
        .service = o->service,
        .baud = (int)o->baud,
        .data_bits = (int)o->data_bits,
        .stop_bits = o->stop_bits != OPTION_UNSET ? (int)o->stop_bits
                     : o->parity == PARITY_NONE   ? 2
                                                  : 1,
        .parity = letters[o->parity],
        .timeout_us = o->timeout_us,
        .rs485 = o->is_rs485 ? &o->rs485 : NULL,
    };
}
