/* SPDX-License-Identifier: Apache-2.0 */
/* What the option tables of the modbus driver cannot say of a source: its line, or its address. */
#include "config/yaml.h"
#include "drivers/modbus/options.h"
#include "drivers/modbus/wire.h"
#include "gateway/core/clock.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_SERVICE "502"

static bool written(const struct yaml_node *node, const char *key)
{
    return node && yaml_get(node, key);
}

/* libmodbus quietly takes 9600 for a speed that it does not know. */
static bool baud_is_known(int64_t baud)
{
    static const int known[] = {110,     300,     600,     1200,    2400,    4800,
                                9600,    19200,   38400,   57600,   115200,  230400,
                                460800,  500000,  576000,  921600,  1000000, 1152000,
                                1500000, 2000000, 2500000, 3000000, 3500000, 4000000};

    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (known[i] == baud)
            return true;
    }
    return false;
}

static void check_port(const struct source_config *c, struct modbus_source *o,
                       struct config_reporter *r)
{
    if (written(c->node, "framing") && o->framing != FRAMING_RTU)
        config_report(r, c->node, "framing", "a serial port has rtu framing");
    if (!baud_is_known(o->baud))
        config_report(r, c->node, "baud",
                      "%lld is not a usual speed: 1200, 2400, 4800, 9600, "
                      "19200, 38400, 57600, 115200 …",
                      (long long)o->baud);
    o->is_rs485 = written(c->node, "rs485");
    const struct rs485_options *rs = &o->rs485;
    if (rs->delay_before_us % US_PER_MS || rs->delay_after_us % US_PER_MS)
        config_report(r, c->node, "rs485", "the delays are whole milliseconds");
    if (rs->rts_on_send == rs->rts_after_send && o->is_rs485)
        config_report(
            r, c->node, "rs485",
            "rts_on_send and rts_after_send must differ, or the transceiver never changes "
            "direction");
    if (o->pipeline > 1)
        config_report(r, c->node, "pipeline", "a serial line takes one request at a time");
    if (o->data_bits != 8)
        config_report(r, c->node, "data_bits", "RTU frames need 8 data bits");
}

static bool port_number_is_valid(const char *text)
{
    char *end;
    long number = strtol(text, &end, 10);

    return *text >= '0' && *text <= '9' && *end == '\0' && number >= 1 && number <= 65535;
}

/* "host", "host:port", "[v6]", "[v6]:port" or a bare v6 address. */
static bool split_address(struct modbus_source *o)
{
    const char *host = o->address;
    const char *end;
    const char *colon;

    if (*host == '[') {
        host++;
        end = strchr(host, ']');
        if (!end || (end[1] != '\0' && end[1] != ':'))
            return false;
        colon = end[1] ? end + 1 : NULL;
    } else {
        colon = strchr(host, ':');
        if (colon && strchr(colon + 1, ':'))
            colon = NULL;
        end = colon ? colon : host + strlen(host);
    }
    if (end == host || (colon && !port_number_is_valid(colon + 1)))
        return false;
    o->host = strndup(host, (size_t)(end - host));
    o->service = strdup(colon ? colon + 1 : DEFAULT_SERVICE);
    return o->host && o->service;
}

static void check_address(const struct source_config *c, struct modbus_source *o,
                          struct config_reporter *r)
{
    static const char *const serial_keys[] = {"baud", "parity", "data_bits", "stop_bits", "rs485"};

    for (size_t i = 0; i < sizeof(serial_keys) / sizeof(serial_keys[0]); i++) {
        if (written(c->node, serial_keys[i]))
            config_report(r, c->node, serial_keys[i], "is for a serial port, not for an address");
    }
    if (o->framing == FRAMING_RTU && o->pipeline > 1)
        config_report(r, c->node, "pipeline",
                      "replies in rtu framing carry no number to tell them apart: one at a time");
    if (!split_address(o))
        config_report(r, c->node, "address", "\"%s\" is not host, host:port, [IPv6] or [IPv6]:port",
                      o->address);
}

void modbus_check_source(struct source_config *c, struct config_reporter *r)
{
    struct modbus_source *o = c->options;

    if (o->port)
        check_port(c, o, r);
    else if (o->address)
        check_address(c, o, r);
    bool rtu = o->port || o->framing == FRAMING_RTU;
    for (size_t i = 0; rtu && i < c->device_count; i++) {
        const struct modbus_device *d = c->devices[i].options;
        if (d->unit_id < 1 || d->unit_id > 247)
            config_report(r, c->devices[i].node, "unit_id",
                          "%lld is not a unit's address on a serial line: 1 to 247",
                          (long long)d->unit_id);
    }
}

void modbus_free_source(void *options)
{
    struct modbus_source *o = options;

    free(o->host);
    free(o->service);
    o->host = o->service = NULL;
}

static bool same_rs485(const struct modbus_source *a, const struct modbus_source *b)
{
    const struct rs485_options *x = &a->rs485, *y = &b->rs485;

    return a->is_rs485 == b->is_rs485 && x->rts_on_send == y->rts_on_send &&
           x->rts_after_send == y->rts_after_send && x->rx_during_tx == y->rx_during_tx &&
           x->delay_before_us == y->delay_before_us && x->delay_after_us == y->delay_after_us;
}

/* They share the line, so they must mean the same by it. */
void modbus_check_pair(const struct source_config *c, const struct source_config *earlier,
                       struct config_reporter *r)
{
    const struct modbus_source *a = c->options, *b = earlier->options;
    struct transport_options x = modbus_transport_options(a), y = modbus_transport_options(b);
    const struct {
        const char *key;
        bool same;
    } settings[] = {{"framing", x.framing == y.framing},
                    {"baud", !a->port || x.baud == y.baud},
                    {"parity", !a->port || x.parity == y.parity},
                    {"stop_bits", !a->port || x.stop_bits == y.stop_bits},
                    {"rs485", !a->port || same_rs485(a, b)},
                    {"pipeline", a->pipeline == b->pipeline},
                    {"timeout", x.timeout_us == y.timeout_us}};

    if (!modbus_same_line(c, earlier))
        return;
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        if (!settings[i].same)
            config_report(r, c->node, written(c->node, settings[i].key) ? settings[i].key : NULL,
                          "source %s has the same line with another %s; both must say the same",
                          earlier->name, settings[i].key);
    }
}
