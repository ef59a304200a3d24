/* SPDX-License-Identifier: Apache-2.0 */
#include "drivers/modbus/forecast.h"

#include "drivers/modbus/wire.h"
#include "gateway/core/clock.h"

/* From here on a mute unit's probes, or a device that takes its time, may cost polls. */
#define FULL 0.8

static enum gw_err add_device(const struct source_config *source,
                              const struct device_config *device, const struct wire *w,
                              struct forecast *out)
{
    struct plan plan;
    enum gw_err err = modbus_plan_device(source, device, &plan);

    if (err != GW_OK)
        return err;
    for (size_t i = 0; i < plan.request_count; i++) {
        const struct plan_request *r = &plan.requests[i];
        double us = wire_us(w, r->table, r->count);
        out->requests++;
        out->bytes += wire_bytes(w, r->table, r->count);
        out->cycle_us += us;
        out->load += us / (double)r->period_us;
        if (out->shortest_us == 0 || r->period_us < out->shortest_us)
            out->shortest_us = r->period_us;
    }
    plan_free(&plan);
    return GW_OK;
}

enum gw_err forecast_line(const struct source_config *const *sources, size_t count, int64_t baud,
                          struct forecast *out)
{
    struct modbus_source line = *(const struct modbus_source *)sources[0]->options;

    line.baud = baud ? baud : line.baud;
    struct wire w = wire_of(&line);
    *out = (struct forecast){0};
    for (size_t i = 0; i < count; i++) {
        for (size_t d = 0; d < sources[i]->device_count; d++) {
            enum gw_err err = add_device(sources[i], &sources[i]->devices[d], &w, out);
            if (err != GW_OK)
                return err;
        }
    }
    return GW_OK;
}

/* The lowest usual speed at which there is time enough; 0: none. */
static int64_t better_baud(const struct source_config *const *sources, size_t count)
{
    static const int64_t usual[] = {9600, 19200, 38400, 57600, 115200};
    const struct modbus_source *o = sources[0]->options;

    for (size_t i = 0; o->port && i < sizeof(usual) / sizeof(usual[0]); i++) {
        struct forecast f;
        if (usual[i] > o->baud && forecast_line(sources, count, usual[i], &f) == GW_OK &&
            f.load < FULL)
            return usual[i];
    }
    return 0;
}

static void advise(const struct source_config *const *sources, size_t count,
                   const struct forecast *fc, FILE *f)
{
    int64_t baud = better_baud(sources, count);

    fprintf(f,
            "    WARNING: not every period can be met; polls will fall out. What helps: \"every\" "
            "%.1f times as long",
            fc->load / FULL);
    if (baud)
        fprintf(f, "; baud: %lld", (long long)baud);
    fprintf(f, "; sensors that lie side by side, or a \"max_gap\" over the registers between them; "
               "devices on a second line\n");
}

void forecast_describe(const struct source_config *const *sources, size_t count, FILE *f)
{
    const struct modbus_source *o = sources[0]->options;
    struct forecast fc;

    if (forecast_line(sources, count, 0, &fc) != GW_OK || fc.requests == 0)
        return;
    if (o->port)
        fprintf(f, "  %s at %lld baud:", o->port, (long long)o->baud);
    else
        fprintf(f, "  %s port %s:", o->host, o->service);
    for (size_t i = 0; i < count; i++)
        fprintf(f, "%s %s", i ? "," : "", sources[i]->name);
    fprintf(
        f,
        "\n    %zu request%s, %zu bytes there and back; once all of them: about %.3g s, silences "
        "and devices' time to answer included; in use %.0f %%\n",
        fc.requests, fc.requests == 1 ? "" : "s", fc.bytes, fc.cycle_us / 1e6, fc.load * 100);
    if (fc.load > 1)
        advise(sources, count, &fc, f);
    else if (fc.load > FULL)
        fprintf(f, "    Little time is left for a unit that does not answer or answers slowly.\n");
    if (o->timeout_us > fc.shortest_us)
        fprintf(f,
                "    A unit that does not answer holds the line up for %g s at each probe, longer "
                "than the shortest period, %g s: a shorter \"timeout\" costs fewer polls.\n",
                (double)o->timeout_us / 1e6, (double)fc.shortest_us / 1e6);
}
