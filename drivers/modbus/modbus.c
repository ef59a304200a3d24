/* SPDX-License-Identifier: Apache-2.0 */
/* The modbus driver: serial RTU lines, Modbus TCP and RTU frames over TCP. */
#include "drivers/driver.h"
#include "drivers/modbus/bus.h"
#include "drivers/modbus/command.h"
#include "drivers/modbus/describe.h"
#include "drivers/modbus/forecast.h"
#include "drivers/modbus/options.h"

extern const struct driver driver_modbus;

static bool stopping(void *source)
{
    return source_stopping(source);
}

static void trace(void *source, bool sent, const uint8_t *bytes, size_t n)
{
    struct source *s = source;

    trace_add(&s->trace, sent, bytes, n);
}

static enum gw_err open_bus(struct source *s)
{
    const struct modbus_source *o = s->config->options;
    struct transport_options transport = modbus_transport_options(o);
    struct transport *t;
    struct bus *b;
    char fault[LINK_FAULT_SIZE];

    transport.stopping = stopping;
    transport.trace = trace;
    transport.arg = s;
    enum gw_err err = transport_open(&t, &transport, fault);
    if (err == GW_ECLOSED) /* stopping */
        return err;
    if (err != GW_OK) {
        source_error(s, "cannot open %s: %s", o->port ? o->port : o->address,
                     err == GW_ENOMEM ? gw_strerror(err) : fault);
        return err;
    }
    err = bus_create(&b, s, t);
    if (err != GW_OK) {
        transport_close(t);
        return err;
    }
    s->state = b;
    return GW_OK;
}

static enum gw_err poll_bus(struct source *s, int64_t now_us, int64_t *next_us)
{
    return bus_poll(s->state, now_us, next_us);
}

static void close_bus(struct source *s)
{
    bus_destroy(s->state);
    s->state = NULL;
}

const struct driver driver_modbus = {
    .schema = {.name = "modbus",
               .help = "Modbus devices on a serial line (RTU) or a TCP connection.",
               .source_options = modbus_source_options,
               .device_options = modbus_device_options,
               .sensor_options = modbus_sensor_options,
               .source_size = sizeof(struct modbus_source),
               .device_size = sizeof(struct modbus_device),
               .sensor_size = sizeof(struct modbus_sensor),
               .polled = true,
               .check_sensor = modbus_check_sensor,
               .check_source = modbus_check_source,
               .check_pair = modbus_check_pair,
               .serial_port = modbus_serial_port,
               .free_source = modbus_free_source},
    .open = open_bus,
    .poll = poll_bus,
    .close = close_bus,
    .same_line = modbus_same_line,
    .command = command_ask,
    .write = command_write,
    .describe = describe_source,
    .describe_line = forecast_describe,
};
