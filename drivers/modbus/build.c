/* SPDX-License-Identifier: Apache-2.0 */
/* A bus from its configuration. */
#include "drivers/modbus/bus_parts.h"
#include "gateway/core/clock.h"

#include <stdlib.h>

/* How late a reply may come, on lines where it cannot be told from another: this, or as many
 * time-outs when that is longer. */
#define LATE_US (5 * US_PER_SECOND)
#define LATE_TIMEOUTS 5

static struct unit *unit_for(struct bus *b, uint8_t id)
{
    struct unit *u = unit_find(b, id);

    if (!u) {
        u = &b->units[b->unit_count++];
        unit_init(b, u, id);
    }
    return u;
}

/* The first polls of all sources are spread too: a source of one request begins where its number
 * in the file says. */
static enum gw_err add_request(struct bus *b, struct request r)
{
    uint32_t id = (uint32_t)b->request_count;
    int64_t period = planned(&r)->period_us;

    b->requests[b->request_count++] = r;
    return schedule_add(b->schedule, id,
                        clock_mono_us() + schedule_phase(b->source->config->index + id, period),
                        period);
}

static enum gw_err add_device(struct bus *b, struct source *s, const struct device_config *device)
{
    const struct modbus_device *d = device->options;
    struct plan *plan = &b->plans[b->plan_count];
    enum gw_err err = modbus_plan_device(s->config, device, plan);

    if (err != GW_OK)
        return err;
    b->plan_count++;
    struct unit *u = unit_for(b, (uint8_t)d->unit_id);
    figures_name(&b->source->figures, u->figures, device->name);
    for (size_t i = 0; err == GW_OK && i < plan->request_count; i++)
        err = add_request(
            b,
            (struct request){.source = s, .device = device, .plan = plan, .index = i, .unit = u});
    return err;
}

/* The source of the line, then its members. */
static struct source *next_source(const struct bus *b, const struct source *s)
{
    return s == b->source ? s->members : s->next_member;
}

static enum gw_err fill(struct bus *b, size_t devices)
{
    enum gw_err err = schedule_create(&b->schedule, b->capacity + devices);

    for (struct source *s = b->source; s; s = next_source(b, s)) {
        for (size_t i = 0; err == GW_OK && i < s->config->device_count; i++)
            err = add_device(b, s, &s->config->devices[i]);
    }
    return err;
}

static size_t count_sensors(const struct source_config *c)
{
    size_t n = 0;

    for (size_t i = 0; i < c->device_count; i++)
        n += c->devices[i].sensor_count;
    return n;
}

enum gw_err bus_create(struct bus **out, struct source *s, struct transport *t)
{
    const struct modbus_source *config = s->config->options;
    struct transport_options o = modbus_transport_options(config);
    struct bus *b = calloc(1, sizeof(*b));
    size_t devices = 0;

    if (!b)
        return GW_ENOMEM;
    b->source = s;
    b->framing = o.framing;
    b->timeout_us = o.timeout_us;
    b->late_us = LATE_TIMEOUTS * o.timeout_us > LATE_US ? LATE_TIMEOUTS * o.timeout_us : LATE_US;
    b->pipeline = config->pipeline > 1 ? (size_t)config->pipeline : 1;
    for (const struct source *i = s; i; i = next_source(b, i)) {
        devices += i->config->device_count;
        b->capacity += count_sensors(i->config);
    }
    figures_begin(&s->figures);
    b->plans = calloc(devices + 1, sizeof(*b->plans));
    b->units = calloc(devices + 1, sizeof(*b->units));
    b->requests = calloc(b->capacity + 1, sizeof(*b->requests));
    b->batch = calloc(b->capacity + 1, sizeof(*b->batch));
    enum gw_err err =
        b->plans && b->units && b->requests && b->batch ? fill(b, devices) : GW_ENOMEM;
    if (err != GW_OK) {
        bus_destroy(b);
        return err;
    }
    b->transport = t;
    *out = b;
    return GW_OK;
}

void bus_destroy(struct bus *b)
{
    if (!b)
        return;
    for (size_t i = 0; i < b->plan_count; i++)
        plan_free(&b->plans[i]);
    transport_close(b->transport);
    schedule_destroy(b->schedule);
    free(b->plans);
    free(b->units);
    free(b->requests);
    free(b->batch);
    free(b);
}
