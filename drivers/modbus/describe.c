/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/describe.h"

#include "drivers/modbus/options.h"
#include <string.h>

static const struct {
    const char *name, *one, *many;
    int classic; /* first number of the classic notation */
} tables[] = {[TABLE_COIL] = {"coil", "bit", "bits", 1},
              [TABLE_DISCRETE] = {"discrete", "bit", "bits", 10001},
              [TABLE_HOLDING] = {"holding", "register", "registers", 40001},
              [TABLE_INPUT] = {"input", "register", "registers", 30001}};

/* In the classic notation: five digits, or six where five do not reach. */
static int classic_number(uint8_t table, unsigned address)
{
    int first = tables[table].classic;

    return (int)address + (address < 9999 ? first : (first - 1) * 10 + 1);
}

/* A number of the classic notation behind `holding:` is another register than the manual means. Not
 * said of templates, which are right: SunSpec's begin at address 40000. */
static void warn_of_classic_number(uint8_t table, unsigned address, FILE *f)
{
    unsigned first = (unsigned)tables[table].classic;

    if (first >= 10001 && address >= first && address <= first + 9998)
        fprintf(f,
                "      warning: %s %u is counted from 0; if it is what a manual calls %u, counted "
                "from 1, write \"register: %u\"\n",
                tables[table].name, address, address, address);
}

static const char *short_name(const struct sensor_config *c)
{
    const char *slash = strrchr(c->name, '/');

    return slash ? slash + 1 : c->name;
}

static void describe_line(const struct modbus_source *o, FILE *f)
{
    struct transport_options t = modbus_transport_options(o);

    if (o->port)
        fprintf(f, "  %s, RTU, %d baud %d%c%d", o->port, t.baud, t.data_bits, t.parity,
                t.stop_bits);
    else
        fprintf(f, "  %s port %s, %s", o->host, o->service,
                o->framing == FRAMING_RTU ? "RTU over TCP" : "Modbus TCP");
    fprintf(f, ", time-out %g s\n", (double)o->timeout_us / 1e6);
}

static void describe_fields(const struct device_config *d, const struct plan *plan,
                            const struct plan_request *r, FILE *f)
{
    for (size_t i = r->first; i < r->first + r->fields; i++) {
        const struct plan_field *field = &plan->fields[i];
        const struct sensor_config *c = &d->sensors[field->id];
        const struct modbus_sensor *o = c->options;
        bool big_endian = o->order == ORDER_ABCD || field->table <= TABLE_DISCRETE;
        fprintf(f, "      %s %u (%05d) %s%s%s %s", tables[field->table].name, o->address,
                classic_number(field->table, o->address),
                decode_type_name((enum modbus_type)o->type), big_endian ? "" : " ",
                big_endian ? "" : decode_order_name((enum modbus_order)o->order), short_name(c));
        if (o->has_exponent)
            fprintf(f, " × 10^(%s %lld)", tables[field->table].name, (long long)o->exponent);
        if (c->counter && c->wrap > 0)
            fprintf(f, ", counter to %.0f", c->wrap);
        else if (c->counter)
            fputs(", counter", f);
        if (c->per_us > 0)
            fprintf(f, ", its increase per %g s", (double)c->per_us / 1e6);
        if (field->every_nth > 1)
            fprintf(f, ", every %g s", (double)c->every_us / 1e6);
        fputc('\n', f);
        if (!d->template)
            warn_of_classic_number(field->table, o->address, f);
    }
}

static void describe_device(const struct source_config *c, const struct device_config *d, FILE *f)
{
    const struct modbus_device *o = d->options;
    struct plan plan;

    fprintf(f, "  %s, unit %lld%s%s%s:\n", d->name, (long long)o->unit_id,
            d->template ? " (template " : "", d->template ? d->template : "",
            d->template ? ")" : "");
    if (modbus_plan_device(c, d, &plan) != GW_OK)
        return;
    for (size_t i = 0; i < plan.request_count; i++) {
        const struct plan_request *r = &plan.requests[i];
        fprintf(f, "    every %g s: read %s %u to %u, %u %s\n", (double)r->period_us / 1e6,
                tables[r->table].name, r->address, r->address + r->count - 1U, r->count,
                r->count == 1 ? tables[r->table].one : tables[r->table].many);
        describe_fields(d, &plan, r, f);
    }
    plan_free(&plan);
}

void describe_source(const struct source_config *c, FILE *f)
{
    describe_line(c->options, f);
    for (size_t i = 0; i < c->device_count; i++)
        describe_device(c, &c->devices[i], f);
}
