/* SPDX-License-Identifier: Apache-2.0 */
/* The driver's part of the configuration, read from text as users write it. */
#include "drivers/driver.h"
#include "drivers/modbus/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

extern const struct driver driver_modbus;

/* One source with one device with one sensor, from the three parts. */
static enum gw_err parse(const char *source, const char *device, const char *sensor,
                         struct config **c, struct config_errors *errors)
{
    size_t count;
    const struct driver_schema *const *schemas = driver_schemas(&count);
    char text[1024];
    int n = snprintf(text, sizeof(text),
                     "storage: {path: test.db}\n"
                     "sources:\n"
                     "  - {name: bus, driver: modbus, every: 1s, %s,\n"
                     "     devices: [{name: dev, %s, sensors: [{name: x, %s}]}]}\n",
                     source, device, sensor);

    assert_in_range(n, 1, sizeof(text) - 1);
    return config_parse("test.yaml", text, (size_t)n, schemas, count, c, errors);
}

static const struct {
    const char *source, *device, *sensor;
    const char *want; /* end of the message */
} refused[] = {
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, type: int16, order: CDAB",
     "order: int16 has 1 register: AB or BA, not CDAB"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, type: float",
     "not 'float'; did you mean 'float32'?"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, type: int",
     "not 'int'; did you mean 'int16'?"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, type: uint",
     "not 'uint'; did you mean 'uint16'?"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, type: double",
     "not 'double'; did you mean 'float64'?"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, type: float64, order: CDAB",
     "order: float64 has 4 registers: ABCDEFGH, GHEFCDAB, BADCFEHG or HGFEDCBA, not CDAB"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, type: int8, order: BA",
     "order: int8 lies in one byte: say which with \"byte: high\" or \"byte: low\""},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, type: int16, byte: high",
     "byte: is for int8 and uint8; int16 has the whole register"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, bit: 16",
     "bit: reaches bit 16, but uint16 has bits 0 to 15"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, bits: {shift: 12, width: 5}",
     "bits: reaches bit 16, but uint16 has bits 0 to 15"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, type: float32, bit: 1",
     "bit: is for integers and bool, not for float32"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, type: int16, bit: 1",
     "bit: needs an unsigned type or bool, not int16"},
    {"address: 192.0.2.1", "unit_id: 1", "coil: 1, exponent: 2", "exponent: is for registers"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, type: int32, exponent: 2",
     "exponent: 2 is part of the value itself"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, exponent: 200",
     "exponent: is too far away: it and the value are read together, at most 125 registers"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, exponent: 2, writable: true",
     "exponent: is not for a sensor that can be set"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, exponent: 2, counter: true",
     "exponent: is not for a counter: the device may change it"},
    {"address: 192.0.2.1", "unit_id: 1", "coil: 1, type: int16",
     "type: a coil or discrete input is a bool"},
    {"address: 192.0.2.1", "unit_id: 1", "input: 1, writable: true",
     "writable: input registers and discrete inputs can only be read"},
    {"address: 192.0.2.1", "unit_id: 1", "discrete: 1, writable: true",
     "writable: input registers and discrete inputs can only be read"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, bit: 3, writable: true",
     "writable: a part of a register cannot be set: take a type that has all of it"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, type: uint8, writable: true",
     "writable: a part of a register cannot be set: take a type that has all of it"},
    {"address: 192.0.2.1", "unit_id: 1",
     "holding: 1, type: float32, writable: true, write_with: single",
     "write_with: single sets one register, but float32 has 2: say multiple"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 1, write_with: single",
     "write_with: is for a sensor with \"writable: true\""},
    {"port: /dev/ttyS9", "unit_id: 1",
     "holding: 1}]}]}\n"
     "  - {name: second, driver: modbus, port: /dev/ttyS9, baud: 19200,\n"
     "     devices: [{name: e, unit_id: 2, sensors: [{name: x, holding: 1",
     "baud: source bus has the same line with another baud; both must say the same"},
    {"port: /dev/ttyS9", "unit_id: 1",
     "holding: 1}]}]}\n"
     "  - {name: second, driver: serial, port: /dev/ttyS9, split: ',',\n"
     "     sensors: [{name: x, field: 1}, {name: y, field: 2}]}\n"
     "  - {name: bus3, driver: modbus, address: h,\n"
     "     devices: [{name: e, unit_id: 2, sensors: [{name: x, holding: 1",
     "port: is the port of source bus in line 3 already: only modbus sources can share one; give "
     "this source a port of its own"},
    {"address: 'h:502'", "unit_id: 1",
     "holding: 1}]}]}\n"
     "  - {name: second, driver: modbus, address: h, timeout: 2s,\n"
     "     devices: [{name: e, unit_id: 2, sensors: [{name: x, holding: 1",
     "timeout: source bus has the same line with another timeout; both must say the same"},
    {"address: 192.0.2.1", "unit_id: 1", "coil: 1, bit: 3",
     "bit: is for registers; a coil or discrete input is one bit"},
    {"address: 192.0.2.1", "unit_id: 1", "holding: 65535, type: uint32",
     "uint32 at 65535 ends beyond the last register, 65535"},
    {"address: 192.0.2.1", "max_registers: 1", "holding: 1, type: uint32",
     "uint32 has 2 registers, but the device's max_registers is 1"},
    {"address: 192.0.2.1", "unit_id: 1", "register: 13",
     "register: 13 is not a classic register number (10001…, 30001… or 40001…); write "
     "\"holding:\", \"input:\", \"coil:\" or \"discrete:\" with an address counted from 0"},
    {"port: /dev/ttyUSB0", "unit_id: 0", "holding: 1",
     "unit_id: 0 is not a unit's address on a serial line: 1 to 247"},
    {"port: /dev/ttyUSB0, baud: 9601", "unit_id: 1", "holding: 1",
     "baud: 9601 is not a usual speed: 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200 …"},
    {"port: /dev/ttyUSB0, framing: tcp", "unit_id: 1", "holding: 1",
     "framing: a serial port has rtu framing"},
    {"port: /dev/ttyUSB0, data_bits: 7", "unit_id: 1", "holding: 1",
     "data_bits: RTU frames need 8 data bits"},
    {"address: 192.0.2.1, baud: 9600", "unit_id: 1", "holding: 1",
     "baud: is for a serial port, not for an address"},
    {"address: 192.0.2.1, rs485: {}", "unit_id: 1", "holding: 1",
     "rs485: is for a serial port, not for an address"},
    {"port: /dev/ttyUSB0, rs485: {rts_after_send: true}", "unit_id: 1", "holding: 1",
     "rs485: rts_on_send and rts_after_send must differ, or the transceiver never changes "
     "direction"},
    {"port: /dev/ttyUSB0, rs485: {delay_before: 500us}", "unit_id: 1", "holding: 1",
     "rs485: the delays are whole milliseconds"},
    {"port: /dev/ttyUSB0, pipeline: 2", "unit_id: 1", "holding: 1",
     "pipeline: a serial line takes one request at a time"},
    {"address: h, framing: rtu, pipeline: 2", "unit_id: 1", "holding: 1",
     "pipeline: replies in rtu framing carry no number to tell them apart: one at a time"},
    {"address: h", "unit_id: 1", "holding: 1, wrap: 65536",
     "wrap: is for a sensor with \"counter: true\""},
    {"address: h", "unit_id: 1", "holding: 1, per: 1h",
     "per: is for a sensor with \"counter: true\""},
    {"address: h", "unit_id: 1", "holding: 1, counter: true, scale: -1",
     "scale: must be above 0: a counter counts up"},
    {"address: h", "unit_id: 1", "coil: 1, counter: true",
     "counter: needs a number of several bits"},
    {"address: h", "unit_id: 1", "holding: 1, bit: 3, counter: true",
     "counter: needs a number of several bits"},
    {"address: h", "unit_id: 1", "holding: 1, counter: true, writable: true",
     "counter: a sensor that can be set is no counter"},
    {"address: h", "unit_id: 1", "holding: 1, counter: true, wrap: 100000",
     "wrap: 100000 is more than uint16 can count: 65536"},
    {"address: \"192.0.2.1:0\"", "unit_id: 1", "holding: 1",
     "address: \"192.0.2.1:0\" is not host, host:port, [IPv6] or [IPv6]:port"},
};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text);
    size_t m = strlen(end);

    return n >= m && strcmp(text + n - m, end) == 0;
}

static void what_cannot_be_is_refused_with_the_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(refused); i++) {
        struct config *c = NULL;
        struct config_errors errors = {0};
        enum gw_err err =
            parse(refused[i].source, refused[i].device, refused[i].sensor, &c, &errors);
        if (err != GW_ECONFIG || errors.count != 1 ||
            !ends_with(errors.items[0].text, refused[i].want))
            fail_msg("%s: %zu errors, %s", refused[i].want, errors.count,
                     errors.count ? errors.items[0].text : "");
        config_errors_free(&errors);
    }
}

static const struct {
    const char *sensor;
    enum modbus_table table;
    uint16_t address, count;
} places[] = {
    {"holding: 0", TABLE_HOLDING, 0, 1},
    {"register: 40013", TABLE_HOLDING, 12, 1},
    {"register: 49999", TABLE_HOLDING, 9998, 1},
    {"register: 400001", TABLE_HOLDING, 0, 1},
    {"register: 465536", TABLE_HOLDING, 65535, 1},
    {"register: 30001, type: float32", TABLE_INPUT, 0, 2},
    {"register: 310000, type: int64", TABLE_INPUT, 9999, 4},
    {"register: 10005", TABLE_DISCRETE, 4, 1},
    {"coil: 65535", TABLE_COIL, 65535, 1},
};

static void every_notation_finds_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(places); i++) {
        struct config *c = NULL;
        struct config_errors errors = {0};
        if (parse("address: 192.0.2.1", "unit_id: 1", places[i].sensor, &c, &errors) != GW_OK)
            fail_msg("%s: %s", places[i].sensor, errors.count ? errors.items[0].text : "");
        const struct modbus_sensor *o = c->sources[0].devices[0].sensors[0].options;
        if (o->table != places[i].table || o->address != places[i].address ||
            o->count != places[i].count)
            fail_msg("%s: table %u, %u, %u", places[i].sensor, o->table, o->address, o->count);
        config_free(c);
    }
}

static void stop_bits_follow_parity_as_the_specification_says(void **state)
{
    static const struct {
        const char *source;
        int stop_bits;
    } cases[] = {{"port: /dev/ttyUSB0", 1},
                 {"port: /dev/ttyUSB0, parity: none", 2},
                 {"port: /dev/ttyUSB0, parity: none, stop_bits: 1", 1},
                 {"port: /dev/ttyUSB0, parity: odd, stop_bits: 2", 2}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config *c = NULL;
        struct config_errors errors = {0};
        assert_int_equal(parse(cases[i].source, "unit_id: 1", "holding: 1", &c, &errors), GW_OK);
        struct transport_options o = modbus_transport_options(c->sources[0].options);
        assert_int_equal(o.stop_bits, cases[i].stop_bits);
        assert_int_equal(o.framing, FRAMING_RTU);
        config_free(c);
    }
}

static void addresses_are_taken_apart(void **state)
{
    static const struct {
        const char *source, *host, *service;
    } cases[] = {{"address: 192.0.2.1", "192.0.2.1", "502"},
                 {"address: \"plc.example:1502\"", "plc.example", "1502"},
                 {"address: \"[2001:db8::1]:503\"", "2001:db8::1", "503"},
                 {"address: \"2001:db8::1\"", "2001:db8::1", "502"}};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config *c = NULL;
        struct config_errors errors = {0};
        assert_int_equal(parse(cases[i].source, "unit_id: 1", "holding: 1", &c, &errors), GW_OK);
        const struct modbus_source *o = c->sources[0].options;
        assert_string_equal(o->host, cases[i].host);
        assert_string_equal(o->service, cases[i].service);
        config_free(c);
    }
}

static void a_classic_number_in_the_wrong_place_is_warned_of(void **state)
{
    static const struct {
        const char *sensor, *warning; /* NULL: none */
    } cases[] = {
        {"holding: 40001", "warning: holding 40001 is counted from 0; if it is what a manual calls "
                           "40001, counted from 1, write \"register: 40001\""},
        {"input: 39999", "warning: input 39999 is counted from 0"},
        {"discrete: 10001", "warning: discrete 10001 is counted from 0"},
        {"holding: 40000", NULL},
        {"holding: 50000", NULL},
        {"input: 40001", NULL},
        {"coil: 10001", NULL},
        {"register: 40001", NULL},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct config *c = NULL;
        struct config_errors errors = {0};
        char *text = NULL;
        size_t size;
        assert_int_equal(parse("address: h", "unit_id: 1", cases[i].sensor, &c, &errors), GW_OK);
        FILE *f = open_memstream(&text, &size);
        assert_non_null(f);
        driver_modbus.describe(&c->sources[0], f);
        fclose(f);
        if (!strstr(text, cases[i].warning ? cases[i].warning : "") ||
            (!cases[i].warning && strstr(text, "warning")))
            fail_msg("%s: %s", cases[i].sensor, text);
        free(text);
        config_free(c);
    }
}

static void the_plan_is_described(void **state)
{
    struct config *c = NULL;
    struct config_errors errors = {0};
    char *text = NULL;
    size_t size;

    (void)state;
    assert_int_equal(parse("port: /dev/ttyUSB0", "unit_id: 3",
                           "register: 40013, type: uint32, order: CDAB", &c, &errors),
                     GW_OK);
    FILE *f = open_memstream(&text, &size);
    driver_modbus.describe(&c->sources[0], f);
    fclose(f);
    assert_non_null(strstr(text, "  /dev/ttyUSB0, RTU, 9600 baud 8E1, time-out 1 s\n"));
    assert_non_null(strstr(text, "every 1 s: read holding 12 to 13, 2 registers\n"));
    assert_non_null(strstr(text, "holding 12 (40013) uint32 CDAB x\n"));
    free(text);
    config_free(c);
}

static const struct {
    const char *sensor;
    double wrap;
} counters[] = {
    {"holding: 1, counter: true", 65536},
    {"holding: 1, counter: true, wrap: 10000", 10000},
    {"holding: 1, counter: true, wrap: 0", 0},
    {"holding: 1, type: uint8, counter: true", 256},
    {"holding: 1, type: int32, counter: true", 4294967296},
    {"holding: 1, type: uint64, counter: true", 18446744073709551616.0},
    {"holding: 1, type: bcd16, counter: true", 10000},
    {"holding: 1, type: bcd32, counter: true", 100000000},
    {"holding: 1, type: float32, counter: true", 0},
    {"holding: 1, bits: {shift: 4, width: 10}, counter: true", 1024},
};

static void a_counter_wraps_where_its_type_does(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(counters); i++) {
        struct config *c = NULL;
        struct config_errors errors = {0};
        if (parse("address: h", "unit_id: 1", counters[i].sensor, &c, &errors) != GW_OK)
            fail_msg("%s: %s", counters[i].sensor, errors.items[0].text);
        const struct sensor_config *s = &c->sources[0].devices[0].sensors[0];
        if (!s->counter || s->wrap != counters[i].wrap || s->per_us != 0)
            fail_msg("%s: %g", counters[i].sensor, s->wrap);
        config_free(c);
    }
}

/* --- what a line has to do --- */

static char *forecast(const char *source, const char *sensors)
{
    struct config *c = NULL;
    struct config_errors errors = {0};
    char *text = NULL;
    size_t length;
    FILE *f = open_memstream(&text, &length);

    if (parse(source, "unit_id: 1", sensors, &c, &errors) != GW_OK)
        fail_msg("%s", errors.items[0].text);
    const struct source_config *line = &c->sources[0];
    driver_modbus.describe_line(&line, 1, f);
    fclose(f);
    config_free(c);
    return text;
}

static void a_line_with_time_enough_is_told_how_much_it_needs(void **state)
{
    /* 8 + 7 bytes of 11 bits at 9600 baud, two silences of 3.5 bytes and 5 ms: 30.2 ms. */
    char *text = forecast("port: /dev/ttyS9, timeout: 300ms", "holding: 1");

    (void)state;
    assert_string_equal(text,
                        "  /dev/ttyS9 at 9600 baud: bus\n"
                        "    1 request, 15 bytes there and back; once all of them: about "
                        "0.0302 s, silences and devices' time to answer included; in use 3 %\n");
    free(text);
}

static void a_line_that_is_too_slow_is_told_what_helps(void **state)
{
    char *text = forecast("port: /dev/ttyS9", "holding: 1, every: 25ms");

    (void)state;
    assert_non_null(strstr(text, "in use 121 %\n"));
    assert_non_null(strstr(text, "WARNING: not every period can be met"));
    assert_non_null(strstr(text, "\"every\" 1.5 times as long; baud: 19200;"));
    assert_non_null(strstr(text, "holds the line up for 1 s at each probe"));
    free(text);
}

static void gaps_are_read_where_that_is_quicker(void **state)
{
    static const struct {
        const char *source, *sensors, *requests;
    } cases[] = {
        {"port: /dev/ttyS9", "holding: 1}, {name: y, holding: 12", " 1 request,"},
        {"port: /dev/ttyS9", "holding: 1}, {name: y, holding: 20", " 2 requests,"},
        {"port: /dev/ttyS9, baud: 115200", "holding: 1}, {name: y, holding: 30", " 1 request,"},
        {"address: h", "holding: 1}, {name: y, holding: 101", " 1 request,"},
        {"address: h", "holding: 1}, {name: y, holding: 103", " 2 requests,"}, /* max_gap */
        {"port: /dev/ttyS9", "coil: 1}, {name: y, coil: 100", " 1 request,"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        char source[64];
        snprintf(source, sizeof(source), "%s", cases[i].source);
        struct config *c = NULL;
        struct config_errors errors = {0};
        char *text = NULL;
        size_t length;
        FILE *f = open_memstream(&text, &length);
        assert_int_equal(parse(source, "max_gap: 100", cases[i].sensors, &c, &errors), GW_OK);
        const struct source_config *line = &c->sources[0];
        driver_modbus.describe_line(&line, 1, f);
        fclose(f);
        if (!strstr(text, cases[i].requests))
            fail_msg("%s, %s: %s", cases[i].source, cases[i].sensors, text);
        free(text);
        config_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_is_refused_with_the_reason),
        cmocka_unit_test(a_counter_wraps_where_its_type_does),
        cmocka_unit_test(a_line_with_time_enough_is_told_how_much_it_needs),
        cmocka_unit_test(a_line_that_is_too_slow_is_told_what_helps),
        cmocka_unit_test(gaps_are_read_where_that_is_quicker),
        cmocka_unit_test(every_notation_finds_its_place),
        cmocka_unit_test(stop_bits_follow_parity_as_the_specification_says),
        cmocka_unit_test(addresses_are_taken_apart),
        cmocka_unit_test(a_classic_number_in_the_wrong_place_is_warned_of),
        cmocka_unit_test(the_plan_is_described),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
